import pandas as pd
import pytest

from regdna.training import grid, runs
from regdna.training.grid import run_grid, sound
from regdna.training.regimes import Budget
from regdna.training.runs import METRICS

BUDGET = Budget(steps=2, finetune_steps=1, iterations=1)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def test_a_row_for_each_cell_in_the_order_of_the_arguments(tiny_world, results):
    table = run_grid(tiny_world, ["CTCF", "ATAC"], ["deepbind"], ["SSL", "SL"], [1, 0], results, BUDGET)
    assert list(table.columns) == list(METRICS)
    cells = [(e, r, s) for e in ("CTCF", "ATAC") for r in ("SSL", "SL") for s in (1, 0)]
    assert list(table[["experiment", "regime", "seed"]].itertuples(index=False, name=None)) == cells
    assert (table["model"] == "deepbind").all() and (table["note"] == "").all()
    assert (table.loc[table["regime"] == "SL", "pseudo_positives"] == 0).all()
    assert (table.loc[table["regime"] == "SSL", "pseudo_positives"] > 5).all()


def test_what_is_there_is_not_trained_again(tiny_world, results, monkeypatch):
    monkeypatch.setattr(runs, "train", None)
    assert len(run_grid(tiny_world, ["CTCF"], ["deepbind"], ["SL"], [0, 1], results, BUDGET)) == 2


def test_an_unknown_model_is_found_before_anything_is_trained(tiny_world, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "train", None)
    with pytest.raises(ValueError, match="no model named 'cnn65'"):
        run_grid(tiny_world, ["CTCF"], ["cnn64", "cnn65"], ["SL"], [0], tmp_path, BUDGET)


def test_runs_with_a_note_are_named_and_dropped():
    rows = [("E", "m", "SL", 0, 0.5, ""), ("E", "m", "SSL", 1, None, "constant scores"), ("F", "m", "SL", 0, 0.1, None)]
    table = pd.DataFrame(rows, columns=["experiment", "model", "regime", "seed", "aupr", "note"])
    kept, dropped = sound(table)
    assert kept["aupr"].tolist() == [0.5, 0.1]
    assert dropped == ["E m SSL seed 1: constant scores"]
    assert grid.sound(kept)[1] == []
