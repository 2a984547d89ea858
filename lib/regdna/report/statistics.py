"""What can be said about a difference: paired tests, intervals, and corrections for many of them."""

import numpy as np
import pandas as pd
from scipy import stats

from regdna.training.metrics import aupr

CONFIDENCE = 0.95


def by_experiment(metrics, value="aupr"):
    """Average the seeds: one row for each model and experiment, one column for each regime.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Columns as in :data:`regdna.training.runs.METRICS`.
    value : str

    Returns
    -------
    pandas.DataFrame
        Index model and experiment; experiments by number of positives, the fewest first.
    """
    size = metrics.groupby("experiment")["positives"].first().sort_values(kind="stable")
    order = {name: place for place, name in enumerate(size.index)}
    table = metrics.pivot_table(value, ["model", "experiment"], "regime", sort=False)
    table = table.sort_index(
        level="experiment", key=lambda names: names.map(order), sort_remaining=False, kind="stable"
    )
    return table.loc[list(dict.fromkeys(metrics["model"]))]


def paired_tests(table, pairs):
    """Compare regimes over experiments, each experiment being its own control.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each experiment, one column for each regime, as from :func:`by_experiment`; rows in which either
        regime of a pair is missing are left out of that pair.
    pairs : sequence of (str, str)
        Regime and control.

    Returns
    -------
    pandas.DataFrame
        By "regime - control": ``n`` experiments, ``mean`` difference with its 95 % interval ``from`` and ``to``
        (Student's t), ``p`` of the paired t-test, ``Wilcoxon p`` of the signed-rank test, and both corrected for the
        number of pairs by Benjamini and Hochberg's false discovery rate (``q``, ``Wilcoxon q``). The mean difference
        and the p of the t-test are the intercept of the linear model ``difference ~ 1`` and its p. NaN where fewer
        than two experiments can be compared.
    """
    rows = {}
    for regime, control in pairs:
        difference = (table[regime] - table[control]).dropna().to_numpy()
        row = {"n": len(difference), "mean": difference.mean() if len(difference) else np.nan}
        if len(difference) > 1 and np.ptp(difference) > 0:
            test = stats.ttest_1samp(difference, 0)
            low, high = test.confidence_interval(CONFIDENCE)
            wilcoxon = stats.wilcoxon(difference).pvalue
            row |= {"from": low, "to": high, "p": test.pvalue, "Wilcoxon p": wilcoxon}
        rows[f"{regime} - {control}"] = row
    columns = ["n", "mean", "from", "to", "p", "Wilcoxon p"]
    found = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    for kind, corrected in (("p", "q"), ("Wilcoxon p", "Wilcoxon q")):
        known = found[kind].notna()
        found.loc[known, corrected] = stats.false_discovery_control(found.loc[known, kind]) if known.any() else np.nan
    return found


def bootstrap_aupr(labels, scores, rng, repeats=500):
    """Interval of a test AUPR: what it would have been on other test bins of the same genome.

    Positives and negatives are drawn anew, each as many as there are. Neighboring bins are not independent, which an
    interval of this kind does not know, so it is rather too narrow.

    Parameters
    ----------
    labels : int array, shape (N,)
    scores : float array, shape (N,)
    rng : numpy.random.Generator
    repeats : int

    Returns
    -------
    low, high : float
        2.5th and 97.5th percentile.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    groups = [np.flatnonzero(labels == label) for label in (1, 0)]
    drawn = []
    for _ in range(repeats):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        drawn.append(aupr(labels[rows], scores[rows]))
    low, high = np.percentile(drawn, [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def bootstrap_spearman(x, y, rng, repeats=500):
    """Spearman's rank correlation with its interval over samples drawn anew from the same points.

    Parameters
    ----------
    x, y : float arrays, shape (N,)
    rng : numpy.random.Generator
    repeats : int

    Returns
    -------
    r, low, high : float
        The correlation, and the 2.5th and 97.5th percentile; NaN where x or y is constant.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    drawn = []
    for rows in rng.integers(0, len(x), (repeats, len(x))):
        if np.ptp(x[rows]) and np.ptp(y[rows]):
            drawn.append(stats.spearmanr(x[rows], y[rows]).statistic)
    low, high = np.percentile(drawn, [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2])
    return float(stats.spearmanr(x, y).statistic), float(low), float(high)


def compare_correlations(observed, first, second):
    """Test whether two predictions of one observation correlate with it equally well (Spearman).

    The predictions are made for the same points and are alike, so their correlations are not independent: Meng,
    Rosenthal and Rubin 1992, Psychol Bull 111:172, Equations 1 to 3, on ranks.

    Parameters
    ----------
    observed, first, second : float arrays, shape (N,)

    Returns
    -------
    pandas.Series
        ``n``, ``first`` and ``second`` (the correlations with ``observed``), ``between`` (the two predictions'), ``z``
        and its two-sided ``p``; NaN where one of them is constant, or the two are of equal order.
    """
    ranks = np.array([stats.rankdata(values) for values in (observed, first, second)])
    n = ranks.shape[1]
    row = {"n": n, "first": np.nan, "second": np.nan, "between": np.nan, "z": np.nan, "p": np.nan}
    if n > 3 and (np.ptp(ranks, axis=1) > 0).all():
        r1, r2, between = np.corrcoef(ranks)[[0, 0, 1], [1, 2, 2]]
        row |= {"first": r1, "second": r2, "between": between}
        if between < 1 - 1e-12:
            mean_square = (r1**2 + r2**2) / 2
            f = min((1 - between) / (2 * (1 - mean_square)), 1)
            h = (1 - f * mean_square) / (1 - mean_square)
            row["z"] = (np.arctanh(r1) - np.arctanh(r2)) * np.sqrt((n - 3) / (2 * (1 - between) * h))
            row["p"] = 2 * stats.norm.sf(abs(row["z"]))
    return pd.Series(row)


def trend(x, y):
    """Fit a line to points.

    Parameters
    ----------
    x, y : float arrays, shape (N,)

    Returns
    -------
    pandas.Series
        ``slope``, ``intercept``, Pearson's ``R`` and ``p`` of a slope that is not 0; NaN for fewer than three points.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    there = np.isfinite(x) & np.isfinite(y)
    if there.sum() < 3 or np.ptp(x[there]) == 0:
        return pd.Series({"slope": np.nan, "intercept": np.nan, "R": np.nan, "p": np.nan})
    line = stats.linregress(x[there], y[there])
    return pd.Series({"slope": line.slope, "intercept": line.intercept, "R": line.rvalue, "p": line.pvalue})
