"""Sequencing reads: BED and BAM files, read strictly."""

import gzip
import os
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.data.intervals import expand

# Reads that say nothing about where a fragment began: unmapped, not the best place of a read, failed, or supplementary;
# and of a pair, the second mate and whatever is not properly paired. macs3 leaves out the same ones.
_LEFT_OUT = 0x4 | 0x100 | 0x200 | 0x800
_PAIRED, _PROPER, _MATE_UNMAPPED, _SECOND_MATE, _MINUS = 0x1, 0x2, 0x8, 0x80, 0x10
_BAM_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_ON_REFERENCE = {0, 2, 3, 7, 8}  # CIGAR operations that move along the reference: M, D, N, = and X


class ReadFile(NamedTuple):
    """What a file of reads holds.

    Attributes
    ----------
    format : str
        BED or BAM.
    records : int
        All records.
    reads : dict of str to int
        By chromosome, the records that tell where a fragment began; see :func:`read_reads`.
    ends : dict of str to int
        By chromosome, the end of the last of these reads, in bases from the chromosome's start.
    """

    format: str
    records: int
    reads: dict
    ends: dict


def scan_reads(path):
    """Read a file of reads from end to end, keeping counts only.

    Parameters
    ----------
    path : path

    Returns
    -------
    ReadFile

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_reads` raises them.
    """
    kind, records = _open(path)
    number, reads, ends = 0, Counter(), {}
    for record in records:
        number += 1
        if record is not None:
            chrom, _, end, _ = record
            reads[chrom] += 1
            if end > ends.get(chrom, 0):
                ends[chrom] = end
    if not reads:
        raise ValueError(f"{path}: holds no mapped read")
    return ReadFile(kind, number, dict(reads), ends)


def read_reads(path):
    """Read a file of reads.

    Records of a BAM file that do not tell where a fragment began are left out: unmapped, secondary, supplementary and
    failed ones, second mates, and mates that are not properly paired.

    Parameters
    ----------
    path : path
        BED of at least six tab-separated columns, or BAM, recognized by the content; BED may be gzipped.

    Returns
    -------
    pandas.DataFrame
        chrom (categorical), start, end (int64, 0-based half-open), strand ("+" or "-"); in the file's order. A BAM
        read ends where its alignment does.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is empty, truncated or neither BED nor BAM; on the first malformed line of a BED file, with its
        number and what is wrong.
    """
    rows = [record for record in _open(path)[1] if record is not None]
    if not rows:
        raise ValueError(f"{path}: holds no mapped read")
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "strand"])
    return table.astype({"chrom": "category", "start": "int64", "end": "int64"})


def coverage(reads, start, end):
    """Count the reads over every base of a region.

    Parameters
    ----------
    reads : pandas.DataFrame
        Of the region's chromosome: start, end.
    start, end : int
        0-based half-open, in bases.

    Returns
    -------
    int64 array, shape (L,)
    """
    change = np.zeros(end - start + 1, np.int64)
    np.add.at(change, np.clip(reads["start"].to_numpy() - start, 0, end - start), 1)
    np.add.at(change, np.clip(reads["end"].to_numpy() - start, 0, end - start), -1)
    return np.cumsum(change)[:-1]


def end_profile(reads, chrom, position, reach):
    """Count where reads begin around places, by strand.

    Parameters
    ----------
    reads : pandas.DataFrame
        As from :func:`read_reads`.
    chrom : sequence of str, length N
    position : int array, shape (N,)
        0-based.
    reach : int
        In bases.

    Returns
    -------
    pandas.DataFrame
        By offset from -reach to reach - 1: the mean number of reads per place whose 5' end lies there, columns "+"
        and "-". The 5' end of a read on the minus strand is its last base.
    """
    chrom, position = np.asarray(chrom, object), np.asarray(position)
    profile = {}
    for strand in "+-":
        count = np.zeros(2 * reach, np.int64)
        here = reads[reads["strand"] == strand]
        begins = here["start"] if strand == "+" else here["end"] - 1
        for name, places in begins.groupby(here["chrom"].astype(object)):
            places, around = np.sort(places.to_numpy()), position[chrom == name]
            first = np.searchsorted(places, around - reach)
            row, item = expand(np.searchsorted(places, around + reach) - first)
            count += np.bincount(places[first[row] + item] - around[row] + reach, minlength=2 * reach)
        profile[strand] = count / len(position)
    return pd.DataFrame(profile, index=np.arange(-reach, reach))


def _open(path):
    """Return the format of a file of reads and a generator of (chrom, start, end, strand), None for one left out."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"file of reads {path} does not exist")
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    opener = gzip.open if zipped else open
    try:
        with opener(path, "rb") as file:
            magic = file.read(4)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: truncated or damaged ({error})") from error
    if not magic:
        raise ValueError(f"{path}: is empty")
    if magic == b"CRAM" or magic[:1] == b"@":
        other = "CRAM" if magic == b"CRAM" else "SAM or FASTQ"
        raise ValueError(f"{path}: looks like {other}; give aligned reads as BED or BAM")
    if magic != b"BAM\1":
        return "BED", _whole(path, opener, _bed)
    if _last_bytes(path, len(_BAM_END)) != _BAM_END:
        raise ValueError(f"{path}: lacks the mark at the end of a BAM file; it is probably truncated")
    return "BAM", _whole(path, opener, _bam)


def _last_bytes(path, count):
    with open(path, "rb") as file:
        file.seek(-min(count, path.stat().st_size), os.SEEK_END)
        return file.read()


def _whole(path, opener, parse):
    try:
        with opener(path, "rb") as file:
            yield from parse(path, file)
    except (EOFError, IndexError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise ValueError(f"{path}: truncated or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: neither BED nor BAM ({error})") from error


def _bed(path, file):
    heading = True
    for number, line in enumerate(file, 1):
        if heading and line.startswith((b"#", b"track", b"browser")):
            continue
        heading = False
        fields = line.decode("ascii").rstrip("\r\n").split("\t")
        if len(fields) < 6:
            raise ValueError(
                f"{path} line {number}: {len(fields)} tab-separated field(s); a read in BED has six: chrom, start, "
                "end, name, score and strand"
            )
        chrom, start, end, _, _, strand = fields[:6]
        if not (start.isdigit() and end.isdigit()):
            raise ValueError(f"{path} line {number}: start {start!r} and end {end!r} must be integers, 0 or more")
        start, end = int(start), int(end)
        if end <= start:
            raise ValueError(f"{path} line {number}: end {end} is not after start {start}")
        if strand != "+" and strand != "-":
            raise ValueError(f"{path} line {number}: strand {strand!r} is not + or -; are these reads?")
        yield chrom, start, end, strand


def _bam(path, file):
    """Read BAM records; format: https://samtools.github.io/hts-specs/SAMv1.pdf, section 4.2."""

    def number():
        return struct.unpack("<i", file.read(4))[0]

    file.read(4)
    file.read(number())
    names = []
    for _ in range(number()):
        names.append(file.read(number())[:-1].decode("ascii"))
        number()
    while size := file.read(4):
        (size,) = struct.unpack("<i", size)
        record = file.read(size)
        if len(record) < size:
            raise EOFError("it ends within a read")
        chrom, start, name_length, operations, flag = struct.unpack_from("<iiBxxxHH", record)
        pair_left_out = flag & _PAIRED and (flag & (_SECOND_MATE | _MATE_UNMAPPED) or not flag & _PROPER)
        if chrom < 0 or flag & _LEFT_OUT or pair_left_out:
            yield None
            continue
        cigar = struct.unpack_from(f"<{operations}I", record, 32 + name_length)
        span = sum(code >> 4 for code in cigar if code & 15 in _ON_REFERENCE)
        yield names[chrom], start, start + span, "-" if flag & _MINUS else "+"
