"""Figures of the benchmark. Each function draws on axes it is given or makes, and returns them."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from regdna.report.plots import REGIME_COLORS
from regdna.report.statistics import trend


def plot_change(gains, ax=None):
    """Draw the per cent change of the AUPR, a dot for each experiment, by model (Phan et al. 2024, Figures 2 and S1).

    Parameters
    ----------
    gains : pandas.DataFrame
        From :func:`regdna.report.benchmark.gain_table`.
    """
    models = list(dict.fromkeys(gains["model"]))
    ax = ax or plt.subplots(figsize=(3.6 + 1.3 * len(models), 3.8))[1]
    common = {"data": gains, "x": "model", "y": "change", "hue": "comparison", "ax": ax}
    if len(gains) > 2 * gains.groupby(["model", "comparison"]).ngroups:
        sns.boxplot(**common, fliersize=0, width=0.6, boxprops={"alpha": 0.4}, legend=False)
    sns.stripplot(**common, dodge=True, size=4, jitter=0.12, edgecolor="black", linewidth=0.4)
    ax.axhline(0, color="black", lw=1, ls=":")
    ax.set_yscale("symlog", linthresh=100)
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.set(xlabel="", ylabel="change of test AUPR, %")
    ax.legend(frameon=False, title="", loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def plot_trend(gains, ax=None):
    """Draw the ratio of two regimes' AUPR against the number of positives, both on log scales, with the fitted line.

    Parameters
    ----------
    gains : pandas.DataFrame
        From :func:`regdna.report.benchmark.gain_table`; one comparison and one model.
    """
    ax = ax or plt.subplots(figsize=(5, 4))[1]
    x, y = gains["positives"].to_numpy(float), gains["ratio"].to_numpy(float)
    ax.loglog(x, y, "o", ms=6, color=REGIME_COLORS["SSL"])
    for name, at, height in zip(gains["experiment"], x, y):
        ax.annotate(name, (at, height), (4, 4), textcoords="offset points", fontsize=8)
    fit = trend(np.log10(x), np.log10(y))
    if np.isfinite(fit["slope"]):
        ends = np.array([x.min(), x.max()])
        ax.loglog(ends, 10 ** (fit["intercept"] + fit["slope"] * np.log10(ends)), color="black", lw=1)
        ax.set_title(f"R = {fit['R']:.2f}, p = {fit['p']:.2g}", fontsize=11)
    ax.axhline(1, color="black", lw=1, ls=":")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("training positives")
    ax.set_ylabel("test AUPR, " + gains["comparison"].iat[0])
    return ax


def plot_pairs(table, regime, control, ax=None):
    """Draw the AUPR of one regime against another's, a dot for each experiment (Phan et al. 2024, Figure S5).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`regdna.report.statistics.by_experiment`.
    """
    ax = ax or plt.subplots(figsize=(4.2, 4.2))[1]
    for model, here in table.groupby(level="model", sort=False):
        ax.plot(here[control], here[regime], "o", ms=5, label=model)
    top = 1.05 * np.nanmax(table[[regime, control]].to_numpy())
    ax.plot([0, top], [0, top], color="black", lw=1, ls=":")
    ax.set(xlabel=f"test AUPR, {control}", ylabel=f"test AUPR, {regime}", xlim=(0, top), ylim=(0, top), aspect="equal")
    if table.index.get_level_values("model").nunique() > 1:
        ax.legend(frameon=False, fontsize=9)
    return ax


def plot_intervals(table, ax=None):
    """Draw AUPRs with their intervals, by experiment and regime.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`regdna.report.benchmark.interval_table`.
    """
    experiments = list(dict.fromkeys(table.index.get_level_values("experiment")))
    regimes = [name for name in REGIME_COLORS if name in set(table.index.get_level_values("regime"))]
    ax = ax or plt.subplots(figsize=(1.5 + 0.6 * len(experiments), 3.8))[1]
    for number, regime in enumerate(regimes):
        here = table.xs(regime, level="regime")
        x = np.array([experiments.index(name) for name in here.index]) + (number - (len(regimes) - 1) / 2) * 0.22
        error = [here["aupr"] - here["low"], here["high"] - here["aupr"]]
        style = {"color": REGIME_COLORS[regime], "label": regime, "ms": 4, "capsize": 2}
        ax.errorbar(x, here["aupr"], np.maximum(error, 0), fmt="o", **style)
    ax.set_xticks(range(len(experiments)), experiments, rotation=60, ha="right")
    ax.set(ylabel="test AUPR", ylim=(0, None))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def plot_curve(curve, xlabel, references=None, ax=None):
    """Draw the AUPR along a knob, a line for each experiment; bars are standard errors over seeds.

    Parameters
    ----------
    curve : pandas.DataFrame
        From :func:`regdna.report.benchmark.curve_table`.
    xlabel : str
    references : dict of str to float, optional
        By experiment, an AUPR to compare with, drawn as a dotted line.
    """
    ax = ax or plt.subplots(figsize=(6, 3.8))[1]
    for color, (name, here) in zip(sns.color_palette("deep"), curve.groupby("experiment", sort=False)):
        ax.errorbar(here["value"], here["mean"], here["error"].fillna(0), fmt="o-", capsize=2, color=color, label=name)
        if references:
            ax.axhline(references[name], color=color, lw=1, ls=":")
    ax.set(xlabel=xlabel, ylabel="test AUPR", ylim=(0, None))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
