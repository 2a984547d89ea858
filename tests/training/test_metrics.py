import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.training.metrics import aupr, auroc, class_scores, site_scores, top_k_accuracy


def test_by_hand():
    labels, scores = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert auroc(labels, scores) == pytest.approx(3 / 4)  # of four pairs only 0.7 against 0.8 is wrong
    assert aupr(labels, scores) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_rare_positives_by_hand():
    labels, scores = [0, 0, 1, 0, 0, 0, 0, 0, 0, 1], np.arange(10, 0, -1)
    assert auroc(labels, scores) == pytest.approx(6 / 16)
    assert aupr(labels, scores) == pytest.approx(0.5 * 1 / 3 + 0.5 * 2 / 10)


def test_perfect_and_reversed():
    labels = np.array([0, 0, 0, 1])
    assert (auroc(labels, labels), aupr(labels, labels)) == (1, 1)
    assert (auroc(labels, -labels), aupr(labels, -labels)) == (0, 1 / 4)


def test_equal_scores_are_a_random_order():
    labels = [1, 0, 0, 0, 0]
    assert auroc(labels, [0.3] * 5) == 0.5
    assert aupr(labels, [0.3] * 5) == pytest.approx(1 / 5)


@pytest.mark.parametrize("score", [auroc, aupr])
class TestErrors:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_score_that_is_no_number(self, score, bad):
        with pytest.raises(ValueError, match="1 of 3 scores are not finite"):
            score([1, 0, 0], [0.1, bad, 0.2])

    @pytest.mark.parametrize("label", [0, 1])
    def test_one_class_only(self, score, label):
        with pytest.raises(ValueError, match=f"all 3 labels are {label}; no area is defined"):
            score([label] * 3, [0.1, 0.2, 0.3])

    def test_nothing(self, score):
        with pytest.raises(ValueError, match="all 0 labels are missing; no area is defined"):
            score([], [])

    def test_returns_a_plain_float(self, score):
        assert type(score(np.array([1, 0], np.uint8), np.array([0.2, 0.1], np.float32))) is float


class TestClassScores:
    def test_two_classes_by_hand(self):
        """Said 1, 1, 0, 0 of 1, 0, 0, 0: one false positive."""
        scores = class_scores([1, 0, 0, 0], [[0.1, 0.9], [0.4, 0.6], [0.7, 0.3], [0.8, 0.2]])
        assert scores["accuracy"] == 0.75 and scores["auroc"] == 1
        assert scores["mcc"] == pytest.approx((1 * 2 - 1 * 0) / np.sqrt(2 * 1 * 3 * 2))
        assert scores["f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
        assert scores["precision"] == pytest.approx((1 / 2 + 1) / 2)
        assert scores["recall"] == pytest.approx((1 + 2 / 3) / 2)

    def test_one_class_for_all(self):
        """The collapsed rows of GeneBERT's Table 1: precision .250 and recall .500 of balanced classes."""
        scores = class_scores([0, 1, 0, 1], [[0.9, 0.1]] * 4)
        assert (scores["precision"], scores["recall"], scores["mcc"]) == (0.25, 0.5, 0)

    def test_three_classes(self):
        perfect = class_scores([0, 1, 2], np.eye(3))
        assert set(perfect.values()) == {1.0}
        assert class_scores([0, 1, 2], np.eye(3)[[1, 2, 0]])["mcc"] == pytest.approx(-0.5)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="1 of 2 rows are not finite"):
            class_scores([0, 1], [[np.nan, 1], [0, 1]])
        with pytest.raises(ValueError, match="labels are not all of 0 to 1, each at least once; see 2"):
            class_scores([0, 1, 2], np.full((3, 2), 0.5))
        with pytest.raises(ValueError, match="see 1"):
            class_scores([0, 0], np.full((2, 2), 0.5))


class TestTopK:
    @pytest.mark.parametrize(
        "labels, scores, expected",
        [
            ([1, 1, 0, 0], [4, 3, 2, 1], 1.0),
            ([1, 0, 1, 0, 0], [5, 4, 3, 2, 1], 0.5),  # the two best: one is a site
            ([0, 0, 1, 1], [4, 3, 2, 1], 0.0),
            ([1, 0, 0, 1], [2, 1, 1, 1], (1 + 1 / 3) / 2),  # the second place is shared by three, one of them a site
            ([1, 0, 0, 0], [1, 1, 1, 1], 0.25),
            ([0, 1, 1, 1, 0], [9, 5, 5, 5, 5], 2 * 3 / 4 / 3),
        ],
    )
    def test_by_hand(self, labels, scores, expected):
        assert top_k_accuracy(labels, scores) == pytest.approx(expected)

    @given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=2, max_size=8), st.integers(0, 99))
    def test_ties_are_the_mean_over_their_orders(self, rows, seed):
        labels, scores = np.array(rows).T
        if len(set(labels)) < 2:
            return
        k = labels.sum()
        orders = [p for p in itertools.permutations(range(len(rows))) if (np.diff(scores[[*p]]) <= 0).all()]
        expected = np.mean([labels[[*p]][:k].mean() for p in orders])
        assert top_k_accuracy(labels, scores) == pytest.approx(expected)

    def test_errors(self):
        with pytest.raises(ValueError, match="all 2 labels are 0"):
            top_k_accuracy([0, 0], [1.0, 2.0])
        with pytest.raises(ValueError, match="1 of 2 scores are not finite"):
            top_k_accuracy([0, 1], [1.0, np.nan])


def test_kinds_of_sites_each_against_all_others():
    labels = np.array([0, 2, 1, 0, 2, 0])
    donor, acceptor = [0.1, 0.9, 0.2, 0.3, 0.25, 0.0], [0.3, 0.0, 0.2, 0.1, 0.1, 0.0]
    probabilities = np.stack([1 - np.add(donor, acceptor), acceptor, donor], 1)
    scores = site_scores(labels, probabilities, {"donor": 2, "acceptor": 1})
    assert scores["donor_top_k"] == 0.5 and scores["acceptor_top_k"] == 0.0 and scores["top_k"] == 0.25
    assert scores["donor_aupr"] == pytest.approx((1 + 2 / 3) / 2) and scores["acceptor_aupr"] == pytest.approx(0.5)
    assert scores["aupr"] == pytest.approx((5 / 6 + 1 / 2) / 2)
