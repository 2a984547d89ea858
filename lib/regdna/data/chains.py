"""UCSC chain files as sorted arrays, parsed once and cached."""

import gzip
import hashlib
import logging
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch

from regdna.files import atomic

log = logging.getLogger(__name__)

CACHE_VERSION = 1
_HEADER = re.compile(rb"^chain[ \t].*$", re.MULTILINE)
_COMMENT = re.compile(rb"^#.*$", re.MULTILINE)


class ChromosomeChains(NamedTuple):
    """The chains that start from one chromosome.

    Attributes
    ----------
    t_start, t_end : int64 arrays, shape (chains on this chromosome,)
    block_start, block_to, block_size, block_chain : int64 arrays, shape (blocks,), sorted by ``block_start``
        Start here, start in the other genome (on the chain's strand), length in bases, number of the chain.
    q_name, q_size, minus : arrays, shape (all chains of the file,)
        By chain number: chromosome of the other genome, its length, whether the chain runs on its reverse strand.
    """

    t_start: np.ndarray
    t_end: np.ndarray
    block_start: np.ndarray
    block_to: np.ndarray
    block_size: np.ndarray
    block_chain: np.ndarray
    q_name: np.ndarray
    q_size: np.ndarray
    minus: np.ndarray


class Chains(NamedTuple):
    """All chains of a file, numbered from the best score to the worst; equal scores keep the file's order.

    Attributes
    ----------
    score, t_size, t_start, t_end, q_size : int64 arrays, shape (C,)
    t_name, q_name : str arrays, shape (C,)
    minus : bool array, shape (C,)
    block_start, block_to, block_size, block_chain : int64 arrays, shape (M,)
        Sorted by chromosome, then start; see :class:`ChromosomeChains`.
    t_names : str array, shape (T,)
        The chromosomes one can lift from, sorted.
    block_offset : int64 array, shape (T + 1,)
        Blocks of ``t_names[i]`` are ``block_offset[i]:block_offset[i + 1]``.
    """

    score: np.ndarray
    t_name: np.ndarray
    t_size: np.ndarray
    t_start: np.ndarray
    t_end: np.ndarray
    q_name: np.ndarray
    q_size: np.ndarray
    minus: np.ndarray
    block_start: np.ndarray
    block_to: np.ndarray
    block_size: np.ndarray
    block_chain: np.ndarray
    t_names: np.ndarray
    block_offset: np.ndarray

    def on(self, chrom):
        """Select the chains that start from one chromosome; none if it is unknown.

        Returns
        -------
        ChromosomeChains
        """
        i = int(np.searchsorted(self.t_names, chrom))
        known = i < len(self.t_names) and self.t_names[i] == chrom
        blocks = slice(self.block_offset[i], self.block_offset[i + 1]) if known else slice(0, 0)
        here = self.t_name == chrom
        return ChromosomeChains(
            self.t_start[here],
            self.t_end[here],
            self.block_start[blocks],
            self.block_to[blocks],
            self.block_size[blocks],
            self.block_chain[blocks],
            self.q_name,
            self.q_size,
            self.minus,
        )


def read_chains(path, cache=None):
    """Read a UCSC chain file.

    Parameters
    ----------
    path : path
        Plain or gzipped; fields separated by tabs or spaces. The target (first) genome is the one to lift from.
    cache : path, optional
        Folder for the parsed arrays (the user's cache folder by default). A cached file is used as long as size and
        modification time of its chain file stay the same.

    Returns
    -------
    Chains

    Raises
    ------
    FileNotFoundError
        If the file is absent.
    ValueError
        If it is no chain file, is truncated, or a chain's blocks disagree with its header; file, line and chain are
        named.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"chain file {path} does not exist")
    stat = path.stat()
    stamp = np.array([CACHE_VERSION, stat.st_size, stat.st_mtime_ns], np.int64)
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    cached = Path(cache or pooch.os_cache("regdna") / "chains") / f"{path.name}-{key}.npz"
    if cached.exists():
        with np.load(cached, allow_pickle=False) as arrays:
            if np.array_equal(arrays["stamp"], stamp):
                return Chains(**{field: arrays[field] for field in Chains._fields})
    chains = _parse(_content(path), path)
    try:
        with atomic(cached) as temporary, open(temporary, "wb") as file:
            np.savez(file, stamp=stamp, **chains._asdict())
    except OSError as error:
        log.warning("the parsed chains are not kept for the next time: %s", error)
    return chains


def _content(path):
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: truncated or damaged gzip file ({error}); download it again") from error


def _parse(text, path):
    text = _COMMENT.sub(b"", text)
    spans = [match.span() for match in _HEADER.finditer(text)]
    if not spans or text[: spans[0][0]].strip():
        raise ValueError(f"{path}: not a chain file; its first line is not a chain header")

    def fail(i, problem):
        line = text.count(b"\n", 0, spans[i][0]) + 1
        raise ValueError(f"{path} line {line}, chain {text[slice(*spans[i])].decode(errors='replace')!r}: {problem}")

    headers, numbers = [], []
    ends = [start for start, _ in spans[1:]] + [len(text)]
    for i, ((start, stop), end) in enumerate(zip(spans, ends)):
        fields = text[start:stop].split()
        if len(fields) not in (12, 13):
            fail(i, f"{len(fields)} fields in the header, expected 13")
        try:
            headers.append(
                (
                    int(fields[1]),
                    fields[2].decode(),
                    int(fields[3]),
                    int(fields[5]),
                    int(fields[6]),
                    fields[7].decode(),
                    int(fields[8]),
                    fields[9] == b"-",
                    int(fields[10]),
                    int(fields[11]),
                )
            )
            numbers.append(np.fromstring(text[stop:end], np.int64, sep=" "))
        except ValueError:
            fail(i, "a field that must be an integer is not")
        if fields[4] != b"+" or fields[9] not in (b"+", b"-"):
            fail(i, "strands must be + for the first genome and + or - for the second")
        if not text[stop:end].strip() or len(numbers[-1]) % 3 != 1:
            fail(i, "its block lines are incomplete; the file is truncated or damaged")
    return _arrays(headers, numbers, fail)


def _arrays(headers, numbers, fail):
    score, t_name, t_size, t_start, t_end, q_name, q_size, minus, q_start, q_end = map(np.array, zip(*headers))
    count = np.array([len(values) // 3 + 1 for values in numbers])
    # A last line has a size only; with two zeros behind it every line has three numbers.
    table = np.concatenate([np.append(values, (0, 0)) for values in numbers]).reshape(-1, 3)
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
    block_start = t_start[chain] + t_before - t_before[first][chain]
    block_to = q_start[chain] + q_before - q_before[first][chain]

    rank = np.argsort(-score, kind="stable")
    number = np.empty_like(rank)
    number[rank] = np.arange(len(rank))
    t_names, name_of = np.unique(t_name, return_inverse=True)
    order = np.lexsort((number[chain], block_start, name_of[chain]))
    order = order[size[order] > 0]
    return Chains(
        *(column[rank] for column in (score, t_name, t_size, t_start, t_end, q_name, q_size, minus)),
        block_start[order],
        block_to[order],
        size[order],
        number[chain][order],
        t_names,
        np.searchsorted(name_of[chain][order], np.arange(len(t_names) + 1)),
    )
