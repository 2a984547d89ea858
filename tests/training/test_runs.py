import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regdna.data.datasets import open_dataset
from regdna.training import runs
from regdna.training.metrics import aupr, auroc
from regdna.training.regimes import Budget
from regdna.training.runs import METRICS, Runner, collect_metrics, read_run
from regdna.worlds.catalogue import open_world

BUDGET = Budget(steps=4, finetune_steps=2, iterations=1)


class Trains(Exception):
    """Raised in place of a training."""


def refuse(*args, **kwargs):
    raise Trains


@pytest.fixture(scope="module")
def runner(tiny_world, tmp_path_factory):
    return Runner(tiny_world, "CTCF", "cnn64", tmp_path_factory.mktemp("results"), BUDGET)


@pytest.fixture(scope="module")
def run(runner):
    """One finished run; tests only read it."""
    return runner.run("SSL", 3)


def test_folder(run, runner):
    assert run.folder == runner.results / "runs" / "CTCF" / "cnn64" / "SSL-3"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "history.csv",
        "model.safetensors",
        "run.json",
        "test.npz",
    ]


def test_the_data_set_lies_beside_the_runs(run, runner):
    made = open_dataset(runner.results / "datasets" / "CTCF-200")
    np.testing.assert_array_equal(made.codes, runner.source.dataset.codes)
    rows = made.intervals
    train = rows[(rows["split"] == "train") & (rows["label"] == 1)]
    assert (train["genome"] == "hg38").sum() == run.row["positives"]
    assert (train["genome"] != "hg38").sum() == run.row["pseudo_positives"]


def test_a_run_that_leaks_is_kept_beside_the_others(runner):
    row = runner.run("SSL-leak", 3).row
    assert (row["regime"], row["steps"]) == ("SSL-leak", 6)
    assert (runner.results / "runs" / "CTCF" / "cnn64" / "SSL-leak-3" / "run.json").exists()


def test_row(run, runner):
    assert tuple(run.row) == METRICS
    assert run.row["world"] == "tiny"
    assert [run.row[name] for name in ("experiment", "model", "regime", "seed")] == ["CTCF", "cnn64", "SSL", 3]
    assert run.row["steps"] == 6
    assert run.row["positives"] == runner.source.positives
    assert run.row["pseudo_positives"] == runner.source.pseudo_positives > run.row["positives"]


def test_scores_are_of_the_test_bins(run, runner):
    codes, labels = runner.source.evaluation("test")
    np.testing.assert_array_equal(run.labels, labels)
    assert run.scores.shape == (len(codes),) and run.scores.dtype == np.float32
    assert run.row["aupr"] == aupr(labels, run.scores)
    assert run.row["auroc"] == auroc(labels, run.scores)


def test_history(run):
    assert list(run.history.columns) == ["stage", "step", "loss", "validation_aupr"]
    assert run.history["step"].tolist() == [0, 4, 4, 6]


def test_the_network_of_a_run_gives_its_scores_again(run, runner):
    codes, _ = runner.source.evaluation("test")
    scores = runner.network(run).predict(codes, batch_size=1024, verbose=0)[:, 0]
    np.testing.assert_allclose(scores, run.scores, rtol=1e-6)
    untrained = runner.new_network(3).predict(codes, batch_size=1024, verbose=0)[:, 0]
    assert not np.allclose(untrained, run.scores, rtol=1e-3)


def test_a_finished_run_is_read(run, runner, tiny_world, monkeypatch):
    monkeypatch.setattr(runs, "train", refuse)
    again = Runner(tiny_world, "CTCF", "cnn64", runner.results, BUDGET).run("SSL", 3)
    assert again.row == run.row
    np.testing.assert_array_equal(again.scores, run.scores)
    pd.testing.assert_frame_equal(again.history, run.history)


def copy_run(run, results):
    """Copy a run into another results folder, so that a refused training cannot spoil it for other tests."""
    folder = results / run.folder.relative_to(run.folder.parents[3])
    shutil.copytree(run.folder, folder)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"budget": replace(BUDGET, steps=5)},
        {"budget": replace(BUDGET, noise=0.2)},
        {"split": {"test_chromosomes": frozenset({"chr9"})}},
        {"split": {"validation_chromosomes": frozenset({"chr5"})}},
        {"split": {"peak_width": 300}},
        {"split": {"max_unknown": 0.5}},
        {"split": {"chromosomes": tuple(f"chr{i}" for i in range(2, 11))}},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_run_of_another_budget_or_split_is_not_read(run, tiny_world, tmp_path, monkeypatch, change):
    folder, world = copy_run(run, tmp_path), replace(tiny_world, **change.get("split", {}))
    monkeypatch.setattr(runs, "train", refuse)
    with pytest.raises(Trains):
        Runner(world, "CTCF", "cnn64", tmp_path, change.get("budget", BUDGET)).run("SSL", 3)
    assert not (folder / "run.json").exists()


def test_a_run_of_other_peaks_is_not_read(run, tiny_world, tmp_path, monkeypatch):
    copy_run(run, tmp_path)
    peaks = tiny_world.peaks_path("CTCF")
    (tmp_path / "same.bed").write_bytes(peaks.read_bytes())
    (tmp_path / "other.bed").write_text("".join(peaks.read_text().splitlines(keepends=True)[1:]))
    monkeypatch.setattr(runs, "train", refuse)
    assert Runner(tiny_world, "CTCF", "cnn64", tmp_path, BUDGET, tmp_path / "same.bed").run("SSL", 3).row == run.row
    with pytest.raises(Trains):
        Runner(tiny_world, "CTCF", "cnn64", tmp_path, BUDGET, tmp_path / "other.bed").run("SSL", 3)


def test_changed_budget_trains_anew(tiny_world, runner, tmp_path):
    for steps in (1, 2):
        again = Runner(tiny_world, "CTCF", "cnn64", tmp_path, Budget(steps=steps, finetune_steps=0))
        again._source = runner.source  # spares the labelling
        assert again.run("SL", 0).row["steps"] == steps
    assert len(collect_metrics(tmp_path)) == 1


def test_an_interrupted_run_is_redone(run, runner, tiny_world, tmp_path, monkeypatch):
    folder = tmp_path / "runs" / "CTCF" / "cnn64" / "SSL-3"
    folder.mkdir(parents=True)
    for name in ("history.csv", "test.npz"):  # what an interruption before the end leaves
        (folder / name).write_text("of a run that did not end")
    assert len(collect_metrics(tmp_path)) == 0
    again = Runner(tiny_world, "CTCF", "cnn64", tmp_path, BUDGET)
    again._source = runner.source
    with monkeypatch.context() as patch:
        patch.setattr(runs, "train", refuse)
        with pytest.raises(Trains):
            again.run("SSL", 3)
    assert len(collect_metrics(tmp_path)) == 0
    redone = again.run("SSL", 3)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in run.folder.iterdir())
    # The same seed gives the same result, to the last digit.
    assert {**redone.row, "seconds": 0} == {**run.row, "seconds": 0}
    np.testing.assert_array_equal(redone.scores, run.scores)
    pd.testing.assert_frame_equal(redone.history, run.history)


def test_read_run_needs_a_finished_run(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path)


def test_unknown_model(tiny_world, tmp_path):
    with pytest.raises(ValueError, match="no model named 'cnn65'; models: cnn64, cnn256, deepbind"):
        Runner(tiny_world, "CTCF", "cnn65", tmp_path)


def test_world_that_is_not_built(make_catalogue, tmp_path):
    world = open_world("tiny", make_catalogue(tmp_path / "catalogue"), tmp_path / "built")
    with pytest.raises(ValueError, match="world tiny is not built; run: regdna world tiny"):
        Runner(world, "CTCF", "cnn64", tmp_path / "results", BUDGET).run("SL", 0)
    assert not (tmp_path / "results").exists()


def test_unknown_experiment(tiny_world, tmp_path):
    with pytest.raises(KeyError, match="world tiny has no experiment 'CTFC'; it has ATF3, "):
        Runner(tiny_world, "CTFC", "cnn64", tmp_path, BUDGET).run("SL", 0)


def test_a_name_that_leads_elsewhere(tiny_world, tmp_path):
    with pytest.raises(ValueError, match=r"^'\.\./CTCF' cannot be a name"):
        Runner(tiny_world, "../CTCF", "cnn64", tmp_path, BUDGET, tiny_world.peaks_path("CTCF"))


def test_unknown_regime(tiny_world, tmp_path):
    with pytest.raises(ValueError, match="no regime named 'XL'"):
        Runner(tiny_world, "CTCF", "cnn64", tmp_path, BUDGET).run("XL", 0)


def test_metrics_table(tmp_path):
    keys = [("B", "SL", 1), ("A", "SSL", 0), ("A", "SL", 1), ("A", "SL", 0), ("B", "SL", 0)]
    for number, (experiment, regime, seed) in enumerate(keys):
        folder = tmp_path / "runs" / experiment / "cnn64" / f"{regime}-{seed}"
        folder.mkdir(parents=True)
        given = {"experiment": experiment, "model": "cnn64", "regime": regime, "seed": seed, "aupr": number / 10}
        row = {"fingerprint": "f", **dict.fromkeys(METRICS, 0), **given}
        (folder / "run.json").write_text(json.dumps(dict(sorted(row.items()))))
    (tmp_path / "runs" / "A" / "cnn64" / "SL-2").mkdir()  # of a run that is still going on
    table = collect_metrics(tmp_path)
    assert tuple(table.columns) == METRICS
    assert list(table[["experiment", "regime", "seed"]].itertuples(index=False, name=None)) == sorted(keys)
    assert table["aupr"].tolist() == [0.3, 0.2, 0.1, 0.4, 0.0]
    with open(tmp_path / "metrics.csv") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == METRICS
    assert [row[6] for row in rows] == ["0.3", "0.2", "0.1", "0.4", "0.0"]


def test_metrics_of_no_run(tmp_path):
    assert tuple(collect_metrics(tmp_path).columns) == METRICS
    assert (tmp_path / "metrics.csv").read_text() == ",".join(METRICS) + "\n"


def test_a_training_that_has_diverged_is_named():
    history = pd.DataFrame({"step": [0, 50, 100], "validation_aupr": [0.1, np.nan, np.nan]})
    assert runs._trouble(history, np.array([0.1, 0.2])) == "diverged at step 50"
    sound = history.fillna(0.2)
    assert runs._trouble(sound, np.array([0.1, np.nan])) == "scores are not finite"
    assert runs._trouble(sound, np.array([0.3, 0.3])) == "constant scores"
    assert runs._trouble(sound, np.array([0.1, 0.2])) == ""


def test_each_model_is_given_windows_of_its_width(tiny_world, tmp_path):
    run = Runner(tiny_world, "CTCF", "deepsea-mini", tmp_path, Budget(1, 1)).run("SL", 0)
    assert (tmp_path / "datasets" / "CTCF-1000" / "codes.npy").exists()
    assert run.row["note"] == "" and np.isfinite(run.row["aupr"])


def test_predictions_of_a_run_are_its_scores(runner, run):
    codes, _ = runner.source.evaluation("test")
    np.testing.assert_allclose(runner.predict(run, codes), run.scores, atol=1e-6)
