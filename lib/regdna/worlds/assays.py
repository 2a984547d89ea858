"""What an assay of the simulated reference would report: peaks at what is alive there."""

import numpy as np
import pandas as pd


def true_peaks(experiments, elements, sites, lengths, rng):
    """Make the peaks of every experiment, as a caller without error would find them.

    An experiment looks either at the open ``sites`` of a factor (its motif under selection inside an open element; a
    decoy, closed in this cell type, is not bound), or at the open ``elements`` of some kinds.

    Parameters
    ----------
    experiments : list of dict
        The ``experiments`` of a world description; ``at`` says where to look, ``share`` of the sites is bound (1 by
        default), peaks are centered within ``jitter`` bases of the site and are ``width`` bases wide.
    elements, sites : pandas.DataFrame
        Alive on the reference: columns kind (of the element), chrom, start, end (0-based half-open) and, for sites,
        factor.
    lengths : dict of str to int
        Chromosome lengths in bases; a peak that would end beyond its chromosome is shifted inwards.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to pandas.DataFrame
        By experiment: chrom, start, end, name, signal (occupancy), summit (offset from start), sorted by position.
    """
    return {experiment["name"]: _peaks(experiment, elements, sites, lengths, rng) for experiment in experiments}


def _peaks(experiment, elements, sites, lengths, rng):
    if experiment["at"] == "sites":
        chosen = sites[(sites["factor"] == experiment["motif"]) & (sites["kind"] != "closed")]
        chosen = chosen[rng.random(len(chosen)) < experiment.get("share", 1.0)]
    else:
        chance = elements["kind"].map(experiment["kinds"]).fillna(0.0)
        chosen = elements[rng.random(len(elements)) < chance]
    width, jitter = experiment["width"], experiment.get("jitter", 5)
    summit = (chosen["start"] + chosen["end"]).to_numpy() // 2 + rng.integers(-jitter, jitter + 1, len(chosen))
    start = np.clip(summit - width // 2, 0, chosen["chrom"].map(lengths).to_numpy() - width)
    peaks = pd.DataFrame(
        {"chrom": chosen["chrom"], "start": start, "end": start + width, "summit": summit - start}
    ).assign(signal=np.round(rng.gamma(4.0, 2.0, len(chosen)), 3))
    peaks = peaks.sort_values(["chrom", "start"], key=_by_number, kind="stable").reset_index(drop=True)
    return peaks.assign(name=[f"{experiment['name']}_{i}" for i in range(1, len(peaks) + 1)])


def _by_number(column):
    return column.str.removeprefix("chr").astype(int) if column.name == "chrom" else column
