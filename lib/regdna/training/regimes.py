"""The four ways to train: SL, SL-aug, SSL and SSL-NS (Phan et al. 2024, Methods; SL-aug is this book's control).

Written once for every framework. A *learner* is any object with

* ``fit(examples, steps, learning_rate, validation, rng)``: take so many gradient steps, keep the weights that are best
  on ``validation = (codes, labels)``, the present ones included, and return a list of checkpoints, each a dict with
  ``step``, ``loss`` and ``validation_aupr``;
* ``predict(codes)``: probabilities, float array, shape (N,).

A *source* has ``labelled(rng)``, ``augmented(rng)``, ``pseudo_labelled(rng)``, ``leaked(rng, equal)`` (balanced
examples) and ``evaluation(split)``; see :class:`regdna.data.examples.ExampleSource`.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Budget:
    """How long and how a model is trained; the same for every regime.

    Attributes
    ----------
    steps : int
        Gradient steps of the first phase.
    finetune_steps : int
        Gradient steps of the second phase, on the labelled genome.
    learning_rate, finetune_learning_rate : float
    iterations : int
        Students of SSL-NS. Each gets the budget of SSL.
    noise : float
        Standard deviation of the noise on the teacher's confidence (SSL-NS).
    """

    steps: int = 500
    finetune_steps: int = 100
    learning_rate: float = 3e-3
    finetune_learning_rate: float = 3e-4
    iterations: int = 5
    noise: float = 0.1


class Trained(NamedTuple):
    """A trained learner, its checkpoints (DataFrame: stage, step, loss, validation_aupr) and its gradient steps."""

    learner: object
    history: pd.DataFrame
    steps: int


def train(regime, make_learner, source, budget, seed):
    """Train by one of the regimes.

    Two more regimes make a mistake on purpose, for the chapter that measures what it does: ``SSL-leak`` trains on the
    homologs of test peaks, too, and ``SSL-leak-equal`` does so with as many homologs as SSL has.

    Every regime takes the same two phases of the same length, so no model is better for having been trained longer;
    only SSL-NS, which trains a student per iteration, takes more. The regimes differ in the first phase:

    * ``SL``: the labelled bins of the reference.
    * ``SL-aug``: the labelled peaks of the reference at random phases and strands, as many as SSL has homologs.
    * ``SSL``: the pseudo-labelled homologs of the relatives.
    * ``SSL-NS``: as SSL, each homolog weighted by the confidence of a teacher, plus noise; negatives weigh 1. The first
      teacher is trained by SL; each student is the next one's teacher.

    Parameters
    ----------
    regime : str
    make_learner : callable
        Takes a seed and returns a new learner.
    source : object
    budget : Budget
    seed : int
        Decides the initial weights, the negatives and the order of the examples.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If there is no such regime.
    """
    check_regime(regime)
    return (REGIMES | MISTAKES)[regime](make_learner, source, budget, seed)


def check_regime(regime):
    """Raise a ValueError that lists the regimes if there is none of this name."""
    if regime not in REGIMES | MISTAKES:
        raise ValueError(f"no regime named {regime!r}; regimes: {', '.join(REGIMES | MISTAKES)}")


class _Course:
    """One learner on its way through the phases of a regime."""

    def __init__(self, make_learner, source, budget, seed, stage):
        self.learner, self.source, self.budget, self.seed, self.stage = make_learner(seed), source, budget, seed, stage
        self.validation = source.evaluation("validation")
        self.checkpoints, self.steps = [], 0

    def phase(self, name, examples, steps, learning_rate):
        rng = stream(self.seed, f"order {name}")
        for point in self.learner.fit(examples, steps, learning_rate, self.validation, rng):
            self.checkpoints.append({"stage": f"{self.stage}{name}", **point, "step": self.steps + point["step"]})
        self.steps += steps

    def run(self, first):
        self.phase("first phase", first, self.budget.steps, self.budget.learning_rate)
        labelled = self.source.labelled(stream(self.seed, "labelled"))
        self.phase("fine-tuning", labelled, self.budget.finetune_steps, self.budget.finetune_learning_rate)
        return self

    def trained(self):
        return Trained(self.learner, pd.DataFrame(self.checkpoints), self.steps)


def stream(seed, purpose):
    """Make an independent random stream for one purpose of one run; returns a numpy.random.Generator."""
    return np.random.default_rng([seed, *purpose.encode()])


def _supervised(make_learner, source, budget, seed, stage=""):
    first = source.labelled(stream(seed, "labelled"))
    return _Course(make_learner, source, budget, seed, stage).run(first).trained()


def _augmented(make_learner, source, budget, seed):
    first = source.augmented(stream(seed, "augmented"))
    return _Course(make_learner, source, budget, seed, "").run(first).trained()


def _semi_supervised(make_learner, source, budget, seed):
    first = source.pseudo_labelled(stream(seed, "pseudo-labelled"))
    return _Course(make_learner, source, budget, seed, "").run(first).trained()


def _leaky(make_learner, source, budget, seed, equal):
    first = source.leaked(stream(seed, "pseudo-labelled"), equal)
    return _Course(make_learner, source, budget, seed, "").run(first).trained()


def _noisy_student(make_learner, source, budget, seed):
    teacher = _supervised(make_learner, source, budget, seed, stage="teacher: ")
    histories, steps = [teacher.history], teacher.steps
    first = source.pseudo_labelled(stream(seed, "pseudo-labelled"))
    for iteration in range(1, budget.iterations + 1):
        weights = confidence(teacher.learner.predict(first.codes), budget.noise, stream(seed, f"noise {iteration}"))
        weighted = first._replace(weights=np.where(first.labels == 1, weights, 1).astype(np.float32))
        # Each student starts from weights of its own.
        student = _Course(make_learner, source, budget, seed + 1000 * iteration, f"student {iteration}: ")
        teacher = student.run(weighted).trained()
        histories.append(teacher.history.assign(step=teacher.history["step"] + steps))
        steps += teacher.steps
    return Trained(teacher.learner, pd.concat(histories, ignore_index=True), steps)


def confidence(probability, noise, rng):
    """Weight pseudo-labels by the teacher's probability plus Gaussian noise; a weight below zero becomes zero.

    Parameters
    ----------
    probability : float array, shape (N,)
    noise : float
        Standard deviation (0.1 in the paper).
    rng : numpy.random.Generator

    Returns
    -------
    float array, shape (N,)
    """
    return np.maximum(probability + rng.normal(0, noise, len(probability)), 0)


REGIMES = {"SL": _supervised, "SL-aug": _augmented, "SSL": _semi_supervised, "SSL-NS": _noisy_student}
MISTAKES = {"SSL-leak": partial(_leaky, equal=False), "SSL-leak-equal": partial(_leaky, equal=True)}
