import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.report.statistics import (
    bootstrap_aupr,
    bootstrap_spearman,
    by_experiment,
    compare_correlations,
    paired_tests,
    trend,
)
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


class TestSpearman:
    def test_the_correlation_is_scipys_and_lies_in_its_interval(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=200)
        y = x + rng.normal(size=200)
        r, low, high = bootstrap_spearman(x, y, rng)
        assert r == pytest.approx(stats.spearmanr(x, y).statistic)
        assert low < r < high and 0.1 < high - low < 0.25

    def test_intervals_hold_the_truth_as_often_as_they_say(self):
        rng = np.random.default_rng(1)
        truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's R of a binormal with Pearson's 0.6
        held = 0
        for _ in range(60):
            x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 80).T
            _, low, high = bootstrap_spearman(x, y, rng, repeats=200)
            held += low <= truth <= high
        assert 51 <= held <= 60

    @pytest.mark.parametrize(("x", "y"), [([1, 1, 1], [1, 2, 3]), ([1, 2], [1, 2]), ([1, 2, 3], [2, 2, 2])])
    def test_what_has_no_order_has_no_correlation(self, x, y):
        assert np.isnan(bootstrap_spearman(x, y, np.random.default_rng(0))).all()


class TestComparison:
    def draw(self, rng, n, first, second, between):
        covariance = [[1, first, second], [first, 1, between], [second, between, 1]]
        return rng.multivariate_normal(np.zeros(3), covariance, n).T

    def test_by_hand(self):
        """Equations 1 to 3 of Meng et al., written out for one drawn sample."""
        observed, one, other = self.draw(np.random.default_rng(0), 60, 0.7, 0.4, 0.5)
        row = compare_correlations(observed, one, other)
        r1, r2 = (stats.spearmanr(observed, values).statistic for values in (one, other))
        rx = stats.spearmanr(one, other).statistic
        z1, z2 = (0.5 * np.log((1 + r) / (1 - r)) for r in (r1, r2))
        square = (r1 * r1 + r2 * r2) / 2
        f = min(1, (1 - rx) / (2 * (1 - square)))
        h = 1 + square / (1 - square) * (1 - f)
        z = (z1 - z2) * np.sqrt((60 - 3) / (2 * (1 - rx) * h))
        assert row[["n", "first", "second", "between", "z"]].tolist() == pytest.approx([60, r1, r2, rx, z])
        assert row["p"] == pytest.approx(2 * (1 - stats.norm.cdf(abs(z))))
        back = compare_correlations(observed, other, one)
        assert (back["z"], back["p"]) == pytest.approx((-row["z"], row["p"]))

    def test_the_factor_f_is_one_at_most(self):
        """Predictions that are nearly opposite: here (1 - rx) / (2 (1 - r²)) is above 1."""
        observed, one, other = self.draw(np.random.default_rng(5), 60, 0.6, -0.6, -0.9)
        row = compare_correlations(observed, one, other)
        r1, r2, rx = row["first"], row["second"], row["between"]
        assert (1 - rx) / (2 - r1**2 - r2**2) > 1.1
        h = 1  # which is what f = 1 gives
        assert row["z"] == pytest.approx((np.arctanh(r1) - np.arctanh(r2)) * np.sqrt(57 / (2 * (1 - rx) * h)))

    def test_without_a_difference_p_is_uniform_and_with_one_it_is_small(self):
        rng = np.random.default_rng(2)
        p = [compare_correlations(*self.draw(rng, 100, 0.5, 0.5, 0.7))["p"] for _ in range(300)]
        assert stats.kstest(p, "uniform").pvalue > 1e-3
        p = [compare_correlations(*self.draw(rng, 100, 0.7, 0.4, 0.7))["p"] for _ in range(50)]
        assert np.median(p) < 1e-3

    def test_predictions_of_equal_order_cannot_be_compared(self):
        x = np.arange(10.0)
        row = compare_correlations(x, x, np.exp(x))
        assert row["between"] == pytest.approx(1) and np.isnan(row["p"])
        assert np.isnan(compare_correlations(x, x, np.ones(10))["first"])
