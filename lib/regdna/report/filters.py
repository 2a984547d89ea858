"""What the first layer of a network looks for: its filters as motifs, matched to JASPAR."""

from typing import NamedTuple

import keras
import numpy as np
from memelite import tomtom


class FilterMotif(NamedTuple):
    """A filter and the JASPAR motif it resembles most.

    Attributes
    ----------
    filter : int
    sites : int
        Windows the filter's motif was read from.
    probabilities : float array, shape (K, A)
    match : regdna.worlds.jaspar.Motif
    p_value : float
        Of the match, by Tomtom (Gupta et al. 2007, Genome Biol 8:R24), times the number of motifs it was chosen from.
    offset : int
        Columns by which the match is shifted against the filter.
    strand : str
        "+" or "-", of the match.
    """

    filter: int
    sites: int
    probabilities: np.ndarray
    match: object
    p_value: float
    offset: int
    strand: str


def filter_motifs(network, codes, share=0.5):
    """Read a motif off every filter: the mean of the windows that excite it most.

    In each sequence the best window of a filter is kept if it reaches ``share`` of the filter's largest activation over
    all sequences (Alipanahi et al. 2015, Nat Biotechnol 33:831, with a relative threshold).

    Parameters
    ----------
    network : keras.Model
        With a convolution named ``filters`` on one-hot codes.
    codes : uint8 array, shape (N, L)
        Sequences to read from, usually positives.
    share : float

    Returns
    -------
    list of (filter, sites, probabilities of shape (K, A))
        For filters with at least 10 sites, by number of sites.
    """
    layer = network.get_layer("filters")
    width = layer.kernel.shape[0]
    scan = keras.Model(network.inputs, layer.output)
    batches = np.array_split(codes, range(256, len(codes), 256))
    activation = np.concatenate([np.asarray(scan(batch)) for batch in batches])  # (N, positions, C)
    best_at, best = activation.argmax(axis=1), activation.max(axis=1)  # (N, C)
    motifs = []
    for number in range(best.shape[1]):
        rows = np.flatnonzero((best[:, number] > 0) & (best[:, number] >= share * best[:, number].max()))
        if len(rows) < 10:
            continue
        windows = codes[rows[:, None], best_at[rows, number][:, None] + np.arange(width)]
        counts = np.stack([(windows == base).sum(axis=0) for base in range(4)], axis=1) + 0.25
        motifs.append((number, len(rows), counts / counts.sum(axis=1, keepdims=True)))
    return sorted(motifs, key=lambda motif: -motif[1])


def match_motifs(motifs, known):
    """Match filter motifs to known ones.

    Parameters
    ----------
    motifs : list
        From :func:`filter_motifs`.
    known : list of regdna.worlds.jaspar.Motif

    Returns
    -------
    list of FilterMotif
        Most significant first.
    """
    queries = [probabilities.T for _, _, probabilities in motifs]
    targets = [motif.probabilities.T for motif in known]
    p_values, _, offsets, _, strands = tomtom(queries, targets, n_jobs=1)
    best = p_values.argmin(axis=1)
    found = [
        FilterMotif(
            number,
            sites,
            probabilities,
            known[t],
            float(min(1.0, p_values[q, t] * len(known))),
            int(offsets[q, t]),
            "-" if strands[q, t] else "+",
        )
        for q, ((number, sites, probabilities), t) in enumerate(zip(motifs, best))
    ]
    return sorted(found, key=lambda motif: motif.p_value)
