"""How alike sequences are, by the words they share: quick enough for every pair, blind to place and strand."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from regdna.data import dna

CHUNK = 20_000  # subjects compared at a time


class Nearest(NamedTuple):
    """The most similar subject of each query.

    Attributes
    ----------
    share : float64 array, shape (N,)
        Share of the query's words that the subject has, too; 0 for a query without a word.
    subject : int64 array, shape (N,)
        Row of the first such subject, -1 where no word is shared.
    """

    share: np.ndarray
    subject: np.ndarray


def words(codes, k):
    """Number the words of sequences, a word and its reverse complement alike.

    Parameters
    ----------
    codes : uint8 array, shape (N, L)
    k : int
        Letters of a word, 31 at most.

    Returns
    -------
    int64 array, shape (N, L - k + 1)
        -1 where a word has an unknown base.
    """
    length = codes.shape[1] - k + 1
    forward, backward = np.zeros((2, len(codes), length), np.int64)
    known = np.ones((len(codes), length), bool)
    for i in range(k):
        letter = codes[:, i : i + length]
        known &= letter < dna.N_CODE
        forward = forward * 4 + letter
        backward += (3 - letter.astype(np.int64)) << (2 * i)
    return np.where(known, np.minimum(forward, backward), -1)


def nearest(queries, subjects, k=12):
    """Find for each query the subject that shares most of its words.

    By chance two windows of 200 bases share a word of 12 letters once in some hundred pairs, and rarely two.

    Parameters
    ----------
    queries : uint8 array, shape (N, L)
    subjects : uint8 array, shape (M, L)
    k : int
        Letters of a word.

    Returns
    -------
    Nearest
    """
    of_queries = words(queries, k)
    vocabulary = np.unique(of_queries)
    vocabulary = vocabulary[vocabulary >= 0]
    have = _incidence(of_queries, vocabulary)
    number = np.maximum(have.sum(axis=1), 1)
    share, subject = np.zeros(len(queries)), np.full(len(queries), -1)
    for first in range(0, len(subjects), CHUNK):
        shared = have @ _incidence(words(subjects[first : first + CHUNK], k), vocabulary).T
        best = shared.argmax(axis=1)
        found = shared.max(axis=1).toarray() / number
        better = found > share
        share[better], subject[better] = found[better], first + best[better]
    return Nearest(share, subject)


def _incidence(numbers, vocabulary):
    """Which sequence has which word of the vocabulary; sparse int32 array, shape (sequences, words)."""
    if not len(vocabulary):
        return csr_array((len(numbers), 1), dtype=np.int32)
    at = np.searchsorted(vocabulary, numbers).clip(max=len(vocabulary) - 1)
    row, place = np.nonzero(vocabulary[at] == numbers)
    pairs = np.unique(np.stack([row, at[row, place]]), axis=1)
    return csr_array((np.ones(pairs.shape[1], np.int32), tuple(pairs)), (len(numbers), len(vocabulary)))
