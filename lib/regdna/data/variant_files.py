"""Files of variants, read in chunks: VCF and BCF, tables with a header, BED; and files of sequence pairs."""

import gzip
import itertools
import os
import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pysam
from Bio.SeqIO.FastaIO import SimpleFastaParser

FARTHEST = 2**36  # bases
CHUNK = 10_000  # records at a time: memory does not grow with the file
CHROM, START, POS = ("#chr", "#chrom", "chr", "chrom", "chromosome"), ("start", "chromstart"), ("pos", "position")
ID, REF, ALT = ("id", "name", "rsid", "snp"), ("ref",), ("alt",)
BED = ["chrom", "start", "end", "id", "ref", "alt"]
RECORD = ["chrom", "start", "id", "ref", "alt"]
PAIR = ["id", "ref_sequence", "alt_sequence"]


def read_variants(path, chunk=CHUNK):
    """Read a file of variants in chunks; an alternative allele is a record, so a multi-allelic line gives several.

    Parameters
    ----------
    path : path
        VCF or BCF; a tab-separated table with a header that names a chromosome, ``pos`` (1-based, as ADASTRA's) or
        ``start`` (0-based), ``ref`` and ``alt``; or BED without header: chrom, start, end, id, ref, alt. Plain,
        gzipped or bgzipped; no index is needed.
    chunk : int
        Lines at a time.

    Yields
    ------
    pandas.DataFrame
        chrom (str), start (int, 0-based), id, ref, alt (str, "." where missing), and the other columns of a table as
        text, in the file's order.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is empty, damaged or none of these, or a line is malformed; with its number (in VCF, that of the
        record before it) and what is wrong.
    """
    path = Path(path)
    head = first_line(path)
    if head.startswith((b"##fileformat=VCF", b"BCF")):
        yield from _read_vcf(path, chunk)
        return
    lines = numbered_lines(path)
    number, first = next(((n, line) for n, line in lines if not line.startswith(("##", "track", "browser"))), (0, ""))
    columns, base = _columns(path, first)
    given = lines if base is not None else itertools.chain([(number, first)], lines)
    yield from _read_table(path, given, columns, base or 0, chunk)


def read_allele_pairs(path, chunk=CHUNK):
    """Read pairs of sequences that differ by a variant, in chunks, where no genome is at hand.

    Parameters
    ----------
    path : path
        FASTA with two records for each pair, named ``<id>|ref`` and ``<id>|alt`` and next to each other; or a
        tab-separated table with a header: id, ref_sequence, alt_sequence. Plain or gzipped.
    chunk : int
        Pairs at a time.

    Yields
    ------
    pandas.DataFrame
        id, ref_sequence, alt_sequence (str).

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is empty, damaged or neither of these, or a pair is not complete; with where and what is wrong.
    """
    path = Path(path)
    pairs = _fasta_pairs(path) if first_line(path).startswith(b">") else _table_pairs(path)
    while rows := list(itertools.islice(pairs, chunk)):
        yield pd.DataFrame(rows, columns=PAIR)


def vcf_records(path):
    """Read the records of a VCF or BCF file, one by one.

    Parameters
    ----------
    path : path
        Plain, gzipped or bgzipped; no index is needed.

    Yields
    ------
    pysam.VariantRecord

    Raises
    ------
    ValueError
        If the file is damaged or a line malformed; with the record before it.
    """
    before = pysam.set_verbosity(0)  # what htslib would print is raised below
    number, last = 0, ""
    try:
        with _for_htslib(path) as source, pysam.VariantFile(source) as file:
            for record in file:
                number += 1
                last = f" ({record.chrom}:{record.pos})"
                yield record
    except (EOFError, OSError, ValueError, zlib.error) as error:
        where = f"what follows record {number}{last}" if number else "its header"
        raise ValueError(
            f"{path}: not a readable VCF file, or a damaged one: {where} cannot be read; lines are tab-separated, of "
            "at least 8 fields, and none is blank"
        ) from error
    finally:
        pysam.set_verbosity(before)


def _read_vcf(path, chunk):
    rows = []
    for record in vcf_records(path):
        for alt in record.alts or (".",):
            rows.append((record.chrom, record.start, record.id or ".", record.ref or ".", alt))
        if len(rows) >= chunk:
            yield pd.DataFrame(rows, columns=RECORD)
            rows = []
    if rows:
        yield pd.DataFrame(rows, columns=RECORD)


@contextmanager
def _for_htslib(path):
    """Give what pysam can open: the path, or for plain gzip, in which it cannot seek, a pipe of the unzipped text."""
    with open(path, "rb") as file:
        head = file.read(14)
    if head[:2] != b"\x1f\x8b" or head[12:] == b"BC":  # no gzip, or in blocks, as bgzip writes it
        yield str(path)
        return
    reading, writing = os.pipe()

    def unzip():
        with open(writing, "wb") as target, gzip.open(path) as source, suppress(BrokenPipeError):
            shutil.copyfileobj(source, target)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(unzip)
        with open(reading, "rb") as text:
            yield text
        done.result()  # raises if the file is damaged


def _columns(path, line):
    """Names of a table's columns, and the first position of its counting, None if the line is no header."""
    names = line.rstrip("\r\n").split("\t")
    lower = [name.lower() for name in names]
    found = {
        new: next((names[lower.index(name)] for name in known if name in lower), None)
        for new, known in {"chrom": CHROM, "start": (*START, *POS), "id": ID, "ref": REF, "alt": ALT}.items()
    }
    if all(found[new] for new in ("chrom", "start", "ref", "alt")):
        renamed = {name: new for new, name in found.items()}
        columns = [renamed.get(name, name) for name in names]
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ValueError(f"{path}: two columns of the header could be {', '.join(twice)}; keep one")
        return columns, int(found["start"].lower() in POS)
    if len(names) >= len(BED) and names[1].isdigit() and names[2].isdigit():
        return [*BED, *(f"column {number}" for number in range(len(BED) + 1, len(names) + 1))], None
    shown = ", ".join(names[:8]) if line else "nothing"
    raise ValueError(
        f"{path}: neither VCF, nor a tab-separated table whose header names a chromosome, pos or start, ref and alt, "
        f"nor BED of chrom, start, end, id, ref, alt; it begins with {shown}"
    )


def _read_table(path, lines, columns, base, chunk):
    while part := list(itertools.islice(lines, chunk)):
        rows = []
        for number, line in part:
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) != len(columns):
                raise ValueError(f"{path} line {number}: {len(fields)} tab-separated fields, expected {len(columns)}")
            rows.append([field.strip() for field in fields])
        table = pd.DataFrame(rows, columns=columns)
        position = pd.to_numeric(table["start"], errors="coerce")  # ADASTRA has dumps with 129321262.0
        if (wrong := position.isna() | (position % 1 != 0) | (position.abs() > FARTHEST)).any():
            number, given = part[int(wrong.argmax())][0], table["start"][wrong.argmax()]
            raise ValueError(f"{path} line {number}: the position {given!r} is no integer, or beyond any chromosome")
        if "id" not in table:
            table["id"] = "."
        table["start"] = position.astype("int64") - base
        table["alt"] = table["alt"].str.split(",")
        table = table.explode("alt", ignore_index=True)
        table[["ref", "alt"]] = table[["ref", "alt"]].replace("", ".")
        yield table[[*RECORD, *(name for name in table if name not in RECORD)]]


def _fasta_pairs(path):
    with _text(path) as file:
        records = SimpleFastaParser(line for line in file if line.strip())
        for title, sequence in records:
            name, _, allele = (title.split() or [""])[0].rpartition("|")
            other, alternative = next(records, ("nothing", ""))
            if allele != "ref" or (other.split() or [""])[0] != f"{name}|alt":
                raise ValueError(
                    f"{path}: record {title!r} is followed by {other!r}; a pair is named <id>|ref and <id>|alt"
                )
            yield name, sequence, alternative


def _table_pairs(path):
    lines = numbered_lines(path)
    header = next(lines, (0, ""))[1].rstrip("\r\n").split("\t")
    if missing := [name for name in PAIR if name not in header]:
        raise ValueError(f"{path}: neither FASTA nor a table with a header that names {', '.join(missing)}")
    places = [header.index(name) for name in PAIR]
    for number, line in lines:
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) != len(header):
            raise ValueError(f"{path} line {number}: {len(fields)} tab-separated fields, expected {len(header)}")
        yield tuple(fields[place] for place in places)


def numbered_lines(path):
    """Read the lines of a text file that are not blank, plain or gzipped; yields (number from 1, line)."""
    with _text(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def first_line(path):
    """Read the first bytes of a file, unzipped, up to the end of its first line that is not blank.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it is no file, empty or damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"file {path} does not exist")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a pipe; it is read more than once, so give a file")
    with _text(path, "rb") as file:
        line = next((line for line in iter(lambda: file.readline(10_000), b"") if line.strip()), b"")
    if not line:
        raise ValueError(f"{path}: is empty")
    return line


@contextmanager
def _text(path, mode="rt"):
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        # A table saved by a spreadsheet may begin with a mark that says it is UTF-8.
        with (gzip.open if zipped else open)(path, mode, encoding="utf-8-sig" if mode == "rt" else None) as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: truncated or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error})") from error
