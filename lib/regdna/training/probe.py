"""Linear probes: what a frozen network's vectors say about a task, read by a linear classifier."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from regdna.training.metrics import class_scores

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse strengths of the L2 penalty to choose among


class Probed(NamedTuple):
    """What a probe has found.

    Attributes
    ----------
    scores : dict of str to float
        On the test part; see :func:`regdna.training.metrics.class_scores`.
    strength : float
        The inverse penalty that was best on validation sequences.
    probabilities : float array, shape (N, K)
        Of the test part.
    """

    scores: dict
    strength: float
    probabilities: np.ndarray


def linear_probe(vectors, task, seed=0):
    """Fit multinomial logistic regression on standardised vectors, and test it.

    The penalty is chosen by Matthews' correlation on the task's validation part, or on a fifth of the training part
    where there is none, with each class in it; then all of the training part is fitted. The test part is looked at
    once.

    Parameters
    ----------
    vectors : dict of str to float array, shape (N, D)
        By part of the task.
    task : regdna.data.tasks.Task
    seed : int
        Of the sequences held back.

    Returns
    -------
    Probed
    """
    train, labels = vectors["train"], task.parts["train"].labels
    if "validation" in task.parts:
        fitted_on, looked_at = (train, labels), (vectors["validation"], task.parts["validation"].labels)
    else:
        kept, back = hold_back(labels, seed)
        fitted_on, looked_at = (train[kept], labels[kept]), (train[back], labels[back])

    def quality(strength):
        return class_scores(looked_at[1], fit_logistic(*fitted_on, strength).predict_proba(looked_at[0]))["mcc"]

    best = max(STRENGTHS, key=quality)
    probabilities = fit_logistic(train, labels, best).predict_proba(vectors["test"])
    return Probed(class_scores(task.parts["test"].labels, probabilities), best, probabilities)


def hold_back(labels, seed):
    """Split a training part where a task has no validation part: a fifth is held back, with each class in it.

    Returns
    -------
    kept, back : int array
        Rows.
    """
    return train_test_split(np.arange(len(labels)), test_size=0.2, random_state=seed, stratify=labels)


def fit_logistic(vectors, labels, strength):
    """Fit logistic regression on standardised vectors.

    Parameters
    ----------
    vectors : float array, shape (N, D)
    labels : int array, shape (N,)
    strength : float
        Inverse of the L2 penalty.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Of a scaler and the regression.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a weak penalty may take longer; validation decides
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300)).fit(vectors, labels)
