"""Carry intervals from one genome to another along chains, by the paper's rule."""

from typing import NamedTuple

import numpy as np

from regdna.data.intervals import expand, overlapping_ranges, touched

MERGE_GAP = 20  # pieces less than this many bases apart are one homologous peak (Phan et al. 2024, Methods)
STATUSES = ("lifted", "split", "partial", "deleted", "unmapped")
FAR = 2**40 - 1  # beyond the end of any chromosome
_LIFTED, _SPLIT, _PARTIAL, _DELETED, _UNMAPPED = range(len(STATUSES))


class Pieces(NamedTuple):
    """Aligned pieces of intervals, ordered by interval, then chain (the best first), then position.

    Attributes
    ----------
    interval : int64 array, shape (P,)
        Row of the interval.
    chain : int array, shape (P,)
        Number of the chain.
    start, size : int arrays, shape (P,)
        In the genome one lifts from.
    to : int array, shape (P,)
        Start on the chain's strand of the other genome.
    """

    interval: np.ndarray
    chain: np.ndarray
    start: np.ndarray
    size: np.ndarray
    to: np.ndarray


class Lifted(NamedTuple):
    """What became of intervals: one row each, in input order; with all chains, one row for each chain that aligns it.

    Attributes
    ----------
    interval : int64 array, shape (N,)
        Row of the input.
    status : object array of str, shape (N,)
        ``lifted``: one homologous interval. ``split``: its pieces lie ``merge_gap`` bases or more apart. ``partial``:
        less than ``min_match`` of it is aligned. ``deleted``: chains span it but align none of its bases.
        ``unmapped``: no chain reaches it.
    to_chrom : object array of str, shape (N,)
        Chromosome in the other genome, "" unless lifted.
    to_start, to_end : int64 arrays, shape (N,)
        0-based half-open on the forward strand of the other genome, -1 unless lifted.
    strand : object array of str, shape (N,)
        "+" or "-" relative to the input, "" unless lifted.
    pieces, mapped : int64 arrays, shape (N,)
        Aligned blocks of the chain inside the interval, and their bases; 0 where there is none.
    """

    interval: np.ndarray
    status: np.ndarray
    to_chrom: np.ndarray
    to_start: np.ndarray
    to_end: np.ndarray
    strand: np.ndarray
    pieces: np.ndarray
    mapped: np.ndarray

    def table(self, intervals):
        """Put the result beside its input.

        Parameters
        ----------
        intervals : pandas.DataFrame
            Columns chrom, start, end, name; the rows that were lifted.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas as pd  # twice the memory of a liftover; those who lift arrays do without

        columns = intervals[["chrom", "start", "end", "name"]].iloc[self.interval].reset_index(drop=True)
        return pd.concat([columns, pd.DataFrame(self._asdict()).drop(columns="interval")], axis=1)


def lift(chains, chrom, start, end, merge_gap=MERGE_GAP, min_match=0.0, all_chains=False):
    """Lift intervals over.

    The paper's rule: take all pieces of an interval in its best chain; if neighboring pieces lie less than
    ``merge_gap`` bases apart in the other genome they merge into one homologous interval, otherwise there is none.
    The best chain is the one of the highest score among those that align at least one base of the interval; of equal
    scores, the one that comes first in the file.

    Parameters
    ----------
    chains : regdna.data.chains.Chains
        From the intervals' genome to the other one.
    chrom : sequence of str, length N
    start, end : int arrays, shape (N,)
        0-based half-open.
    merge_gap : int
        In bases of the other genome.
    min_match : float
        Least share of the interval's bases that must be aligned; ``-minMatch`` of UCSC liftOver, whose default is 0.95.
    all_chains : bool
        Apply the rule to every chain that aligns a base, not to the best one alone.

    Returns
    -------
    Lifted

    Raises
    ------
    ValueError
        If an interval is empty, ``min_match`` is no share, or ``merge_gap`` is below 1.
    """
    if merge_gap < 1:
        raise ValueError(f"merge_gap {merge_gap}: it must be at least 1, by which only pieces side by side are joined")
    if not 0 <= min_match <= 1:
        raise ValueError(f"min_match {min_match} is not between 0 and 1")
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    if (end <= start).any():
        row = int(np.argmax(end <= start))
        raise ValueError(f"interval {row} ({np.asarray(chrom)[row]}:{start[row]}-{end[row]}): end is not after start")
    queries = _sorted_queries(chains, chrom, start, end)
    found = [_rows(chains, queries, pieces, merge_gap, min_match) for pieces in _pieces(chains, queries, all_chains)]
    interval = np.concatenate([rows.interval for rows in found], dtype=np.int64) if found else np.empty(0, np.int64)
    number = np.bincount(interval, minlength=len(start))
    missing = np.flatnonzero(number == 0)
    deleted = missing[_reached(chains, queries, missing)]
    first_row, total = queries.row, len(start)
    row = first_row[interval]
    if all_chains:
        # Intervals of several chains take several rows, and those behind them move on.
        count = np.empty(len(start), np.int64)
        count[queries.row] = np.maximum(number, 1)
        total = int(count.sum())
        first_row = (np.cumsum(count) - count)[queries.row]
        row = first_row[interval] + np.arange(len(interval)) - (np.cumsum(number) - number)[interval]

    def column(name, otherwise):
        values = np.full(total, otherwise)
        if found:
            values[row] = np.concatenate([getattr(rows, name) for rows in found])
        return values

    status = column("status", _UNMAPPED)
    status[first_row[deleted]] = _DELETED
    return Lifted(
        interval=np.repeat(np.arange(len(start)), count) if all_chains else np.arange(len(start)),
        status=np.array(STATUSES, object)[status],
        to_chrom=np.array([*chains.q_names.tolist(), ""], object)[column("q_chrom", -1)],
        to_start=column("to_start", -1),
        to_end=column("to_end", -1),
        strand=np.array(["+", "-", ""], object)[column("minus", -1)],
        pieces=column("pieces", 0),
        mapped=column("mapped", 0),
    )


def aligned_pieces(chains, chrom, start, end):
    """Find the aligned pieces of intervals in their best chains.

    Parameters
    ----------
    chains, chrom, start, end
        As for :func:`lift`.

    Returns
    -------
    Pieces
    """
    queries = _sorted_queries(chains, chrom, np.asarray(start, np.int64), np.asarray(end, np.int64))
    found = list(_pieces(chains, queries, all_chains=False))
    pieces = Pieces(*map(np.concatenate, zip(*found))) if found else Pieces(*np.empty((5, 0), np.int64))
    pieces = pieces._replace(interval=queries.row[pieces.interval])
    order = np.argsort(pieces.interval, kind="stable")
    return Pieces(*(column[order] for column in pieces))


class _Queries(NamedTuple):
    """Intervals in the order of the chains' chromosomes (-1: none), then start; ``row`` is that of the input.

    Sorted queries walk through the blocks in order, which spares the processor's cache.
    """

    row: np.ndarray
    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray


class _Numbers(dict):
    def __missing__(self, name):
        return -1


def _sorted_queries(chains, chrom, start, end):
    numbers = _Numbers(zip(chains.t_names.tolist(), range(len(chains.t_names))))
    codes = np.fromiter(map(numbers.__getitem__, chrom), np.int64, len(chrom))
    order = np.argsort(_place(codes, start))
    return _Queries(order, codes[order], start[order], end[order])


def _place(chrom, position):
    """One coordinate for a whole genome: chromosomes lie one after the other, far apart."""
    return (chrom.astype(np.int64) << 40) + np.minimum(position, FAR)


def _reached(chains, queries, rows):
    """Say whether any chain spans a base of the queries of some rows."""
    chrom = queries.chrom[rows]
    return (chrom >= 0) & touched(
        _place(chrom, queries.start[rows]),
        _place(chrom, queries.end[rows]),
        _place(chains.t_chrom, chains.t_start),
        _place(chains.t_chrom, chains.t_end),
    )


def _pieces(chains, queries, all_chains):
    """Yield the aligned pieces of queries, a chromosome at a time; their ``interval`` is the place among the queries.

    The arrays of one chromosome fit into the processor's cache.
    """
    bounds = np.searchsorted(queries.chrom, np.arange(len(chains.t_names) + 1))
    kind = chains.block_start.dtype  # queries of another integer type would have all blocks converted
    for i in np.flatnonzero(np.diff(bounds)):
        part, blocks = slice(bounds[i], bounds[i + 1]), chains.on(chains.t_names[i])
        start, end = (np.minimum(x[part], np.iinfo(kind).max).astype(kind) for x in (queries.start, queries.end))
        first, count = overlapping_ranges(start, end, blocks.start, blocks.end, chains.nested[i])
        query, item = expand(count)
        block = first[query] + item
        if chains.nested[i]:
            keep = blocks.end[block] > start[query]
            query, block = query[keep], block[keep]
        chain = blocks.chain[block]
        if all_chains:
            order = np.lexsort((chain, query))
            query, block, chain = query[order], block[order], chain[order]
        elif ((query[1:] == query[:-1]) & (chain[1:] != chain[:-1])).any():
            # Chains are numbered from the best to the worst, so the best chain of an interval is its smallest number.
            group = np.flatnonzero(_changes(query))
            best = np.repeat(np.minimum.reduceat(chain, group), np.diff(np.append(group, len(query)))) == chain
            query, block, chain = query[best], block[best], chain[best]
        block_start = blocks.start[block]
        left = np.maximum(start[query], block_start)
        size = np.minimum(end[query], blocks.end[block]) - left
        yield Pieces(query + bounds[i], chain, left, size, blocks.to[block] + (left - block_start))


class _Rows(NamedTuple):
    """What became of queries in a chain; columns as in :class:`Lifted`, names and words as numbers, -1 for none."""

    interval: np.ndarray
    status: np.ndarray
    q_chrom: np.ndarray
    to_start: np.ndarray
    to_end: np.ndarray
    minus: np.ndarray
    pieces: np.ndarray
    mapped: np.ndarray


def _rows(chains, queries, pieces, merge_gap, min_match):
    """Apply the rule to the pieces of each query in each chain."""
    group = np.flatnonzero(_changes(pieces.interval, pieces.chain))
    last = np.append(group[1:], len(pieces.interval))[: len(group)] - 1
    interval, chain = pieces.interval[group], pieces.chain[group]
    to_end = pieces.to + pieces.size
    wide = np.append(False, pieces.to[1:] - to_end[:-1] >= merge_gap)[: len(to_end)]
    wide[group] = False
    mapped = np.add.reduceat(pieces.size, group, dtype=np.int64)
    status = np.full(len(group), _LIFTED, np.int8)
    status[np.logical_or.reduceat(wide, group)] = _SPLIT
    # 0.55 * 100 is a little more than 55 to a computer.
    status[mapped < min_match * (queries.end[interval] - queries.start[interval]) - 1e-9] = _PARTIAL
    left, right, minus = pieces.to[group], to_end[last], chains.minus[chain]
    size = chains.q_sizes[chains.q_chrom[chain]]
    left, right = np.where(minus, size - right, left), np.where(minus, size - left, right)
    whole = status == _LIFTED
    place = (np.where(whole, column, -1) for column in (chains.q_chrom[chain], left, right, minus))
    return _Rows(interval, status, *place, last - group + 1, mapped)


def _changes(*columns):
    """Mark the rows that differ from the row before."""
    new = np.ones(len(columns[0]), bool)
    new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return new
