"""Scores of a classifier on imbalanced bins."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def auroc(labels, scores):
    """Area under the receiver operating characteristic; see :func:`aupr` for arguments and errors."""
    return float(roc_auc_score(*_checked(labels, scores)))


def aupr(labels, scores):
    """Area under the precision-recall curve, as average precision.

    A random order scores the share of positives, so on rare factors a small number can be a good one.

    Parameters
    ----------
    labels : int array, shape (N,)
        1 positive, 0 negative.
    scores : float array, shape (N,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a score is not finite, or there is no positive or no negative.
    """
    return float(average_precision_score(*_checked(labels, scores)))


def _checked(labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if not np.isfinite(scores).all():
        raise ValueError(f"{np.sum(~np.isfinite(scores))} of {len(scores)} scores are not finite numbers")
    if len(np.unique(labels)) < 2:
        raise ValueError(f"all {len(labels)} labels are {labels[0] if len(labels) else 'missing'}; no area is defined")
    return labels, scores
