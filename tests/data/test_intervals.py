import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regdna.data.intervals import bin_coverage, covered_bins, expand, touched

interval = st.tuples(st.integers(0, 60), st.integers(1, 25)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
intervals = st.lists(interval, max_size=12)


def arrays(pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def bases(pair):
    return set(range(*pair))


def test_expand_exact():
    row, item = expand(np.array([2, 0, 1]))
    assert row.tolist() == [0, 0, 2]
    assert item.tolist() == [0, 1, 0]


@given(st.lists(st.integers(0, 6), max_size=15))
def test_expand(counts):
    row, item = expand(np.array(counts, np.int64))
    expected = [(i, j) for i, count in enumerate(counts) for j in range(count)]
    assert list(zip(row.tolist(), item.tolist())) == expected


@given(intervals, intervals)
def test_touched(queries, subjects):
    expected = [any(bases(q) & bases(s) for s in subjects) for q in queries]
    assert touched(*arrays(queries), *arrays(subjects)).tolist() == expected


def test_neighbors_do_not_touch():
    assert touched(*arrays([(10, 20)]), *arrays([(0, 10), (20, 30)])).tolist() == [False]
    assert touched(*arrays([(10, 20)]), *arrays([(19, 30)])).tolist() == [True]


@given(intervals, st.integers(1, 12), st.integers(0, 90))
def test_covered_bins(drawn, width, length):
    row, number = covered_bins(*arrays(drawn), width, length)
    expected = [
        (i, b)
        for i, pair in enumerate(drawn)
        for b in range(length // width)
        if 2 * len(bases(pair) & bases((b * width, (b + 1) * width))) > width
    ]
    assert list(zip(row.tolist(), number.tolist())) == expected


@given(intervals, st.integers(1, 12), st.integers(0, 90))
def test_bin_coverage(drawn, width, length):
    """Each interval counts, also where they overlap; an incomplete last bin does not exist."""
    found = bin_coverage(*arrays(drawn), width, length)
    every = [range(b * width, (b + 1) * width) for b in range(length // width)]
    assert found.tolist() == [sum(len(bases(pair) & set(one)) for pair in drawn) for one in every]
    assert found.dtype == np.int64


def test_exactly_half_is_not_covered():
    assert covered_bins(np.array([100]), np.array([300]), 200, 1000)[1].tolist() == []
    assert covered_bins(np.array([99]), np.array([300]), 200, 1000)[1].tolist() == [0]
    assert covered_bins(np.array([100]), np.array([301]), 200, 1000)[1].tolist() == [1]


def test_an_incomplete_last_bin_does_not_exist():
    assert covered_bins(np.array([0]), np.array([599]), 200, 599)[1].tolist() == [0, 1]
