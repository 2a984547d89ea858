import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.report.statistics import bootstrap_aupr, by_experiment, paired_tests, trend
from regdna.training.metrics import aupr


def metrics(values):
    """One row for each (experiment, regime): its AUPRs by seed."""
    size = {"A": 500, "B": 20, "C": 100}
    return pd.DataFrame(
        [
            {"experiment": e, "model": "m", "regime": r, "seed": seed, "aupr": value, "positives": size[e]}
            for (e, r), seeds in values.items()
            for seed, value in enumerate(seeds)
        ]
    )


TABLE = metrics(
    {
        ("A", "SL"): (0.4, 0.6),
        ("A", "SSL"): (0.5, 0.7),
        ("B", "SL"): (0.1, 0.1),
        ("B", "SSL"): (0.3, 0.5),
        ("C", "SL"): (0.2, 0.2),
        ("C", "SSL"): (0.2, 0.3),
    }
)


def test_seeds_are_averaged_and_the_rarest_experiment_comes_first():
    table = by_experiment(TABLE)
    assert table.index.tolist() == [("m", "B"), ("m", "C"), ("m", "A")]
    assert table["SSL"].tolist() == pytest.approx([0.4, 0.25, 0.6])


def test_models_keep_their_order():
    both = pd.concat([TABLE.assign(model="z"), TABLE.assign(model="a")])
    assert by_experiment(both).index.get_level_values("model").tolist() == ["z"] * 3 + ["a"] * 3


def test_paired_tests_are_those_of_scipy():
    table = by_experiment(TABLE)
    row = paired_tests(table, [("SSL", "SL")]).loc["SSL - SL"]
    difference = [0.3, 0.05, 0.1]
    test = stats.ttest_1samp(difference, 0)
    assert row["n"] == 3 and row["mean"] == pytest.approx(np.mean(difference))
    assert (row["p"], row["q"]) == pytest.approx((test.pvalue, test.pvalue))
    assert row["Wilcoxon p"] == pytest.approx(0.25)  # the smallest that three pairs can give
    half = stats.t.ppf(0.975, 2) * np.std(difference, ddof=1) / np.sqrt(3)
    assert (row["from"], row["to"]) == pytest.approx((row["mean"] - half, row["mean"] + half))


def test_several_pairs_are_corrected():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(1, 1, 12), "b": rng.normal(0, 1, 12), "c": rng.normal(0, 1, 12)})
    tests = paired_tests(table, [("a", "b"), ("b", "c"), ("a", "c")])
    p = tests["p"].to_numpy()
    expected = stats.false_discovery_control(p)
    np.testing.assert_allclose(tests["q"], expected)
    assert (tests["q"] >= tests["p"]).all() and (tests["q"] > tests["p"]).any()


def test_what_cannot_be_compared_is_left_out():
    table = pd.DataFrame({"a": [0.1, 0.2, np.nan], "b": [0.0, np.nan, 0.3], "c": [0.1, 0.2, 0.3]})
    tests = paired_tests(table, [("a", "b"), ("c", "a")])
    assert tests["n"].tolist() == [1, 2]
    assert tests["mean"].tolist() == pytest.approx([0.1, 0.0])
    assert tests[["p", "q"]].isna().all().all()  # one pair, and two without a difference


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of scores from known distributions, the AUPR of a very large sample lies in most intervals of small ones."""

    def sample(rng, positives, negatives):
        scores = np.concatenate([rng.normal(1.5, 1, positives), rng.normal(0, 1, negatives)])
        return np.repeat([1, 0], [positives, negatives]), scores

    truth = aupr(*sample(np.random.default_rng(0), 50_000, 500_000))
    rng = np.random.default_rng(1)
    intervals = [bootstrap_aupr(*sample(rng, 60, 600), rng, repeats=100) for _ in range(40)]
    assert np.mean([low <= truth <= high for low, high in intervals]) > 0.8
    width = [high - low for low, high in intervals]
    assert 0.05 < np.mean(width) < 0.4


def test_equal_seeds_give_equal_intervals():
    labels, scores = np.repeat([1, 0], [5, 50]), np.random.default_rng(0).random(55)
    one, two = (bootstrap_aupr(labels, scores, np.random.default_rng(3), 20) for _ in range(2))
    assert one == two and one[0] <= one[1]


def test_trend_of_a_line():
    fit = trend([1, 2, 3, 4], [3, 5, 7, 9.001])
    assert fit["slope"] == pytest.approx(2, abs=0.01) and fit["R"] > 0.999 and fit["p"] < 1e-4


@pytest.mark.parametrize("x", [[1, 2], [1, 1, 1], [1, np.nan, 2]])
def test_trend_of_too_little(x):
    assert trend(x, np.arange(len(x))).isna().all()
