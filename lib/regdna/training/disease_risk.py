"""Who has a disease, from genotypes at regulatory variants as a frozen network sees them.

A person has two copies of the window around each variant. Read all of them by a network, whatever it is, and take the
mean over windows and copies: one vector for each person. Where each window holds one variant, as here, a window is read
in one of two ways, with the reference allele or with the other, so that the mean is

    mean over v of embed(window of v with ref)  +  1 / (2 V) * sum over v of dosage_v * difference_v,

with difference_v = embed(window of v with alt) - embed(window of v with ref). The first part is the same for everybody
and cannot predict anything. So it is enough to read both alleles of each variant once, however many people there are.

Letters: V variants, P people, D channels of a vector.
"""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from regdna.data.sequences import Sequences
from regdna.data.variants import allele_windows
from regdna.training.metrics import aupr, auroc
from regdna.training.probe import STRENGTHS, fit_logistic

FEWEST = 10  # cases, and controls: a fifth of them is validated on, and another tested


class Risk(NamedTuple):
    """What came of a prediction.

    Attributes
    ----------
    scores : dict of str to float
        Of the test people: ``auroc``, ``aupr`` and ``accuracy`` (a case is one whose probability is above a half).
    strength : float
        The inverse penalty that was best on validation people.
    direction : float array, shape (D,)
        What a unit of each channel adds to the log-odds: ``vectors @ direction`` is what a copy of each variant's
        alternative allele is said to add, up to a factor that all variants share.
    test : int array
        Rows of the test people.
    probabilities : float array, shape (test people,)
        Of being a case.
    """

    scores: dict
    strength: float
    direction: np.ndarray
    test: np.ndarray
    probabilities: np.ndarray


def variant_vectors(variants, genome, embed, width):
    """Say what each variant changes in the vector of its window.

    Parameters
    ----------
    variants : pandas.DataFrame
        As :func:`regdna.data.cohort.place_on_genome` leaves them.
    genome : regdna.data.genome.Genome
    embed : callable
        :class:`regdna.data.sequences.Sequences` to float array, shape (N, D).
    width : int
        Bases of the window, with the variant in its middle.

    Returns
    -------
    float32 array, shape (V, D)
        Alternative less reference (the genome's base), mean over both strands.
    """
    changes = []
    for minus in (False, True):
        windows = allele_windows(genome, variants, width, width // 2, minus)
        ref, alt = np.split(np.asarray(embed(Sequences.of_rows(np.concatenate(windows))), np.float64), 2)
        changes.append(alt - ref)
    return np.mean(changes, axis=0, dtype=np.float64).astype(np.float32)


def person_vectors(dosages, vectors):
    """Add up what a person's alleles change, in the mean over all windows and copies.

    Parameters
    ----------
    dosages : float array, shape (V, P)
        From :meth:`regdna.data.cohort.Cohort.filled`.
    vectors : float array, shape (V, D)
        From :func:`variant_vectors`.

    Returns
    -------
    float32 array, shape (P, D)
        Less the part that all people share.
    """
    return (dosages.T @ vectors / (2 * len(vectors))).astype(np.float32)


def split_people(status, seed=0):
    """Part people at random into three fifths to train on, one to validate on and one to test on.

    Parameters
    ----------
    status : int array, shape (P,)
        1 case, 0 control; their shares are the same in all parts.
    seed : int

    Returns
    -------
    train, validation, test : int array
        Rows.

    Raises
    ------
    ValueError
        If there are fewer than :data:`FEWEST` cases or controls.
    """
    cases, controls = int((status == 1).sum()), int((status == 0).sum())
    if min(cases, controls) < FEWEST:
        raise ValueError(
            f"{cases} cases and {controls} controls; at least {FEWEST} of each are needed to test anything"
        )
    rest, test = train_test_split(np.arange(len(status)), test_size=0.2, random_state=seed, stratify=status)
    train, validation = train_test_split(rest, test_size=0.25, random_state=seed, stratify=status[rest])
    return train, validation, test


def predict_risk(features, status, seed=0):
    """Fit logistic regression with an L2 penalty to people, and test it on others.

    Features are standardised. The penalty is chosen by the area under the curve of validation people; then training and
    validation people are fitted together. The test people are looked at once.

    Parameters
    ----------
    features : float array, shape (P, D)
        From :func:`person_vectors`, or any others, such as the dosages themselves.
    status : int array, shape (P,)
        1 case, 0 control.
    seed : int
        Of the split, see :func:`split_people`.

    Returns
    -------
    Risk
    """
    train, validation, test = split_people(status, seed)

    def quality(strength):
        fitted = fit_logistic(features[train], status[train], strength)
        return auroc(status[validation], fitted.decision_function(features[validation]))

    strength = max(STRENGTHS, key=quality)
    known = np.concatenate([train, validation])
    fitted = fit_logistic(features[known], status[known], strength)
    probabilities = fitted.predict_proba(features[test])[:, 1]
    scores = {
        "auroc": auroc(status[test], probabilities),
        "aupr": aupr(status[test], probabilities),
        "accuracy": float(((probabilities > 0.5) == status[test]).mean()),
    }
    scaler, regression = (step for _, step in fitted.steps)
    return Risk(scores, strength, regression.coef_[0] / scaler.scale_, test, probabilities)
