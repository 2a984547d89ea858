"""Scores of classifiers: areas for imbalanced bins, agreement for classes."""

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)


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


def top_k_accuracy(labels, scores):
    """Share of the k positions with the highest scores that are positive, where k are positive in all.

    As SpliceAI is scored (Jaganathan et al. 2019, Cell 176:535). Where several positions have the score of the last
    place, they share the places that are left: it is what a random order of them gives in the mean. See :func:`aupr`
    for arguments and errors.
    """
    labels, scores = _checked(labels, scores)
    positive = labels == 1
    k = int(positive.sum())
    last = np.partition(scores, -k)[-k]
    above, level = scores > last, scores == last
    return float((positive[above].sum() + (k - above.sum()) * positive[level].mean()) / k)


def site_scores(labels, probabilities, kinds):
    """Score the kinds of splice sites, each against all other positions.

    Parameters
    ----------
    labels : int array, shape (N,)
    probabilities : float array, shape (N, K)
    kinds : dict of str to int
        The label of each kind, such as ``donor``, which is its column as well.

    Returns
    -------
    dict of str to float
        ``KIND_top_k`` and ``KIND_aupr`` of each, and ``top_k`` and ``aupr``, their means.
    """
    labels, scores = np.asarray(labels), {}
    for name, score in (("top_k", top_k_accuracy), ("aupr", aupr)):
        each = {kind: score((labels == label).astype(int), probabilities[:, label]) for kind, label in kinds.items()}
        scores |= {f"{kind}_{name}": value for kind, value in each.items()} | {name: float(np.mean([*each.values()]))}
    return scores


def _checked(labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if not np.isfinite(scores).all():
        raise ValueError(f"{np.sum(~np.isfinite(scores))} of {len(scores)} scores are not finite numbers")
    if len(np.unique(labels)) < 2:
        raise ValueError(f"all {len(labels)} labels are {labels[0] if len(labels) else 'missing'}; no area is defined")
    return labels, scores


def class_scores(labels, probabilities):
    """Score a classifier of two or more classes.

    Parameters
    ----------
    labels : int array, shape (N,)
        0 to K - 1.
    probabilities : float array, shape (N, K)

    Returns
    -------
    dict of str to float
        ``mcc`` (Matthews' correlation, as GUE reports), ``accuracy`` (as GenomicBenchmarks does), ``f1``,
        ``precision`` and ``recall`` (means over the classes; the precision of a class that is never said is 0) and
        ``auroc`` (with more than two classes the mean of each one against the rest).

    Raises
    ------
    ValueError
        If a probability is not finite, a label is out of range, or a class is missing.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    classes = probabilities.shape[1]
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{(~np.isfinite(probabilities)).any(1).sum()} of {len(labels)} rows are not finite numbers")
    if missing := set(range(classes)) ^ set(np.unique(labels).tolist()):
        raise ValueError(f"labels are not all of 0 to {classes - 1}, each at least once; see {min(missing)}")
    said = probabilities.argmax(1)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, said, average="macro", zero_division=0)
    areas = [roc_auc_score(labels == k, probabilities[:, k]) for k in range(classes)]
    return {
        "mcc": float(matthews_corrcoef(labels, said)),
        "accuracy": float((labels == said).mean()),
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "auroc": float(np.mean(areas)),
    }
