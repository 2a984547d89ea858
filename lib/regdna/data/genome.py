"""Genomes from FASTA, gzipped FASTA or UCSC 2bit files, as arrays of codes."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import py2bit
from numpy.lib.stride_tricks import sliding_window_view
from pyfaidx import Faidx, FastaIndexingError

from regdna.data import dna
from regdna.worlds.integrity import twobit_size


class Genome:
    """A genome whose chromosomes are read on first use and kept as codes.

    Parameters
    ----------
    path : path
        ``.2bit``, ``.fa``/``.fasta``/``.fna`` (indexed with ``.fai`` on first use) or any of these FASTA endings
        with ``.gz``.
    aliases : dict of str to str, optional
        Other names of chromosomes, ``{"chr1": "I"}``.

    Attributes
    ----------
    lengths : dict of str to int
        Chromosome lengths in bases, in file order.

    Raises
    ------
    FileNotFoundError
        If the file is absent.
    ValueError
        If the file is not a genome in one of the formats, or holds no sequence.
    """

    def __init__(self, path, aliases=None):
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f"genome file {self.path} does not exist")
        self.aliases = dict(aliases or {})
        self._codes = {}
        reader = _reader(self.path)
        self.lengths, self._read, self._unknown = reader(self.path)
        if not self.lengths:
            raise ValueError(f"{self.path}: holds no sequence")

    def name(self, chrom):
        """Give the genome's own name of a chromosome.

        Raises
        ------
        KeyError
            If neither the genome nor its aliases know it; the message lists what is known.
        """
        if chrom in self.lengths:
            return chrom
        if self.aliases.get(chrom) in self.lengths:
            return self.aliases[chrom]
        known = ", ".join(list(self.lengths)[:8]) + (", …" if len(self.lengths) > 8 else "")
        raise KeyError(f"chromosome {chrom!r} is not in {self.path.name}; it has {known}")

    def codes(self, chrom):
        """Read one chromosome as codes; it stays in memory.

        Returns
        -------
        uint8 array, shape (length,)
        """
        chrom = self.name(chrom)
        if chrom not in self._codes:
            try:
                self._codes[chrom] = dna.encode(self._read(chrom))
            except ValueError as error:
                raise ValueError(f"{self.path}, sequence {chrom}: {error}") from error
        return self._codes[chrom]

    def unknown(self, chrom):
        """Find the stretches of N of a chromosome; from a 2bit file, without reading its sequence.

        Returns
        -------
        start, end : int64 arrays, shape (stretches,)
            0-based half-open, sorted.
        """
        chrom = self.name(chrom)
        if self._unknown:
            return tuple(np.array(self._unknown(chrom), np.int64).reshape(-1, 2).T)
        at = np.flatnonzero(self.codes(chrom) == dna.N_CODE)
        breaks = np.flatnonzero(np.diff(at) > 1)
        return at[np.append(0, breaks + 1)[: len(at)]], at[np.append(breaks, -1)[: len(at)]] + 1

    def windows(self, chrom, start, width):
        """Cut windows of one width out of a chromosome.

        Parameters
        ----------
        chrom : str
        start : int array, shape (N,)
            0-based; a window that hangs over an end of the chromosome is filled with N.
        width : int
            In bases.

        Returns
        -------
        uint8 array, shape (N, width)
        """
        codes, start = self.codes(chrom), np.asarray(start, np.int64)
        cut = np.full((len(start), width), dna.N_CODE, np.uint8)
        whole = (start >= 0) & (start + width <= len(codes))
        if whole.any():
            cut[whole] = sliding_window_view(codes, width)[start[whole]]
        for row in np.flatnonzero(~whole):
            first, last = max(start[row], 0), min(start[row] + width, len(codes))
            cut[row, first - start[row] : max(last, first) - start[row]] = codes[first:last]
        return cut


def _reader(path):
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".2bit"]:
        return _open_2bit
    fasta = {".fa", ".fasta", ".fna"}
    if suffixes[-1:] == [".gz"] and set(suffixes[-2:-1]) & fasta:
        return _open_gzipped_fasta
    if set(suffixes[-1:]) & fasta:
        return _open_fasta
    raise ValueError(f"{path}: not a genome format; expected .2bit, .fa, .fasta, .fna or one of these FASTA with .gz")


def _open_2bit(path):
    try:
        twobit = py2bit.open(str(path))
        lengths = {name: int(length) for name, length in twobit.chroms().items()}
    except RuntimeError as error:
        raise ValueError(f"{path}: not a readable 2bit file; download it again") from error
    # The reader maps the file into memory and does not look where it ends.
    if path.stat().st_size < twobit_size(path):
        raise ValueError(f"{path}: truncated 2bit file; download it again")
    return lengths, twobit.sequence, twobit.hardMaskedBlocks


def _open_fasta(path):
    try:
        index = Faidx(str(path))
    except (FastaIndexingError, ValueError) as error:
        raise ValueError(f"{path}: not a readable FASTA file ({error})") from error
    lengths = {name: entry.rlen for name, entry in index.index.items()}
    return lengths, lambda chrom: index.fetch(chrom, 1, lengths[chrom]).seq, None


def _open_gzipped_fasta(path):
    # Plain gzip has no random access, so the whole file is read once; genomes this size fit in memory.
    try:
        with gzip.open(path, "rb") as file:
            text = file.read()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: truncated or damaged gzip file ({error}); download it again") from error
    sequences = {}
    for record in (b"\n" + text).split(b"\n>")[1:]:
        header, _, body = record.partition(b"\n")
        name = header.split()[0].decode() if header.split() else ""
        if not name or name in sequences:
            problem = f"has the name {name!r} of an earlier one" if name else "has an empty name"
            raise ValueError(f"{path}: record {len(sequences) + 1} {problem}")
        sequences[name] = body.replace(b"\n", b"").replace(b"\r", b"")
    return {name: len(sequence) for name, sequence in sequences.items()}, sequences.__getitem__, None
