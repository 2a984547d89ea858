# cython: language_level=3, boundscheck=False, wraparound=False
"""The rule of liftover, compiled: one walk along sorted intervals, chains and blocks, side by side."""

from collections import namedtuple

import numpy as np

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t

STATUSES = ("lifted", "split", "partial", "deleted", "unmapped")
Rows = namedtuple("Rows", "interval chain status to_start to_end pieces mapped first stop")

cdef enum:
    LIFTED, SPLIT, PARTIAL, DELETED, UNMAPPED  # places in STATUSES

cdef enum:
    INTERVAL, CHAIN, STATUS, TO_START, TO_END, PIECES, MAPPED, FIRST, STOP, COLUMNS  # of Rows

ctypedef fused position:
    int32_t
    int64_t

cdef struct Overlap:
    int64_t mark  # number of the interval from 1 on; what an earlier interval has left here is void
    int64_t first, stop  # range of blocks that holds those of the chain
    int64_t pieces, mapped
    int64_t to_start, to_end  # on the chain's strand of the other genome
    int64_t gap  # the widest between neighboring pieces there


def chromosome_numbers(names, dict numbers):
    """Look up the numbers of chromosomes.

    Parameters
    ----------
    names : sequence of str, length N
    numbers : dict of str to int

    Returns
    -------
    int64 array, shape (N,)
        -1 for a name without number.
    """
    found = np.empty(len(names), np.int64)
    cdef int64_t[::1] number = found
    cdef Py_ssize_t i
    for i, name in enumerate(names):
        number[i] = numbers.get(name, -1)
    return found


def lift_sorted(
    const int64_t[::1] interval,
    const int64_t[::1] chrom,
    const int64_t[::1] start,
    const int64_t[::1] end,
    const int64_t[::1] span_offset,
    const int64_t[::1] span_start,
    const int64_t[::1] span_end,
    const int64_t[::1] block_offset,
    const position[::1] block_start,
    const position[::1] block_end,
    const position[::1] block_to,
    const position[::1] block_chain,
    const uint8_t[::1] minus,
    const int64_t[::1] q_size,
    int64_t merge_gap,
    double min_match,
    bint all_chains,
):
    """Lift sorted intervals by the rule of :func:`regdna.data.liftover.lift`.

    Parameters
    ----------
    interval : int64 array, shape (N,)
        Their numbers; without ``all_chains`` each of 0 to N - 1 once.
    chrom, start, end : int64 arrays, shape (N,)
        Sorted by chromosome, then start; a chromosome that no chain starts from is -1.
    span_offset : int64 array, shape (T + 1,)
        Chains of chromosome ``i`` are ``span_offset[i]:span_offset[i + 1]`` of those sorted by start.
    span_start, span_end : int64 arrays, shape (C,)
        Where these begin and end.
    block_offset, block_start, block_end, block_to, block_chain, minus
        As in :class:`regdna.data.chains.Chains`.
    q_size : int64 array, shape (C,)
        Length of the chromosome that a chain goes to.
    merge_gap, min_match, all_chains
        As for :func:`regdna.data.liftover.lift`.

    Returns
    -------
    Rows
        int64 arrays. ``chain``: -1 where none aligns a base. ``status``: place in ``STATUSES``. ``first``, ``stop``:
        range of blocks that holds those of the chain inside the interval. The others are those of
        :class:`regdna.data.liftover.Lifted`. Row ``i`` is that of interval ``i``; with ``all_chains``, rows come as the
        walk finds them.
    """
    rows = np.empty((COLUMNS, len(interval)), np.int64)
    overlaps = np.zeros((len(minus) + 1, sizeof(Overlap) // sizeof(int64_t)), np.int64)
    cdef int64_t[:, ::1] column = rows, of_chain = overlaps  # its row 0 is that of no chain and stays 0
    cdef int64_t[::1] found = np.empty(len(minus) + 1, np.int64)
    cdef Overlap *overlap
    cdef int64_t here = -1, best, chain, left, right, to, status
    cdef Py_ssize_t i, k, block, span = 0, span_stop = 0, first = 0, stop = 0, number, row = 0

    for i in range(len(interval)):
        if chrom[i] != here:
            here = chrom[i]
            span = span_stop = first = stop = 0
            if here >= 0:
                span, span_stop = span_offset[here], span_offset[here + 1]
                first, stop = block_offset[here], block_offset[here + 1]
        # What ends before this interval ends before all later ones; what comes behind it may end earlier.
        while span < span_stop and span_end[span] <= start[i]:
            span += 1
        while first < stop and block_end[first] <= start[i]:
            first += 1
        # The best chain is the one of the smallest number; its pieces are folded into one overlap as they come.
        number, best = 0, INT64_MAX
        for block in range(first, stop):
            if block_start[block] >= end[i]:
                break
            chain = block_chain[block]
            if block_end[block] <= start[i] or chain > best:
                continue
            left, right = max(start[i], block_start[block]), min(end[i], block_end[block])
            to = block_to[block] + left - block_start[block]
            overlap = <Overlap *> &of_chain[chain + 1, 0]
            if overlap.mark != i + 1:
                overlap[0] = Overlap(i + 1, block, block, 0, 0, to, to, 0)
                if not all_chains:
                    number, best = 0, chain
                found[number] = chain
                number += 1
            overlap.stop = block + 1
            overlap.pieces += 1
            overlap.mapped += right - left
            overlap.gap = max(overlap.gap, to - overlap.to_end)
            overlap.to_end = to + right - left

        if not number:
            found[0], number = -1, 1
        if all_chains and row + number > column.shape[1]:
            rows = np.concatenate([rows, np.empty((COLUMNS, row + number), np.int64)], axis=1)
            column = rows
        for k in range(number):
            if not all_chains:
                row = interval[i]
            chain = found[k]
            overlap = <Overlap *> &of_chain[chain + 1, 0]
            if chain < 0:
                status = DELETED if span < span_stop and span_start[span] < end[i] else UNMAPPED
            elif overlap.mapped < min_match * (end[i] - start[i]) - 1e-9:  # 0.55 * 100 is a little more than 55
                status = PARTIAL
            elif overlap.gap >= merge_gap:
                status = SPLIT
            else:
                status = LIFTED
            left = right = -1
            if status == LIFTED and minus[chain]:
                left, right = q_size[chain] - overlap.to_end, q_size[chain] - overlap.to_start
            elif status == LIFTED:
                left, right = overlap.to_start, overlap.to_end
            column[INTERVAL, row] = interval[i]
            column[CHAIN, row] = chain
            column[STATUS, row] = status
            column[TO_START, row] = left
            column[TO_END, row] = right
            column[PIECES, row] = overlap.pieces
            column[MAPPED, row] = overlap.mapped
            column[FIRST, row] = overlap.first
            column[STOP, row] = overlap.stop
            row += 1
    return Rows(*(rows[:, :row] if all_chains else rows))
