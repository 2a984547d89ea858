"""Carry intervals from one genome to another along chains, by the paper's rule."""

from typing import NamedTuple

import numpy as np

from regdna.data.chain_walk import STATUSES, Rows, chromosome_numbers, lift_sorted
from regdna.data.intervals import expand

MERGE_GAP = 20  # pieces less than this many bases apart are one homologous peak (Phan et al. 2024, Methods)
FAR = 2**40 - 1  # beyond the end of any chromosome


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
    rows = _lift(chains, chrom, start, end, merge_gap, min_match, all_chains)
    # A row that is not lifted has the chain -1, which picks what is last in each table.
    chain = np.where(rows.status == STATUSES.index("lifted"), rows.chain, -1)
    q_chrom, minus = np.append(chains.q_chrom, -1), np.append(chains.minus.astype(int), -1)
    return Lifted(
        interval=rows.interval,
        status=np.array(STATUSES, object)[rows.status],
        to_chrom=np.array([*chains.q_names.tolist(), ""], object)[q_chrom[chain]],
        to_start=rows.to_start,
        to_end=rows.to_end,
        strand=np.array(["+", "-", ""], object)[minus[chain]],
        pieces=rows.pieces,
        mapped=rows.mapped,
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
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    rows = _lift(chains, chrom, start, end)
    row, item = expand(rows.stop - rows.first)
    block = rows.first[row] + item
    own = chains.block_chain[block] == rows.chain[row]  # those of other chains may lie between
    row, block = row[own], block[own]
    interval, block_start = rows.interval[row], chains.block_start[block]
    left = np.maximum(start[interval], block_start)
    size = np.minimum(end[interval], chains.block_end[block]) - left
    return Pieces(interval, rows.chain[row], left, size, chains.block_to[block] + (left - block_start))


def _lift(chains, chrom, start, end, merge_gap=MERGE_GAP, min_match=0.0, all_chains=False):
    """Sort intervals and lift them; the rows are ordered by interval, then chain (the best first)."""
    code = chromosome_numbers(chrom, {name: i for i, name in enumerate(chains.t_names.tolist())})
    order = np.argsort(_place(code, start))
    intervals = order, code[order], start[order], end[order]
    first = np.argsort(_place(chains.t_chrom, chains.t_start))
    span_offset = np.searchsorted(chains.t_chrom[first], np.arange(len(chains.t_names) + 1))
    spans = span_offset, chains.t_start[first], chains.t_end[first]
    blocks = chains.block_offset, chains.block_start, chains.block_end, chains.block_to, chains.block_chain
    other = chains.minus.view(np.uint8), chains.q_sizes[chains.q_chrom]
    rows = lift_sorted(*intervals, *spans, *blocks, *other, merge_gap, min_match, all_chains)
    if not all_chains:
        return rows
    order = np.lexsort((rows.chain, rows.interval))
    return Rows(*(column[order] for column in rows))


def _place(chrom, position):
    """One coordinate for a whole genome: chromosomes lie one after the other, far apart."""
    return (chrom.astype(np.int64) << 40) + np.minimum(position, FAR)
