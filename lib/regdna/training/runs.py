"""One training run as a folder on disk: resumable, comparable, collected into one table."""

import dataclasses
import hashlib
import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.data.datasets import dataset, dataset_fingerprint
from regdna.data.examples import ExampleSource
from regdna.files import atomic, check_name, write_table, write_text
from regdna.training.architectures import base_fingerprint, base_of, check_model, new_model, window_of
from regdna.training.metrics import aupr, auroc
from regdna.training.regimes import Budget, check_regime, train
from regdna.training.saved import open_model, save_model

METRICS = (
    "world",
    "experiment",
    "model",
    "regime",
    "seed",
    "auroc",
    "aupr",
    "positives",
    "pseudo_positives",
    "steps",
    "seconds",
    "note",
)


class Run(NamedTuple):
    """A finished training run.

    Attributes
    ----------
    row : dict
        One row of ``metrics.csv``; its fields are :data:`METRICS`. Where ``note`` says that something is wrong with the
        scores, AUROC and AUPR are None, so that they are not averaged in.
    history : pandas.DataFrame
        Checkpoints: stage, step, loss, validation_aupr.
    labels : uint8 array, shape (N,)
        Of the test bins.
    scores : float32 array, shape (N,)
        Probability of a positive for each test bin.
    folder : pathlib.Path
        Holds ``run.json``, ``history.csv``, ``test.npz`` and ``model.safetensors``.
    """

    row: dict
    history: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray
    folder: Path


class Runner:
    """Trains the runs of one experiment, and finds those that are already there.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    experiment : str
    model : str
        A name of :data:`regdna.models.cnn.MODELS` or :data:`regdna.training.architectures.TRANSFORMERS`.
    results : path
        Runs lie below ``<results>/runs/<experiment>/<model>/<regime>-<seed>``, data sets in ``<results>/datasets``.
    budget : regdna.training.regimes.Budget
    peaks : path, optional
        Peaks of a factor that the world does not name.

    Raises
    ------
    ValueError
        If there is no such model, or the experiment's name cannot be that of a folder.
    KeyError
        If the world has no such experiment and no ``peaks`` are given.
    FileNotFoundError
        If there are no such ``peaks``.
    """

    def __init__(self, world, experiment, model, results, budget=None, peaks=None):
        check_name(experiment)
        if peaks and not Path(peaks).exists():
            raise FileNotFoundError(f"peak file {peaks} does not exist")
        if not peaks:
            world.peaks_path(experiment)  # raises if the world does not know the experiment
        check_model(model)
        self.world, self.experiment, self.model, self.peaks = world, experiment, model, peaks
        self.budget = budget or Budget()
        self.results = Path(results)
        self.window, self.base = window_of(model), base_of(model, results)
        self._source = None

    @property
    def source(self):
        """The examples of the experiment (:class:`regdna.data.examples.ExampleSource`), loaded on first use."""
        if self._source is None:
            folder = self.results / "datasets"
            labelled = dataset(self.world, self.experiment, folder, self.peaks, self.window)
            self._source = ExampleSource(self.world, labelled)
        return self._source

    def run(self, regime, seed):
        """Train and test by one regime and seed, or read the run if it is there and was made from the same inputs.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            If there is no such regime, or the world is not built.
        """
        check_regime(regime)
        folder = self.results / "runs" / self.experiment / self.model / f"{regime}-{seed}"
        fingerprint = self._fingerprint(regime, seed)
        done = folder / "run.json"
        if not done.exists() or json.loads(done.read_text())["fingerprint"] != fingerprint:
            done.unlink(missing_ok=True)
            self._train(regime, seed, fingerprint, folder)
        return read_run(folder)

    def new_network(self, seed):
        """Build the untrained model, as :func:`regdna.training.architectures.new_model` does."""
        return new_model(self.model, seed, self.base)

    def network(self, run):
        """Rebuild the trained network of a run; returns a keras.Model."""
        return open_model(run.folder).learner.network

    def predict(self, run, codes):
        """Score windows by the trained model of a run; float32 array, shape (N,)."""
        return open_model(run.folder).predict(codes)

    def _train(self, regime, seed, fingerprint, folder):
        begin, checkpoints = time.perf_counter(), folder / "checkpoints"
        make_model = partial(new_model, self.model, base=self.base, checkpoints=checkpoints)
        trained = train(regime, make_model, self.source, self.budget, seed)
        codes, labels = self.source.evaluation("test")
        scores = trained.learner.predict(codes).astype(np.float32)
        note = _trouble(trained.history, scores)
        row = {
            "world": self.world.name,
            "experiment": self.experiment,
            "model": self.model,
            "regime": regime,
            "seed": seed,
            "auroc": None if note else auroc(labels, scores),
            "aupr": None if note else aupr(labels, scores),
            "positives": self.source.positives,
            "pseudo_positives": trained.pseudo_positives,
            "steps": trained.steps,
            "seconds": round(time.perf_counter() - begin, 1),
            "note": note,
        }
        write_table(folder / "history.csv", trained.history)
        with atomic(folder / "test.npz") as temporary, open(temporary, "wb") as file:
            np.savez(file, labels=labels, scores=scores)
        facts = {name: row[name] for name in ("model", "world", "experiment", "regime", "seed")}
        save_model(folder, trained.learner, window=self.window, base=self.base, **facts)
        shutil.rmtree(checkpoints, ignore_errors=True)
        write_text(folder / "run.json", json.dumps({"fingerprint": fingerprint, **row}, indent=1))

    def _fingerprint(self, regime, seed):
        """Hash everything a run depends on."""
        parts = {
            "dataset": dataset_fingerprint(self.world, self.experiment, self.peaks, self.window),
            "model": self.model,
            "base": base_fingerprint(self.base),
            "regime": regime,
            "seed": seed,
            "budget": dataclasses.asdict(self.budget),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_run(folder):
    """Read a finished run from its folder; returns a Run."""
    folder = Path(folder)
    row = json.loads((folder / "run.json").read_text())
    del row["fingerprint"]
    with np.load(folder / "test.npz", allow_pickle=False) as test:
        return Run(row, pd.read_csv(folder / "history.csv"), test["labels"], test["scores"], folder)


def collect_metrics(results):
    """Put every finished run below a results folder into ``metrics.csv``, in a fixed order.

    Parameters
    ----------
    results : path

    Returns
    -------
    pandas.DataFrame
        Columns :data:`METRICS`.

    Raises
    ------
    FileNotFoundError
        If the folder is absent.
    """
    if not Path(results).is_dir():
        raise FileNotFoundError(f"results folder {results} does not exist")
    rows = [json.loads(path.read_text()) for path in sorted(Path(results).glob("runs/*/*/*/run.json"))]
    table = pd.DataFrame(rows, columns=list(METRICS))
    write_table(Path(results) / "metrics.csv", table)
    return table


def _trouble(history, scores):
    """Say what is wrong with a model, "" if nothing: its scores would give a number, but one without meaning."""
    if "note" not in history and history["validation_aupr"].isna().any():  # what notes its troubles can recover
        return f"diverged at step {history.loc[history['validation_aupr'].isna().idxmax(), 'step']}"
    if not np.isfinite(scores).all():
        return "scores are not finite"
    return "constant scores" if np.ptp(scores) == 0 else ""
