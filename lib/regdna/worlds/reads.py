"""Sequencing reads of the simulated experiments: what a ChIP-seq library and its control would hold."""

import numpy as np
import pandas as pd

from regdna.worlds.elements import CLOSED

CONTROL = "control"


def simulate_reads(settings, seed, experiments, peaks, elements, lengths):
    """Simulate the reads of some experiments, and of one control for all of them.

    Every library holds fragments from anywhere, more of them from open elements, where chromatin breaks more easily:
    how many more is drawn for each element once and holds for all libraries. A treatment also holds what its antibody
    drags along from open elements, the same elements in every experiment, which the control does not show; and the
    fragments its factor or mark sat on, a Poisson number with a mean in proportion to the peak's signal. A fragment of
    a site contains the peak's summit; one of an element, whose mark covers it, contains some base of the peak. One of
    a fragment's two ends is read, inwards. Some reads are copies made by PCR.

    Each library draws from a random stream of its own, named by the seed and the library, so that no library changes
    with the others and nothing else in the world changes with the reads.

    Parameters
    ----------
    settings : dict
        ``reads`` of a world's ``simulation`` section: ``experiments`` (names), ``background_per_mb`` (fragments from
        anywhere), ``open_excess`` (mean, relative to the background's density), ``antibody_excess`` (mean, the same,
        treatments only), ``per_signal`` (mean fragments for a unit of signal), ``fragment`` (``mean`` and ``sd`` of
        its length, bases), ``length`` (of a read, bases), ``duplicates`` (share of reads that are copies).
    seed : int
    experiments : list of dict
        The ``experiments`` of a world description; ``at`` says what they bind.
    peaks : dict of str to pandas.DataFrame
        As from :func:`regdna.worlds.assays.true_peaks`.
    elements : pandas.DataFrame
        Alive on the reference: kind, chrom, start, end (0-based half-open).
    lengths : dict of str to int
        Chromosome lengths in bases.

    Yields
    ------
    name : str
        ``control``, then the experiments in their order; nothing if no experiment is sequenced.
    reads : pandas.DataFrame
        chrom (categorical), start, end (0-based half-open), strand; sorted by position, then strand.

    Raises
    ------
    ValueError
        If an experiment that is to be sequenced is not among ``experiments``.
    """
    binds = {experiment["name"]: experiment["at"] for experiment in experiments}
    if unknown := [name for name in settings["experiments"] if name not in binds]:
        raise ValueError(f"reads of {', '.join(unknown)} are to be simulated; the experiments are {', '.join(binds)}")
    genome = _Genome(lengths)
    opened = elements[elements["kind"] != CLOSED]
    start, end = genome.place(opened["chrom"], opened["start"]), genome.place(opened["chrom"], opened["end"])
    chromatin = _stream(seed, "chromatin")
    breaks = chromatin.gamma(2.0, settings["open_excess"] / 2, len(opened))
    # Few elements are dragged along by much: those that callers take for bound (Teytelman et al. 2013).
    dragged = chromatin.exponential(settings["antibody_excess"], len(opened))
    for name in [CONTROL, *settings["experiments"]] if settings["experiments"] else []:
        rng = _stream(seed, name)
        excess = breaks if name == CONTROL else breaks + dragged
        fragments = _background(settings, genome, start, end, excess, rng)
        if name != CONTROL:
            bound = _bound(settings, genome, peaks[name], binds[name], rng)
            fragments = [np.concatenate(pair) for pair in zip(fragments, bound)]
        yield name, _sequence(settings, genome, *fragments, rng)


class _Genome:
    """Chromosomes laid end to end, so that one number is a place."""

    def __init__(self, lengths):
        self.names = list(lengths)
        self.lengths = np.array(list(lengths.values()))
        self.ends = np.cumsum(self.lengths)
        self.offset = dict(zip(self.names, self.ends - self.lengths))

    def place(self, chrom, position):
        return chrom.map(self.offset).to_numpy(np.int64) + np.asarray(position)


def _stream(seed, name):
    return np.random.default_rng([seed, *name.encode()])


def _lengths(settings, count, rng):
    drawn = np.round(rng.normal(settings["fragment"]["mean"], settings["fragment"]["sd"], count)).astype(np.int64)
    return np.maximum(drawn, settings["length"])


def _background(settings, genome, start, end, excess, rng):
    """Draw the middle of each fragment: somewhere on the genome, or, for the excess, somewhere on an open element."""
    total = genome.ends[-1]
    count = round(settings["background_per_mb"] * total / 1e6)
    start, size = np.r_[0, start], np.r_[total, end - start]  # the genome is the first of the pieces to draw from
    upto = np.cumsum(np.r_[1.0, excess] * size)
    piece = np.searchsorted(upto, rng.random(count) * upto[-1], side="right")
    middle = start[piece] + (rng.random(count) * size[piece]).astype(np.int64)
    length = _lengths(settings, count, rng)
    return middle, middle - length // 2, length


def _bound(settings, genome, peaks, at, rng):
    count = rng.poisson(settings["per_signal"] * peaks["signal"].to_numpy())
    row = np.repeat(np.arange(len(peaks)), count)
    if at == "sites":
        offset = peaks["summit"].to_numpy()[row]
    else:
        offset = (rng.random(len(row)) * (peaks["end"] - peaks["start"]).to_numpy()[row]).astype(np.int64)
    held = genome.place(peaks["chrom"], peaks["start"])[row] + offset
    length = _lengths(settings, len(row), rng)
    return held, held - (rng.random(len(row)) * length).astype(np.int64), length


def _sequence(settings, genome, held, start, length, rng):
    """Read one end of each fragment, copy some reads, and sort them; ``held`` says on which chromosome it lies."""
    chrom = np.searchsorted(genome.ends, held, side="right")
    offset = (genome.ends - genome.lengths)[chrom]
    start = np.clip(start - offset, 0, genome.lengths[chrom] - length)  # a fragment ends with its chromosome
    minus = rng.random(len(start)) < 0.5
    start = np.where(minus, start + length - settings["length"], start)
    copies = round(len(start) * settings["duplicates"] / (1 - settings["duplicates"]))
    read = np.r_[np.arange(len(start)), rng.integers(0, len(start), copies)]
    read = read[np.lexsort((minus[read], start[read], chrom[read]))]
    return pd.DataFrame(
        {
            "chrom": pd.Categorical.from_codes(chrom[read], categories=genome.names),
            "start": start[read],
            "end": start[read] + settings["length"],
            "strand": np.where(minus[read], "-", "+"),
        }
    )
