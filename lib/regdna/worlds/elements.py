"""Regulatory elements of the simulated ancestor: where they lie and which motifs they hold."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.worlds.jaspar import fetch_motifs

CLOSED = "closed"  # the kind of a stretch whose site is open in some other cell type: a decoy here
CLOSED_LENGTH = 60
GAP = 4  # least distance in bases between two motifs of an element
_FLANK = 20  # bases kept free of motifs at both ends of an element


class SiteClasses(NamedTuple):
    """How a position evolves.

    Class ``c`` proposes a change at ``intensity[c]`` and draws the new base from its distribution.
    Positions of one motif column share a class, so a motif under selection mutates toward its own matrix.

    Attributes
    ----------
    intensity : float array, shape (C,)
        Proposals per neutral substitution; a proposal may draw the base that is already there.
    cumulative : float array, shape (C, A)
        Cumulative base distribution, ACGT.
    complement : int16 array, shape (C,)
        The class of the same position read from the other strand.
    backgrounds : int
        Classes below this number are isochores (neutral DNA).
    first_motif : int
        Classes from this number on are motif columns.
    element : dict of str to int
        Class of an element's bases outside its motifs, by kind.
    motif : dict of str to int
        Class of the first column of a motif; its columns follow one another, and behind them the columns of its
        reverse complement.
    """

    intensity: np.ndarray
    cumulative: np.ndarray
    complement: np.ndarray
    backgrounds: int
    first_motif: int
    element: dict
    motif: dict


class Layout(NamedTuple):
    """The ancestor's annotation.

    Attributes
    ----------
    elements : pandas.DataFrame
        Columns kind, start, end (0-based half-open on the concatenated genome), background (isochore class).
    sites : pandas.DataFrame
        Columns element (row in ``elements``), factor, motif, start, end, strand.
    """

    elements: pd.DataFrame
    sites: pd.DataFrame


def _composition(gc):
    return np.array([1 - gc, gc, gc, 1 - gc]) / 2


def build_classes(plan):
    """Make the table of site classes from a world's ``simulation`` section.

    A motif column's intensity falls linearly with its information, down to zero at 2 bits less the pseudocount.

    Parameters
    ----------
    plan : dict

    Returns
    -------
    classes : SiteClasses
    motifs : dict of str to regdna.worlds.jaspar.Motif
    """
    names = {name for kind in plan["elements"].values() for name in kind["motifs"]}
    names |= {factor["motif"] for factor in plan["factors"].values()}
    motifs = fetch_motifs(sorted(names), plan["jaspar"])

    def proposals(distribution, rate):  # F81: so many proposals give ``rate`` substitutions in equilibrium
        return rate / (1 - (distribution**2).sum())

    distributions = [_composition(gc) for gc in plan["isochores"]["gc"]]
    intensity = [proposals(d, 1.0) for d in distributions]
    complement = list(range(len(distributions)))
    backgrounds, element = len(distributions), {}
    for kind, settings in plan["elements"].items():
        element[kind] = len(distributions)
        complement.append(len(distributions))
        distributions.append(_composition(settings["gc"]))
        intensity.append(proposals(distributions[-1], plan["rates"]["element"]))
    first_motif, motif = len(distributions), {}
    for name, matrix in motifs.items():
        first, width = len(distributions), len(matrix.probabilities)
        motif[name] = first
        both = np.concatenate([matrix.probabilities, matrix.probabilities[::-1, ::-1]])
        distributions += list(both)
        looseness = 1 - matrix.information / 2
        intensity += list(plan["rates"]["motif"] * np.concatenate([looseness, looseness[::-1]]) / 0.75)
        complement += [first + 2 * width - 1 - i for i in range(2 * width)]
    classes = SiteClasses(
        np.array(intensity),
        np.cumsum(distributions, axis=1),
        np.array(complement, np.int16),
        backgrounds,
        first_motif,
        element,
        motif,
    )
    return classes, motifs


def draw_bases(site_class, classes, rng):
    """Draw one base for each position from its class's distribution; uint8 array, shape (L,)."""
    u = rng.random(len(site_class), np.float32)
    cumulative = classes.cumulative.astype(np.float32)
    return sum((u >= cumulative[:, base][site_class]).astype(np.uint8) for base in range(3))


def lay_out(plan, lengths, classes, motifs, rng):
    """Place isochores, elements and motifs on the ancestor.

    Parameters
    ----------
    plan : dict
        A world's ``simulation`` section.
    lengths : int array, shape (chromosomes,)
    classes : SiteClasses
    motifs : dict of str to Motif
    rng : numpy.random.Generator

    Returns
    -------
    layout : Layout
    site_class : int16 array, shape (L,)
        Class of every position of the concatenated genome.
    """
    total = int(np.sum(lengths))
    site_class = _isochores(plan["isochores"], total, rng)
    elements = _place_elements(plan, lengths, site_class, rng)
    rows = []
    for number, element in enumerate(elements.itertuples()):
        if element.kind != CLOSED:
            site_class[element.start : element.end] = classes.element[element.kind]
        for factor, motif, start, strand in _place_motifs(element, plan, motifs, rng):
            width = len(motifs[motif].probabilities)
            first = classes.motif[motif] + (width if strand == "-" else 0)
            site_class[start : start + width] = np.arange(first, first + width)
            rows.append((number, factor, motif, start, start + width, strand))
    sites = pd.DataFrame(rows, columns=["element", "factor", "motif", "start", "end", "strand"])
    return Layout(elements, sites), site_class


def _isochores(settings, total, rng):
    low, high = settings["length"]
    widths = rng.integers(low, high, 2 * total // (low + high) * 2 + 10)
    kinds = rng.integers(0, len(settings["gc"]), len(widths))
    return np.repeat(kinds, widths)[:total].astype(np.int16)


def _place_elements(plan, lengths, site_class, rng):
    megabases = np.sum(lengths) / 1e6
    kinds = [(kind, None) for kind, e in plan["elements"].items() for _ in range(round(e["per_mb"] * megabases))]
    kinds += [
        (CLOSED, name) for name, f in plan["factors"].items() for _ in range(round(f["decoys_per_mb"] * megabases))
    ]
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    # Each chromosome is cut into equal slots, one element to a slot, so that elements never overlap.
    chromosome_end = np.cumsum(lengths)
    share = np.round(len(kinds) * chromosome_end / chromosome_end[-1]).astype(int)
    rows, placed, offset = [], 0, 0
    for end, upto in zip(chromosome_end, share):
        slot = (end - offset) // max(upto - placed, 1)
        for i, (kind, decoy) in enumerate(kinds[placed:upto]):
            low, high = plan["elements"][kind]["length"] if kind != CLOSED else (CLOSED_LENGTH, CLOSED_LENGTH + 1)
            length = int(rng.integers(low, high))
            if slot <= length + 2 * _FLANK:
                raise ValueError(f"elements of up to {high} bases do not fit one to {slot} bases; lower per_mb")
            start = int(offset + i * slot + rng.integers(_FLANK, slot - length - _FLANK))
            rows.append((kind, decoy, start, start + length, int(site_class[start])))
        placed, offset = upto, end
    return pd.DataFrame(rows, columns=["kind", "decoy", "start", "end", "background"])


def _place_motifs(element, plan, motifs, rng):
    """Yield (factor or "", motif, start, strand) of one element; no overlaps, the assayed factors near its center."""
    factors = plan["factors"]
    if element.kind == CLOSED:
        wanted = [(element.decoy, factors[element.decoy]["motif"])]
    else:
        wanted = [(name, f["motif"]) for name, f in factors.items() if rng.random() < f["in"].get(element.kind, 0)]
        helpers = [(m, rng.poisson(mean)) for m, mean in plan["elements"][element.kind]["motifs"].items()]
        helpers = [("", motif) for motif, copies in helpers for _ in range(copies)]
        wanted += [helpers[i] for i in rng.permutation(len(helpers))]
    taken = []
    for factor, motif in wanted:
        width = len(motifs[motif].probabilities)
        low, high = element.start + _FLANK, element.end - _FLANK - width
        if factor and high > low:  # the middle half
            low, high = (3 * low + high) // 4, (low + 3 * high) // 4
        for _ in range(20):  # a motif that finds no room is left out
            start = int(rng.integers(low, max(high, low + 1)))
            if all(start + width + GAP <= a or start >= b + GAP for a, b in taken):
                taken.append((start, start + width))
                yield factor, motif, start, "+-"[rng.integers(2)]
                break
