"""Interval arithmetic on sorted integer arrays, without a Python loop over rows."""

import numpy as np


def expand(counts):
    """Enumerate ragged rows.

    Parameters
    ----------
    counts : int array, shape (N,)
        How many items each row has.

    Returns
    -------
    row, item : int64 arrays, shape (counts.sum(),)
        ``row`` is the row of each item, ``item`` its number within the row.

    Examples
    --------
    >>> expand(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    counts = np.asarray(counts, np.int64)
    row = np.repeat(np.arange(len(counts)), counts)
    item = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, item


def touched(query_start, query_end, subject_start, subject_end):
    """Say for each query whether any subject overlaps it; the subjects may come in any order.

    Counts the subjects that start before the query's end and takes away those that end at or before its start.

    Parameters
    ----------
    query_start, query_end : int arrays, shape (N,), non-empty intervals
    subject_start, subject_end : int arrays, shape (M,), non-empty intervals

    Returns
    -------
    bool array, shape (N,)
    """
    started = np.searchsorted(np.sort(subject_start), query_end, side="left")
    ended = np.searchsorted(np.sort(subject_end), query_start, side="right")
    return started > ended


def bin_coverage(start, end, width, length):
    """Count for each bin of a tiled sequence the bases that intervals cover; where intervals overlap, each counts.

    Parameters
    ----------
    start, end, width, length
        As for :func:`covered_bins`.

    Returns
    -------
    int64 array, shape (length // width,)
    """
    _, number, inside = _shares(start, end, width, length)
    return np.bincount(number, inside, length // width).astype(np.int64)


def covered_bins(start, end, width, length):
    """Find the bins of a tiled sequence that lie by more than half inside one interval.

    Bin ``b`` is ``[b * width, (b + 1) * width)``; a last, shorter bin does not exist. This is the paper's rule for a
    positive bin (Phan et al. 2024, Methods): more than half of its length inside the peak.

    Parameters
    ----------
    start, end : int arrays, shape (N,)
    width : int
        Bin width in bases.
    length : int
        Length of the sequence in bases.

    Returns
    -------
    interval, bin : int64 arrays, shape (M,)
        Pairs of interval row and bin number, ordered by interval. A bin covered by two intervals appears twice.

    Examples
    --------
    >>> covered_bins(np.array([150]), np.array([350]), 200, 1000)
    (array([0]), array([1]))
    """
    row, number, inside = _shares(start, end, width, length)
    keep = 2 * inside > width
    return row[keep], number[keep]


def _shares(start, end, width, length):
    """Pair intervals with the whole bins they touch: row of the interval, number of the bin, bases they share."""
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    first = start // width
    last = np.minimum(-(-end // width), length // width)  # ceil division; only whole bins exist
    row, item = expand(np.maximum(last - first, 0))
    number = first[row] + item
    return row, number, np.minimum(end[row], (number + 1) * width) - np.maximum(start[row], number * width)
