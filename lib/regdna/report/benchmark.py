"""Tables of the benchmark: who is first, by how much, and where."""

import numpy as np
import pandas as pd

from regdna.report.statistics import bootstrap_aupr, by_experiment, trend
from regdna.training.runs import read_run


def score_table(metrics, value="aupr"):
    """Mean and standard deviation over seeds of a score, and how often a regime is first.

    As Tables 2 and S2 of Phan et al. 2024.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Columns as in :data:`regdna.training.runs.METRICS`, of one model.
    value : str
        ``aupr`` or ``auroc``.

    Returns
    -------
    pandas.DataFrame
        By experiment, the fewest positives first: positives, then mean and ± sd for each regime, then the ``first``
        regime. The last row counts the first places.
    """
    mean = by_experiment(metrics, value).droplevel("model")
    spread = metrics.groupby(["experiment", "regime"])[value].std().unstack()
    positives = metrics.groupby("experiment")["positives"].first().astype(object)  # whole numbers beside shares
    table = pd.DataFrame({("", "positives"): positives}).loc[mean.index]
    for regime in mean.columns:
        table[(regime, "mean")] = mean[regime].astype(object)  # the last row counts
        table[(regime, "± sd")] = spread[regime]
    table[("", "first")] = mean.idxmax(axis=1)
    places = {(regime, "mean"): int((table[("", "first")] == regime).sum()) for regime in mean.columns}
    table.loc["first places"] = pd.Series(places, dtype=object).reindex(table.columns)
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table


def gain_table(metrics, pairs):
    """Per cent change of the mean AUPR by model and experiment (Phan et al. 2024, Figures 2 and S1).

    Parameters
    ----------
    metrics : pandas.DataFrame
    pairs : sequence of (str, str)
        Regime and control.

    Returns
    -------
    pandas.DataFrame
        Columns model, experiment, positives, comparison, change (per cent), ratio, difference.
    """
    mean = by_experiment(metrics)
    size = metrics.groupby("experiment")["positives"].first()
    parts = []
    for regime, control in pairs:
        if regime not in mean or control not in mean:
            continue
        both = mean[[regime, control]].dropna()
        parts.append(
            pd.DataFrame(
                {
                    "model": both.index.get_level_values("model"),
                    "experiment": both.index.get_level_values("experiment"),
                    "positives": size.reindex(both.index.get_level_values("experiment")).to_numpy(),
                    "comparison": f"{regime} / {control}",
                    "change": 100 * (both[regime] / both[control] - 1).to_numpy(),
                    "ratio": (both[regime] / both[control]).to_numpy(),
                    "difference": (both[regime] - both[control]).to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def trend_table(gains):
    """Fit log10 of the ratio to log10 of the number of positives, by model and comparison.

    As Figure S3 of Phan et al. 2024.

    Parameters
    ----------
    gains : pandas.DataFrame
        From :func:`gain_table`.

    Returns
    -------
    pandas.DataFrame
        Columns slope, intercept, R, p.
    """
    groups = gains.groupby(["model", "comparison"], sort=False)
    return groups[["positives", "ratio"]].apply(lambda g: trend(np.log10(g["positives"]), np.log10(g["ratio"])))


def interval_table(metrics, results, seed=0):
    """Bootstrap intervals of the AUPR over test bins, for the first seed of each run.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Of one model.
    results : path
        Where the runs lie.

    Returns
    -------
    pandas.DataFrame
        Index experiment and regime; columns aupr, low, high (95 %).
    """
    first = metrics[metrics["seed"] == metrics["seed"].min()]
    rows = {}
    for row in first.itertuples():
        run = read_run(f"{results}/runs/{row.experiment}/{row.model}/{row.regime}-{row.seed}")
        low, high = bootstrap_aupr(run.labels, run.scores, np.random.default_rng(seed), repeats=200)
        rows[row.experiment, row.regime] = {"aupr": run.row["aupr"], "low": low, "high": high}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["experiment", "regime"])
    return table


def curve_table(metrics, knob):
    """Mean and standard error over seeds of the AUPR along a knob of the regimes.

    Parameters
    ----------
    metrics : pandas.DataFrame
    knob : callable
        Takes the name of a regime and returns the knob's value, or None for regimes that are not on the curve.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, value, mean, error, seeds, pseudo_positives; by experiment and value.
    """
    values = metrics["regime"].map(knob)
    on = metrics[values.notna()].assign(value=values.dropna().astype(float))
    groups = on.groupby(["experiment", "value"], sort=True)
    return groups.agg(
        mean=("aupr", "mean"),
        error=("aupr", "sem"),
        seeds=("aupr", "size"),
        pseudo_positives=("pseudo_positives", "first"),
    ).reset_index()


def turned_table(metrics, regime="SSL", control="SL-aug"):
    """What the relatives add in worlds whose knobs are turned.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Of several worlds.

    Returns
    -------
    pandas.DataFrame
        Index world and experiment, in order of appearance; columns positives, ``control`` and ``regime`` (mean AUPR
        under their names) and ``difference``.
    """
    cell = ["world", "experiment"]
    table = metrics.pivot_table("aupr", cell, "regime", sort=False)[[control, regime]]
    table.insert(0, "positives", metrics.groupby(cell)["positives"].first())
    return table.assign(difference=table[regime] - table[control])
