"""Genomes from FASTA, gzipped FASTA or UCSC 2bit files, as arrays of codes."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import py2bit
from pyfaidx import Faidx, FastaIndexingError

from regdna.data import dna


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
        self.lengths, self._read = reader(self.path)
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
        codes = self.codes(chrom)
        at = np.asarray(start, np.int64)[:, None] + np.arange(width)
        inside = (at >= 0) & (at < len(codes))
        return np.where(inside, codes[np.clip(at, 0, len(codes) - 1)], dna.N_CODE).astype(np.uint8)


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
    if path.stat().st_size < _2bit_size(path):
        raise ValueError(f"{path}: truncated 2bit file; download it again")
    return lengths, lambda chrom: twobit.sequence(chrom)


def _2bit_size(path):
    """Work out where the last record of a 2bit file must end (https://genome.ucsc.edu/FAQ/FAQformat.html#format7)."""
    with open(path, "rb") as file:

        def integers(number):
            content = file.read(4 * number)
            return np.frombuffer(content, order + "u4") if len(content) == 4 * number else np.full(number, 2**31)

        order = "<"
        order = "<" if integers(1)[0] == 0x1A412743 else ">"
        offsets = []
        for _ in range(integers(3)[1]):
            file.read(file.read(1)[0])
            offsets.append(integers(1)[0])
        ends = [0]
        for offset in offsets:
            file.seek(int(offset))
            length = int(integers(1)[0])
            for _ in range(2):  # runs of N, then runs of lower case: a number, starts, sizes
                file.seek(8 * int(integers(1)[0]), 1)
            ends.append(file.tell() + 4 + -(-length // 4))
    return max(ends)


def _open_fasta(path):
    try:
        index = Faidx(str(path))
    except (FastaIndexingError, ValueError) as error:
        raise ValueError(f"{path}: not a readable FASTA file ({error})") from error
    lengths = {name: entry.rlen for name, entry in index.index.items()}
    return lengths, lambda chrom: index.fetch(chrom, 1, lengths[chrom]).seq


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
    return {name: len(sequence) for name, sequence in sequences.items()}, sequences.__getitem__
