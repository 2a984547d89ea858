"""Motif scores of sequences."""

import numpy as np

from regdna.data import dna


def log_odds(probabilities):
    """Turn a position weight matrix into log-odds against uniform bases, in bits; float array, shape (K, A)."""
    return np.log2(np.asarray(probabilities) / 0.25)


def best_scores(codes, probabilities):
    """Find the best match of a motif on either strand of each sequence.

    Parameters
    ----------
    codes : uint8 array, shape (N, L), L at least K
        A position that is N scores -2 bits, about the mean of a mismatch.
    probabilities : float array, shape (K, A)
        No entry is 0.

    Returns
    -------
    float32 array, shape (N,)
        Log-odds in bits.

    Raises
    ------
    ValueError
        If the sequences are shorter than the motif.
    """
    weights = np.column_stack([log_odds(probabilities), np.full(len(probabilities), -2.0)]).astype(np.float32)
    width, positions = len(weights), codes.shape[1] - len(weights) + 1
    if positions < 1:
        raise ValueError(f"sequences of {codes.shape[1]} bases are shorter than the motif of {width}")
    best = np.full(len(codes), -np.inf, np.float32)
    for strand in (codes, dna.reverse_complement(codes)):
        score = np.zeros((len(codes), positions), np.float32)
        for column in range(width):
            score += weights[column][strand[:, column : column + positions]]
        best = np.maximum(best, score.max(axis=1))
    return best
