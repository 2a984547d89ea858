"""The ways to train: SL, SL-aug, SSL and SSL-NS, and the variants that the book compares them with.

SL, SSL and SSL-NS are those of Phan et al. 2024 (Methods); SL-aug is this book's control. Written once for every
framework. A *learner* is any object with ``is_learner = True`` and

* ``fit(examples, steps, learning_rate, validation, rng)``: take so many gradient steps, keep the weights that are best
  on ``validation = (codes, labels)``, the present ones included, and return a list of checkpoints, each a dict with
  ``step``, ``loss`` and ``validation_aupr``;
* ``predict(codes)``: probabilities, float array, shape (N,).

A learner whose runs are kept on disk also has ``weights()``, a dict of arrays, and ``load_weights(weights)``. Keras
networks and objects with a plain fit and predict become learners by themselves; see :mod:`regdna.training.learners`. A
*source* has a method for each kind of balanced examples, named in :data:`FIRST_PHASES`, and ``evaluation(split)``; see
:class:`regdna.data.examples.ExampleSource`.
"""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.training.learners import as_learner


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
    """What a regime has made.

    Attributes
    ----------
    learner : object
    history : pandas.DataFrame
        Checkpoints: stage, step, loss, validation_aupr.
    steps : int
        Gradient steps, all learners together.
    pseudo_positives : int
        Pseudo-labelled positives of the first phase; 0 where it knows the reference only.
    """

    learner: object
    history: pd.DataFrame
    steps: int
    pseudo_positives: int


FIRST_PHASES = {
    "SL": lambda source, rng: source.labelled(rng),
    "SL-neg": lambda source, rng: source.repeated(rng),
    "SL-aug": lambda source, rng: source.augmented(rng),
    "SSL": lambda source, rng: source.pseudo_labelled(rng),
    "SSL-aug": lambda source, rng: source.pseudo_augmented(rng),
    "SSL-copies": lambda source, rng: source.copies(rng),
    "SSL-diverged": lambda source, rng: source.diverged(rng),
    "SSL-leak": lambda source, rng: source.leaked(rng, equal=False),
    "SSL-leak-equal": lambda source, rng: source.leaked(rng, equal=True),
}
NEAREST = re.compile(r"SSL-nearest(\d+)")
NOISY_STUDENT = re.compile(r"SSL-NS(?:-k(\d+))?(?:-sd(\d+(?:\.\d+)?))?")


def train(regime, make_model, source, budget, seed):
    """Train by one of the regimes.

    Every regime takes the same two phases of the same length, so no model is better for having been trained longer;
    only SSL-NS, which trains a student per iteration, takes more. The second phase is fine-tuning on the labelled bins
    of the reference; the regimes differ in the first:

    * ``SL``: the labelled bins of the reference.
    * ``SL-neg``: the same positives, repeated, with as many different negatives as SSL has.
    * ``SL-aug``: the labelled peaks of the reference at random phases and strands, as many as SSL has homologs.
    * ``SSL``: the pseudo-labelled homologs of the relatives.
    * ``SSL-aug``: homologs at random phases and strands, as many as SSL has.
    * ``SSL-NS``: as SSL, each homolog weighted by the confidence of a teacher, plus noise; negatives weigh 1. The first
      teacher is trained by SL; each student is the next one's teacher. ``SSL-NS-k3`` has 3 students instead of the
      budget's, ``SSL-NS-sd0.3`` noise of that standard deviation; ``SSL-NS-k3-sd0.3`` both.
    * ``SSL-nearest5``: as SSL, with the 5 nearest relatives (any number).
    * ``SSL-copies``, ``SSL-diverged``: with the near-identical relatives or with the others, as many homologs each.
    * ``SSL-leak``: with the homologs of test peaks, too, a mistake made on purpose; ``SSL-leak-equal``: with as many
      homologs as SSL has.

    Parameters
    ----------
    regime : str
    make_model : callable
        Takes a seed and returns a new model: a Keras network, an object with ``fit(codes, labels, weights)`` and
        ``predict(codes)``, or a learner.
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
        If there is no such regime, or the source cannot serve it.
    """
    check_regime(regime)
    if knobs := NOISY_STUDENT.fullmatch(regime):
        iterations, noise = knobs.groups()
        changes = {"iterations": iterations and int(iterations), "noise": noise and float(noise)}
        budget = replace(budget, **{name: value for name, value in changes.items() if value is not None})
        return _noisy_student(make_model, source, budget, seed)
    return _two_phases(regime, make_model, source, budget, seed)


def check_regime(regime):
    """Raise a ValueError that lists the regimes if there is none of this name."""
    if regime in FIRST_PHASES or NEAREST.fullmatch(regime) or NOISY_STUDENT.fullmatch(regime):
        return
    names = [*FIRST_PHASES, "SSL-nearest5 (any number)", "SSL-NS, SSL-NS-k3, SSL-NS-sd0.3 (any numbers)"]
    raise ValueError(f"no regime named {regime!r}; regimes: {', '.join(names)}")


def stream(seed, purpose):
    """Make an independent random stream for one purpose of one run; returns a numpy.random.Generator."""
    return np.random.default_rng([seed, *purpose.encode()])


def first_phase(regime, source, seed):
    """Draw what a regime learns from first; returns examples."""
    rng = stream(seed, "first phase")
    if nearest := NEAREST.fullmatch(regime):
        return source.nearest(rng, int(nearest[1]))
    return FIRST_PHASES[regime](source, rng)


class _Course:
    """One learner on its way through the phases of a regime."""

    def __init__(self, make_model, source, budget, seed, stage):
        self.learner = as_learner(make_model(seed))
        self.source, self.budget, self.seed, self.stage = source, budget, seed, stage
        self.validation = source.evaluation("validation")
        self.checkpoints, self.steps = [], 0

    def phase(self, name, examples, steps, learning_rate):
        rng = stream(self.seed, f"order {name}")
        for point in self.learner.fit(examples, steps, learning_rate, self.validation, rng):
            self.checkpoints.append({"stage": f"{self.stage}{name}", **point, "step": self.steps + point["step"]})
        self.steps += steps

    def run(self, first, pseudo_positives):
        self.phase("first phase", first, self.budget.steps, self.budget.learning_rate)
        labelled = self.source.labelled(stream(self.seed, "labelled"))
        self.phase("fine-tuning", labelled, self.budget.finetune_steps, self.budget.finetune_learning_rate)
        return Trained(self.learner, pd.DataFrame(self.checkpoints), self.steps, pseudo_positives)


def _two_phases(regime, make_model, source, budget, seed, stage=""):
    first = first_phase(regime, source, seed)
    pseudo_positives = int(first.labels.sum()) if regime.startswith("SSL") else 0
    return _Course(make_model, source, budget, seed, stage).run(first, pseudo_positives)


def _noisy_student(make_model, source, budget, seed):
    teacher = _two_phases("SL", make_model, source, budget, seed, stage="teacher: ")
    histories, steps = [teacher.history], teacher.steps
    first = first_phase("SSL", source, seed)
    for iteration in range(1, budget.iterations + 1):
        weights = confidence(teacher.learner.predict(first.codes), budget.noise, stream(seed, f"noise {iteration}"))
        weighted = first._replace(weights=np.where(first.labels == 1, weights, 1).astype(np.float32))
        # Each student starts from weights of its own.
        student = _Course(make_model, source, budget, seed + 1000 * iteration, f"student {iteration}: ")
        teacher = student.run(weighted, int(first.labels.sum()))
        histories.append(teacher.history.assign(step=teacher.history["step"] + steps))
        steps += teacher.steps
    return teacher._replace(history=pd.concat(histories, ignore_index=True), steps=steps)


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
