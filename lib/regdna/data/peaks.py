"""Peaks: BED and narrowPeak files, read strictly."""

import gzip
import re
import zlib
from pathlib import Path

import pandas as pd

BED_FIELDS = ("chrom", "start", "end", "name", "score", "strand")


def read_peaks(path, genome=None):
    """Read a BED or narrowPeak file.

    Comment, ``track`` and ``browser`` lines and blank lines are skipped; fields beyond the fourth are not needed and
    not kept. The file's order is kept.

    Parameters
    ----------
    path : path
        BED3 or more columns, tab- or space-separated, optionally gzipped.
    genome : regdna.data.genome.Genome, optional
        If given, chromosome names are turned into the genome's own and ends are held against its lengths.

    Returns
    -------
    pandas.DataFrame
        Columns chrom (str), start, end (int64, 0-based half-open), name (str; ``peak<line>`` where the file has none).

    Raises
    ------
    ValueError
        On the first malformed line, with file, line and field: too few fields, a coordinate that is no integer or
        negative, an end not after its start, an end beyond the chromosome, an unknown chromosome; or if there is no
        peak.
    """
    path = Path(path)
    rows, own_names = [], {}
    for number, line in enumerate(_lines(path), 1):
        if not _holds_peak(line):
            continue
        where = f"{path} line {number}"
        fields = line.rstrip("\r\n").split("\t" if "\t" in line else None)
        if re.match(r"[^\s,]+ *, *[^\s,]+ *,", line):
            raise ValueError(f"{where}: its fields are separated by commas; BED is separated by tabs")
        if len(fields) < 3:
            raise ValueError(f"{where}: {len(fields)} field(s); a BED line has at least chrom, start and end")
        if not rows and not re.search("[0-9]", fields[1] + fields[2]):
            raise ValueError(f"{where}: {line.strip()!r} looks like a header; begin it with # or delete it")
        chrom, start, end = fields[0], *(_coordinate(fields[i], BED_FIELDS[i], where) for i in (1, 2))
        if end <= start:
            raise ValueError(f"{where}: end {end} is not after start {start}")
        if genome is not None:
            if chrom not in own_names:
                try:
                    own_names[chrom] = genome.name(chrom)
                except KeyError as error:
                    raise ValueError(
                        f"{where}: {error.args[0]}; if it is one of these by another name, say so under "
                        "chromosome_aliases in the world's description"
                    ) from error
            chrom = own_names[chrom]
            if end > genome.lengths[chrom]:
                raise ValueError(f"{where}: end {end} is beyond {chrom}, which has {genome.lengths[chrom]} bases")
        name = fields[3] if len(fields) > 3 and fields[3] not in ("", ".") else f"peak{number}"
        rows.append((chrom, start, end, name))
    if not rows:
        raise ValueError(f"{path}: holds no peak")
    return pd.DataFrame(rows, columns=list(BED_FIELDS[:4])).astype({"start": "int64", "end": "int64"})


def read_narrowpeak(path):
    """Read the columns of a narrowPeak file that a peak caller adds to those of BED.

    Parameters
    ----------
    path : path
        As macs3 writes it: ten tab-separated columns.

    Returns
    -------
    pandas.DataFrame
        As from :func:`read_peaks`, and: signal (float), log_q (float, -log10 of the q-value), summit (int64, 0-based
        position on the chromosome).

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_peaks` raises them; also if a line has not ten fields, or a field is no number.
    """
    peaks = read_peaks(path)
    rows = [line.rstrip("\r\n").split("\t") for line in _lines(Path(path)) if _holds_peak(line)]
    if short := [row for row in rows if len(row) != 10]:
        raise ValueError(f"{path}: a line has {len(short[0])} field(s); narrowPeak has ten")
    try:
        added = pd.DataFrame([(float(row[6]), float(row[8]), int(row[9])) for row in rows])
    except ValueError as error:
        raise ValueError(f"{path}: signal, q-value and summit must be numbers ({error})") from error
    return peaks.assign(signal=added[0], log_q=added[1], summit=peaks["start"] + added[2])


def widen(peaks, width, lengths):
    """Set every peak to one width around its center.

    Point-like peaks (ChIP-exo) say where, not how wide; a bin needs an interval. At a chromosome's end the window is
    shifted inwards so that it keeps its width.

    Parameters
    ----------
    peaks : pandas.DataFrame
        As from :func:`read_peaks`.
    width : int
        New width in bases.
    lengths : dict of str to int
        Chromosome lengths in bases.

    Returns
    -------
    pandas.DataFrame
    """
    length = peaks["chrom"].map(lengths)
    start = ((peaks["start"] + peaks["end"]) // 2 - width // 2).clip(lower=0)
    start = start.where(start + width <= length, (length - width).clip(lower=0))
    return peaks.assign(start=start, end=(start + width).clip(upper=length))


def _lines(path):
    if not path.exists():
        raise FileNotFoundError(f"peak file {path} does not exist")
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        # A byte order mark, as some spreadsheets write it, is no part of the first chromosome's name.
        with gzip.open(path, "rt", encoding="utf-8-sig") if zipped else open(path, encoding="utf-8-sig") as file:
            yield from file
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: truncated, damaged or not a text file ({error})") from error


def _holds_peak(line):
    return line.strip() and not line.startswith(("#", "track", "browser"))


def _coordinate(text, field, where):
    if not re.fullmatch("-?[0-9]+", text):  # int() would also take 1_000, +1 and other scripts' digits
        hint = "; write it without thousands separators" if re.fullmatch("[0-9]{1,3}([,' ][0-9]{3})+", text) else ""
        raise ValueError(f"{where}: {field} {text!r} is not an integer{hint}")
    if len(text) > 18:
        raise ValueError(f"{where}: {field} {text} is beyond any chromosome")
    if text.startswith("-"):
        raise ValueError(f"{where}: {field} {text} is negative")
    return int(text)
