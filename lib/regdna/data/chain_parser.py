"""The text of UCSC chain files, turned into sorted arrays (https://genome.ucsc.edu/goldenPath/help/chain.html)."""

import gzip
import re
import zlib

import numpy as np

from regdna.data.intervals import expand

PIECE = 1 << 19  # bytes of text parsed at a time; the text and its numbers take several times the memory of the arrays
_HEADER = re.compile(rb"^chain[ \t].*$", re.MULTILINE)
_COMMENT = re.compile(rb"^#.*$", re.MULTILINE)


class _Headers:
    """What the header lines say, one column for each field."""

    def __init__(self):
        self.t_names, self.q_names = {}, {}  # name -> (number, size)
        self.rows = []

    def add(self, fields):
        score, t_size, t_start, t_end, q_size, q_start, q_end = (int(fields[i]) for i in (1, 3, 5, 6, 8, 10, 11))
        t = self._number(self.t_names, fields[2].decode(), t_size)
        q = self._number(self.q_names, fields[7].decode(), q_size)
        self.rows.append((score, t, t_size, t_start, t_end, q, q_size, fields[9] == b"-", q_start, q_end))

    @staticmethod
    def _number(names, name, size):
        number, known = names.setdefault(name, (len(names), size))
        if known != size:
            raise _Damage(f"{name} has {size} bases here and {known} in an earlier chain")
        return number


class _Damage(Exception):
    """What is wrong with a chain."""


def parse(path):
    """Parse a chain file piece by piece.

    Parameters
    ----------
    path : path
        Plain or gzipped.

    Returns
    -------
    dict of str to array
        The fields of :class:`regdna.data.chains.Chains`.

    Raises
    ------
    ValueError
        As :func:`regdna.data.chains.read_chains` raises it.
    """
    headers, columns, lines = _Headers(), [_Column() for _ in range(4)], 0
    for text in _pieces(path):
        for column, values in zip(columns, _blocks(text, headers, lines, path)):
            column.extend(values)
        lines += text.count(b"\n")
    if not headers.rows:
        raise ValueError(f"{path}: not a chain file; its first line is not a chain header")
    return _sorted(headers, [columns.pop(0).array() for _ in range(4)])  # which then holds the only ones


class _Column:
    """Integers that grow in place: a list of arrays and their concatenation would need the memory twice."""

    def __init__(self):
        self.bytes, self.kind = bytearray(), np.dtype(np.int32)

    def extend(self, values):
        if values.dtype.itemsize > self.kind.itemsize:
            self.bytes, self.kind = bytearray(self.array().astype(values.dtype)), values.dtype
        self.bytes += values.astype(self.kind, copy=False).data

    def array(self):
        return np.frombuffer(self.bytes, self.kind)


def _pieces(path):
    """Yield the text in pieces that end where a header begins."""
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
            text = b""
            while more := file.read(PIECE):
                text += more
                cut = text.rfind(b"\nchain") + 1
                if cut:
                    yield text[:cut]
                    text = text[cut:]
            yield text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: truncated or damaged gzip file ({error}); download it again") from error


def _blocks(text, headers, lines, path):
    """Parse whole chains; returns start, start in the other genome, size and chain of each block, in file order."""
    spans = [match.span() for match in _HEADER.finditer(text)]
    before = text[: spans[0][0]] if spans else text
    if _COMMENT.sub(b"", before).strip():
        raise ValueError(f"{path}: not a chain file; its first line is not a chain header")

    def fail(i, problem):
        line = lines + text.count(b"\n", 0, spans[i][0]) + 1
        raise ValueError(f"{path} line {line}, chain {text[slice(*spans[i])].decode(errors='replace')!r}: {problem}")

    first_chain, numbers = len(headers.rows), []
    ends = [start for start, _ in spans[1:]] + [len(text)]
    for i, ((start, stop), end) in enumerate(zip(spans, ends)):
        fields = text[start:stop].split()
        if len(fields) not in (12, 13):
            fail(i, f"{len(fields)} fields in the header, expected 13")
        body = text[stop:end]
        try:
            headers.add(fields)
            numbers.append(np.fromstring(_COMMENT.sub(b"", body) if b"#" in body else body, np.int64, sep=" "))
        except ValueError:
            fail(i, "a field that must be an integer is not")
        except _Damage as damage:
            fail(i, str(damage))
        if fields[4] != b"+" or fields[9] not in (b"+", b"-"):
            fail(i, "strands must be + for the first genome and + or - for the second")
        if not body.strip() or len(numbers[-1]) % 3 != 1:
            fail(i, "its block lines are incomplete; the file is truncated or damaged")
    if not spans:
        return tuple(np.empty(0, np.int32) for _ in range(4))

    rows = np.array(headers.rows[first_chain:], np.int64)
    t_size, t_start, t_end, q_size, q_start, q_end = rows[:, [2, 3, 4, 6, 8, 9]].T
    count = np.array([len(values) // 3 + 1 for values in numbers])
    # A last line has a size only; with two zeros behind it every line has three numbers.
    table = np.concatenate([part for values in numbers for part in (values, (0, 0))]).reshape(-1, 3)
    chain = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    size, t_step, q_step = table[:, 0], table[:, 0] + table[:, 1], table[:, 0] + table[:, 2]
    for wrong, problem in (
        (np.minimum.reduceat(table.min(axis=1), first) < 0, "negative number in a block line"),
        (
            np.add.reduceat(t_step, first) != t_end - t_start,
            "its blocks do not end where the header says (first genome)",
        ),
        (
            np.add.reduceat(q_step, first) != q_end - q_start,
            "its blocks do not end where the header says (second genome)",
        ),
        ((t_start < 0) | (t_end > t_size) | (q_start < 0) | (q_end > q_size), "it runs beyond a chromosome's end"),
    ):
        if wrong.any():
            fail(int(np.argmax(wrong)), problem)
    t_before, q_before = np.cumsum(t_step) - t_step, np.cumsum(q_step) - q_step
    start = t_start[chain] + t_before - t_before[first][chain]
    to = q_start[chain] + q_before - q_before[first][chain]
    dtype = np.int32 if max(t_size.max(), q_size.max()) < 2**31 else np.int64
    return tuple(column[size > 0].astype(dtype) for column in (start, to, size, first_chain + chain))


def _sorted(headers, columns):
    score, t_chrom, t_start, t_end, q_chrom, minus = np.array(headers.rows, np.int64)[:, [0, 1, 3, 4, 5, 7]].T
    rank = np.argsort(-score, kind="stable")
    number = np.empty(len(rank), np.int32)
    number[rank] = np.arange(len(rank))
    t_names, t_sizes, t_code = _by_name(headers.t_names)
    q_names, q_sizes, q_code = _by_name(headers.q_names)

    # One column and one chromosome at a time, so that little is held twice.
    start, chain = columns[0], columns[3]
    count = np.bincount(chain, minlength=len(rank))
    first = np.cumsum(count) - count
    chain[:] = number[chain]
    order, offset = [], [0]
    for chains_here in np.split(rank[np.argsort(t_code[t_chrom[rank]], kind="stable")], _bounds(t_code[t_chrom])):
        row, item = expand(count[chains_here])
        rows = first[chains_here][row] + item
        # Equal starts stay in the order of the chains' numbers.
        order.append(rows[np.argsort(start[rows], kind="stable")].astype(np.uint32))
        offset.append(offset[-1] + len(rows))
    order = np.concatenate(order)
    del start, chain
    start, to, size, chain = (columns.pop(0)[order] for _ in range(4))
    del order
    end = np.add(start, size, out=size)
    return {
        "t_names": t_names,
        "q_names": q_names,
        "t_sizes": t_sizes,
        "q_sizes": q_sizes,
        "score": score[rank],
        "t_start": t_start[rank],
        "t_end": t_end[rank],
        "t_chrom": t_code[t_chrom[rank]],
        "q_chrom": q_code[q_chrom[rank]],
        "minus": minus[rank].astype(bool),
        "block_start": start,
        "block_end": end,
        "block_to": to,
        "block_chain": chain,
        "block_offset": np.array(offset),
    }


def _bounds(codes):
    """Where each number from 1 on begins among the sorted codes."""
    return np.cumsum(np.bincount(codes))[:-1]


def _by_name(names):
    """Sort names; returns names and sizes in that order, and the place of each in it."""
    listed = np.array(list(names))
    order = np.argsort(listed)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    return listed[order], np.array([size for _, size in names.values()], np.int64)[order], place
