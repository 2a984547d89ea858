"""Motifs of real transcription factors, from the JASPAR release that pyjaspar carries."""

from functools import cache
from typing import NamedTuple

import numpy as np
from pyjaspar import jaspardb


class Motif(NamedTuple):
    """A position weight matrix.

    Attributes
    ----------
    name, matrix_id : str
        ``CTCF``, ``MA0139.2``.
    probabilities : float array, shape (K, A)
        Each row, one column of the aligned sites, sums to 1; bases in the order ACGT.
    """

    name: str
    matrix_id: str
    probabilities: np.ndarray

    @property
    def information(self):
        """Information of each column in bits against uniform bases; float array, shape (K,)."""
        p = self.probabilities
        return 2 + (p * np.log2(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)


@cache
def _database(release):
    return jaspardb(release=release)


def fetch_motifs(names, release, tax_group="vertebrates"):
    """Get the CORE matrices of some factors.

    Of several matrices of a factor the one with the smallest number (the oldest profile, in its latest version) is
    taken.

    Parameters
    ----------
    names : iterable of str
        As JASPAR spells them, in any case: ``CTCF``, ``MAX::MYC``, ``AR``.
    release : str
        ``JASPAR2024``.
    tax_group : str
        ``vertebrates``, ``fungi``, …

    Returns
    -------
    dict of str to Motif

    Raises
    ------
    ValueError
        If the release has no matrix of that name in the taxonomic group.
    """
    motifs = {}
    for name in names:
        found = _database(release).fetch_motifs_by_name(name)
        found = [motif for motif in found if motif.collection == "CORE" and motif.tax_group == tax_group]
        if not found:
            raise ValueError(f"{release} has no CORE matrix of {tax_group} named {name!r}")
        motifs[name] = _motif(min(found, key=lambda motif: motif.matrix_id))
    return motifs


def fetch_all(release, tax_group="vertebrates"):
    """Get every CORE matrix of a taxonomic group (latest versions).

    Returns
    -------
    list of Motif, ordered by matrix id
    """
    found = _database(release).fetch_motifs(collection="CORE", tax_group=[tax_group])
    return sorted((_motif(motif) for motif in found), key=lambda motif: motif.matrix_id)


def _motif(record):
    counts = np.array([record.counts[base] for base in "ACGT"], float).T
    # A pseudocount of one read, spread evenly, keeps every base possible.
    return Motif(record.name, record.matrix_id, (counts + 0.25) / (counts.sum(axis=1, keepdims=True) + 1))
