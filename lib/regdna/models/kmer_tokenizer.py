"""Overlapping k-mers of DNA as tokens, as DNABERT (Ji et al. 2021, Bioinformatics 37:2112) and GeneBERT read it.

Five special tokens come first, [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4; then the 4**k k-mers in alphabetical
order, so the vocabulary has 69, 261, 1,029 or 4,101 tokens for k = 3, 4, 5 or 6. A k-mer that holds an N is [UNK].

Tokens overlap: a sequence of L bases has L - k + 1 of them, a base stands in up to k, and two neighbors of a token say
what it is. What that means for masking is told in :mod:`regdna.training.kmer_masks`.

Letters: B examples, R regions of an example, L bases of a region, K = L - k + 1 k-mers of it, T tokens.
"""

from typing import NamedTuple

import numpy as np

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
WIDEST = 8  # 4**8 k-mers; DNABERT's are at most 6

_BASES = 4  # codes below are A, C, G, T; from here on, unknown


class Segments(NamedTuple):
    """Examples as a BERT takes them: [CLS] first half of the regions [SEP] second half [SEP].

    Attributes
    ----------
    ids : int64 array, shape (B, T)
        T = R * K + 3; none of it is padding.
    types : int64 array, shape (B, T)
        Segment of a token: 0 up to the first [SEP], 1 behind it.
    """

    ids: np.ndarray
    types: np.ndarray


class KmerTokenizer:
    """Turns codes into k-mers.

    Parameters
    ----------
    k : int
        From 1 to 8.

    Attributes
    ----------
    size : int
        Tokens of the vocabulary, special ones included.

    Raises
    ------
    ValueError
        If k is out of range.
    """

    def __init__(self, k):
        if not 1 <= k <= WIDEST:
            raise ValueError(f"k is {k}; from 1 to {WIDEST}, since there are 4**k k-mers")
        self.k = k
        self.size = len(SPECIALS) + _BASES**k

    def kmers(self, codes):
        """Cut sequences into k-mers; none spans two sequences.

        Parameters
        ----------
        codes : uint8 array, shape (..., L)
            A 0, C 1, G 2, T 3, N 4.

        Returns
        -------
        int64 array, shape (..., K)

        Raises
        ------
        ValueError
            If these are no codes, or fewer bases than k.

        Examples
        --------
        >>> KmerTokenizer(2).kmers(np.array([0, 0, 1, 4, 3], np.uint8))  # AACNT: AA, AC, and two with N
        array([5, 6, 1, 1])
        """
        codes = np.asarray(codes)
        if codes.dtype != np.uint8 or codes.max(initial=0) > _BASES:
            raise ValueError(f"{codes.dtype} array of shape {codes.shape}: expected uint8 codes 0 to 4")
        number = codes.shape[-1] - self.k + 1
        if number < 1:
            raise ValueError(f"sequences of {codes.shape[-1]} bases hold no {self.k}-mer; at least {self.k} are needed")
        kmer, known = np.zeros((*codes.shape[:-1], number), np.int64), np.ones((*codes.shape[:-1], number), bool)
        for offset in range(self.k):
            base = codes[..., offset : offset + number]
            kmer = _BASES * kmer + base
            known &= base < _BASES
        return np.where(known, kmer + len(SPECIALS), UNK)


def join_regions(kmers):
    """Join the regions of each example to two segments.

    Parameters
    ----------
    kmers : int64 array, shape (B, R, K)
        R is even.

    Returns
    -------
    Segments
    """
    number, regions, width = kmers.shape
    if regions % 2:
        raise ValueError(f"{regions} regions cannot be halved into two segments; give an even number")
    first, second = kmers.reshape(number, 2, regions // 2 * width).transpose(1, 0, 2)
    cls, sep = (np.full((number, 1), token, np.int64) for token in (CLS, SEP))
    ids = np.concatenate([cls, first, sep, second, sep], 1)
    return Segments(ids, np.broadcast_to(np.arange(ids.shape[1]) > first.shape[1] + 1, ids.shape).astype(np.int64))


def join_sequences(tokenizer, codes, lengths):
    """Make an example of each sequence: [CLS] k-mers [SEP].

    Parameters
    ----------
    tokenizer : KmerTokenizer
    codes : uint8 array, shape (B, L)
        Filled with N on the right.
    lengths : int array, shape (B,)
        Bases of each; of fewer than k, one k-mer that holds N.

    Returns
    -------
    int64 array, shape (B, T)
        [PAD] behind the shorter ones.
    """
    short = max(tokenizer.k - codes.shape[1], 0)
    codes = np.pad(codes, ((0, 0), (0, short)), constant_values=_BASES)
    number = np.maximum(np.asarray(lengths) - tokenizer.k + 1, 1)
    ids = np.full((len(codes), codes.shape[1] - tokenizer.k + 3), PAD, np.int64)
    ids[:, 0] = CLS
    inside = np.arange(ids.shape[1] - 2) < number[:, None]
    ids[:, 1:-1][inside] = tokenizer.kmers(codes)[inside]
    ids[np.arange(len(codes)), number + 1] = SEP
    return ids


def tokens_for(regions, crop, k):
    """Count the tokens of an example: ``regions * (crop - k + 1) + 3``; 503 for 10 regions of 55 bases and k = 6."""
    return regions * (crop - k + 1) + 3
