import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data.ledger import Ledger

counts = st.dictionaries(st.sampled_from(["split", "duplicate", "unknown bases"]), st.integers(0, 9))


@pytest.fixture
def ledger():
    made = Ledger()
    made.add("liftover", "mm10", "peaks", 1400, 1386, {"split": 5, "deleted": 0, "unmapped": 9})
    made.add("selection", "mm10", "bins", np.int64(7), np.int64(6), {"split": np.int64(1)})
    made.add("tiling", "hg38", "bins", 3, 3, {})
    return made


def test_steps(ledger):
    assert ledger.steps == [
        {"step": "liftover", "genome": "mm10", "what": "peaks", "in": 1400, "out": 1386}
        | {"dropped": {"split": 5, "unmapped": 9}},
        {"step": "selection", "genome": "mm10", "what": "bins", "in": 7, "out": 6, "dropped": {"split": 1}},
        {"step": "tiling", "genome": "hg38", "what": "bins", "in": 3, "out": 3, "dropped": {}},
    ]
    assert Ledger(json.loads(json.dumps(ledger.steps))) == ledger


def test_table(ledger):
    table = ledger.table()
    assert list(table.columns) == ["step", "genome", "what", "in", "out", "split", "unmapped"]
    assert table.values.tolist() == [
        ["liftover", "mm10", "peaks", 1400, 1386, 5, 9],
        ["selection", "mm10", "bins", 7, 6, 1, 0],
        ["tiling", "hg38", "bins", 3, 3, 0, 0],
    ]
    assert (table.dtypes[["in", "out", "split", "unmapped"]] == np.int64).all()


def test_an_empty_ledger():
    assert list(Ledger().table().columns) == ["step", "genome", "what", "in", "out"]
    assert (len(Ledger().table()), str(Ledger())) == (0, "")


def test_text(ledger):
    assert str(ledger).splitlines() == [
        "liftover (mm10), peaks: 1,400 in, 1,386 out, dropped: 5 split, 9 unmapped",
        "selection (mm10), bins: 7 in, 6 out, dropped: 1 split",
        "tiling (hg38), bins: 3 in, 3 out, dropped: none",
    ]


def test_rows_that_vanish_are_refused(ledger):
    message = (
        r"^binning, mm10: 10 homologs went in, 7 came out and 2 were dropped \(\{'fills half of no bin': 2\}\); "
        r"rows were lost or made up$"
    )
    with pytest.raises(ValueError, match=message):
        ledger.add("binning", "mm10", "homologs", 10, 7, {"fills half of no bin": 2, "other": 0})
    assert len(ledger.steps) == 3


@given(st.integers(0, 30), counts, st.sampled_from([0, 0, 1, -1]))
def test_a_step_is_entered_only_if_it_adds_up(count_out, dropped, too_many):
    ledger, count_in = Ledger(), count_out + sum(dropped.values()) + too_many
    if not too_many:
        ledger.add("s", "g", "w", count_in, count_out, dropped)
        assert ledger.steps[0]["dropped"] == {reason: number for reason, number in dropped.items() if number}
        assert ledger.table()[["in", "out"]].values.tolist() == [[count_in, count_out]]
    else:
        with pytest.raises(ValueError, match="rows were lost or made up"):
            ledger.add("s", "g", "w", count_in, count_out, dropped)
