"""Carry intervals from one genome to another along chains, by the paper's rule."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.data.intervals import overlapping_pairs, touched

MERGE_GAP = 20  # pieces less than this many bases apart are one homologous peak (Phan et al. 2024, Methods)
STATUSES = ("lifted", "split", "deleted", "unmapped")


class Lifted(NamedTuple):
    """One row per input interval, in input order.

    Attributes
    ----------
    status : str array, shape (N,)
        ``lifted``: one homologous interval. ``split``: its pieces lie ``merge_gap`` bases or more apart.
        ``deleted``: chains span it but align none of its bases. ``unmapped``: no chain reaches it.
    to_chrom : object array, shape (N,)
        Chromosome in the other genome, "" unless lifted.
    to_start, to_end : int64 arrays, shape (N,)
        0-based half-open on the forward strand of the other genome, -1 unless lifted.
    strand : str array, shape (N,)
        "+" or "-" relative to the input, "" unless lifted.
    pieces : int64 array, shape (N,)
        Aligned blocks of the best chain inside the interval, 0 where there is none.
    """

    status: np.ndarray
    to_chrom: np.ndarray
    to_start: np.ndarray
    to_end: np.ndarray
    strand: np.ndarray
    pieces: np.ndarray

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
        columns = intervals[["chrom", "start", "end", "name"]].reset_index(drop=True)
        return pd.concat([columns, pd.DataFrame(self._asdict())], axis=1)


def lift(chains, chrom, start, end, merge_gap=MERGE_GAP):
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

    Returns
    -------
    Lifted

    Raises
    ------
    ValueError
        If an interval is empty.
    """
    chrom = np.asarray(chrom, object)
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    if (end <= start).any():
        row = int(np.argmax(end <= start))
        raise ValueError(f"interval {row} ({chrom[row]}:{start[row]}-{end[row]}): end is not after start")
    n = len(start)
    result = Lifted(
        status=np.full(n, "unmapped", object),
        to_chrom=np.full(n, "", object),
        to_start=np.full(n, -1, np.int64),
        to_end=np.full(n, -1, np.int64),
        strand=np.full(n, "", object),
        pieces=np.zeros(n, np.int64),
    )
    names, name_of = np.unique(chrom.astype(str), return_inverse=True)
    for i, name in enumerate(names):
        rows = np.flatnonzero(name_of == i)
        _lift_on_chromosome(chains.on(name), rows, start[rows], end[rows], merge_gap, result)
    return result


def _lift_on_chromosome(chains, rows, start, end, merge_gap, result):
    reached = touched(start, end, chains.t_start, chains.t_end)
    result.status[rows[reached]] = "deleted"
    query, block = overlapping_pairs(start, end, chains.block_start, chains.block_start + chains.block_size)
    if not len(query):
        return
    # Chains are numbered from the best to the worst, so the best chain of an interval is its smallest number.
    order = np.lexsort((chains.block_start[block], chains.block_chain[block], query))
    query, block = query[order], block[order]
    chain = chains.block_chain[block]
    first_of_row = np.flatnonzero(np.r_[True, np.diff(query) > 0])
    best = np.repeat(chain[first_of_row], np.diff(np.r_[first_of_row, len(query)])) == chain
    query, block, chain = query[best], block[best], chain[best]

    left = np.maximum(start[query], chains.block_start[block])
    right = np.minimum(end[query], chains.block_start[block] + chains.block_size[block])
    to_left = chains.block_to[block] + left - chains.block_start[block]  # on the chain's strand of the other genome
    to_right = to_left + right - left

    first = np.flatnonzero(np.r_[True, np.diff(query) > 0])
    last = np.r_[first[1:], len(query)] - 1
    wide_gap = np.r_[False, (query[1:] == query[:-1]) & (to_left[1:] - to_right[:-1] >= merge_gap)]
    split = np.logical_or.reduceat(wide_gap, first)
    row = rows[query[first]]
    result.pieces[row] = last - first + 1
    result.status[row] = np.where(split, "split", "lifted")

    whole = ~split
    row, chain, left, right = row[whole], chain[first][whole], to_left[first][whole], to_right[last][whole]
    minus, size = chains.minus[chain], chains.q_size[chain]
    result.to_chrom[row] = chains.q_name[chain]
    result.to_start[row] = np.where(minus, size - right, left)
    result.to_end[row] = np.where(minus, size - left, right)
    result.strand[row] = np.where(minus, "-", "+")
