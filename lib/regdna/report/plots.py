"""Figures of the book. Each function draws on axes it is given or makes, and returns them."""

import logomaker
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from Bio import Phylo
from sklearn.metrics import precision_recall_curve

from regdna.data.liftover import STATUSES
from regdna.data.read_files import coverage

REGIME_COLORS = {
    "SL": "#8c8c8c",
    "SL-neg": "#ccb974",
    "SL-aug": "#dd8452",
    "SSL-copies": "#64b5cd",
    "SSL-diverged": "#8172b3",
    "SSL": "#4c72b0",
    "SSL-aug": "#937860",
    "SSL-NS": "#55a868",
    "SSL-leak": "#c44e52",
    "SSL-leak-equal": "#da8bc3",
}
MARKED_Q_VALUES = (0.05, 1e-3, 1e-10)
STRAND_COLORS = {"+": "#c44e52", "-": "#4c72b0"}
STATUS_COLORS = {
    "lifted": "#4c72b0",
    "split": "#dd8452",
    "partial": "#ccb974",
    "deleted": "#c44e52",
    "unmapped": "#bbbbbb",
}


def style():
    """Set the look of all figures: called once at the top of a notebook."""
    sns.set_theme(style="ticks", context="notebook", rc={"axes.spines.right": False, "axes.spines.top": False})
    plt.rcParams.update({"figure.dpi": 90, "savefig.bbox": "tight", "figure.constrained_layout.use": True})


def plot_tree(path, ax=None):
    """Draw a species tree from its Newick file; branch lengths to scale."""
    ax = ax or plt.subplots(figsize=(7, 6))[1]
    Phylo.draw(Phylo.read(path, "newick"), axes=ax, do_show=False)
    ax.set(xlabel="neutral substitutions per site", ylabel="", yticks=[])
    ax.spines["left"].set_visible(False)
    return ax


def plot_region(chrom, start, end, tracks, ax=None):
    """Draw intervals of a region, one row per track.

    Parameters
    ----------
    chrom : str
    start, end : int
        0-based half-open, in bases.
    tracks : dict of str to pandas.DataFrame
        With columns chrom, start, end.
    """
    ax = ax or plt.subplots(figsize=(9, 0.28 * len(tracks) + 0.8))[1]
    colors = sns.color_palette("deep", len(tracks))
    for row, (color, table) in enumerate(zip(colors, tracks.values())):
        here = table[(table["chrom"] == chrom) & (table["end"] > start) & (table["start"] < end)]
        ax.broken_barh(
            list(zip(here["start"] / 1000, (here["end"] - here["start"]) / 1000)), (row - 0.35, 0.7), color=color
        )
    ax.set(xlim=(start / 1000, end / 1000), ylim=(len(tracks) - 0.5, -0.5), xlabel=f"{chrom}, kb")
    ax.set_yticks(range(len(tracks)), list(tracks))
    return ax


def plot_pile_up(libraries, chrom, start, end, marks=()):
    """Draw the reads over a region, those of the plus strand upward and those of the minus strand downward.

    Parameters
    ----------
    libraries : dict of str to pandas.DataFrame
        By name, as from :func:`regdna.data.read_files.read_reads`; a panel for each, at one scale.
    chrom : str
    start, end : int
        0-based half-open, in bases.
    marks : sequence of int
        Positions to mark.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (len(libraries),)
    """
    size = (9, 1.7 * len(libraries))
    axes = plt.subplots(len(libraries), 1, sharex=True, sharey=True, figsize=size, squeeze=False)[1][:, 0]
    for ax, (name, reads) in zip(axes, libraries.items()):
        here = reads[reads["chrom"] == chrom]
        for strand, up in (("+", 1), ("-", -1)):
            height = coverage(here[here["strand"] == strand], start, end)
            ax.fill_between(np.arange(start, end) / 1000, up * height, step="post", color=STRAND_COLORS[strand], lw=0)
        for mark in marks:
            ax.axvline(mark / 1000, color="black", ls=":", lw=1)
        ax.axhline(0, color="black", lw=0.5)
        ax.set(ylabel=f"reads,\n{name}", xlim=(start / 1000, end / 1000))
        ax.yaxis.set_major_formatter(lambda height, _: f"{abs(height):.0f}")
    axes[-1].set(xlabel=f"{chrom}, kb")
    return axes


def plot_end_profile(profile, ax=None):
    """Draw where reads begin around sites, by strand, from :func:`regdna.data.read_files.end_profile`."""
    ax = ax or plt.subplots(figsize=(7, 3))[1]
    for strand, color in STRAND_COLORS.items():
        ax.plot(profile.index, profile[strand], color=color, lw=1, label=f"strand {strand.replace('-', '−')}")
    ax.axvline(0, color="black", ls=":", lw=1)
    ax.set(xlabel="bases from the site", ylabel="5' ends per site", xlim=(profile.index[0], profile.index[-1]))
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def plot_called(curve, ax=None):
    """Draw precision against recall down a list of called peaks; a dot is what has at most that q-value.

    Parameters
    ----------
    curve : pandas.DataFrame
        From :func:`regdna.report.peak_recall.precision_recall`.
    """
    ax = ax or plt.subplots(figsize=(5, 3.8))[1]
    ax.step(curve["recall"], curve["precision"], where="post", color="black", lw=1.2)
    for q_value in MARKED_Q_VALUES:
        called = curve[curve["q_value"] <= q_value]
        if len(called):
            x, y = called[["recall", "precision"]].iloc[-1]
            ax.plot(x, y, "o", color="#c44e52", ms=5)
            ax.annotate(f"q ≤ {q_value:g}", (x, y), (-7, -3), textcoords="offset points", ha="right", va="top")
    # The first few peaks may be a matter of luck; the scale is for the rest.
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(min(0.9, curve["precision"].iloc[-1] - 0.05), 1.01))
    return ax


def plot_yield(table, ax=None):
    """Draw what became of the peaks in each relative, from :func:`regdna.report.tables.yield_table`."""
    ax = ax or plt.subplots(figsize=(9, 3.6))[1]
    left = np.zeros(len(table))
    for status in STATUSES:
        share = 100 * (table[status] / table[list(STATUSES)].sum(axis=1)).to_numpy()
        ax.bar(table.index, share, bottom=left, color=STATUS_COLORS[status], label=status, width=0.85)
        left += share
    ax.set(ylabel="% of peaks", ylim=(0, 100))
    ax.tick_params(axis="x", rotation=70)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return ax


def plot_divergence(table, x, columns, ax=None):
    """Draw columns of a table by relative against how far the relatives are.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each relative.
    x : str
        The column that says how far.
    columns : list of str
    """
    ax = ax or plt.subplots(figsize=(6, 3.6))[1]
    for column in columns:
        ax.plot(table[x], table[column], "o", ms=5, label=column)
    ax.set(xlabel=x, ylim=(0, None))
    ax.legend(frameon=False)
    return ax


def plot_similarity(table, ax=None):
    """Draw how many test bins have at least so much in common with a training window.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`regdna.report.leakage.similarity_table`.
    """
    ax = ax or plt.subplots(figsize=(6, 3.6))[1]
    for name, shares in table.items():
        ax.plot(np.sort(shares)[::-1], np.arange(1, len(shares) + 1) / len(shares), drawstyle="steps-pre", label=name)
    ax.set(xlabel="largest share of words in one window", ylabel="test bins with that much or more", xlim=(0, 1.02))
    ax.legend(frameon=False)
    return ax


def plot_learning(histories, ax=None):
    """Draw validation AUPR against gradient steps; thin lines are seeds.

    Parameters
    ----------
    histories : dict of str to list of pandas.DataFrame
        By regime, one history per seed.
    """
    ax = ax or plt.subplots(figsize=(7, 4))[1]
    for regime, tables in histories.items():
        for i, table in enumerate(tables):
            label = regime if i == 0 else None
            ax.plot(table["step"], table["validation_aupr"], color=REGIME_COLORS[regime], lw=1, alpha=0.8, label=label)
    ax.set(xlabel="gradient steps", ylabel="validation AUPR")
    ax.legend(frameon=False)
    return ax


def plot_precision_recall(scores, ax=None):
    """Draw precision against recall on the test bins; thin lines are seeds, the dotted line is a random order.

    Parameters
    ----------
    scores : dict of str to list of (labels, scores)
        By regime, one pair per seed.
    """
    ax = ax or plt.subplots(figsize=(5, 4.5))[1]
    base = 0.0
    for regime, pairs in scores.items():
        for i, (labels, score) in enumerate(pairs):
            precision, recall, _ = precision_recall_curve(labels, score)
            label = regime if i == 0 else None
            ax.step(recall, precision, where="post", color=REGIME_COLORS[regime], lw=1.2, alpha=0.8, label=label)
            base = labels.mean()
    ax.axhline(base, color="black", ls=":", lw=1)
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    ax.legend(frameon=False)
    return ax


def plot_aupr(metrics, ax=None):
    """Draw the test AUPR of every run as a point, by experiment and regime, with the mean over seeds as a bar.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Columns experiment, regime, aupr.
    """
    ax = ax or plt.subplots(figsize=(max(4.5, 2.3 * metrics["experiment"].nunique()), 3.6))[1]
    order = [regime for regime in REGIME_COLORS if regime in set(metrics["regime"])]
    common = {"data": metrics, "x": "experiment", "y": "aupr", "hue": "regime", "hue_order": order, "ax": ax}
    sns.barplot(**common, palette=REGIME_COLORS, errorbar=None, alpha=0.55)
    sns.stripplot(**common, palette=REGIME_COLORS, dodge=True, size=4, legend=False, edgecolor="black", linewidth=0.4)
    ax.set(xlabel="", ylabel="test AUPR")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def plot_logo(probabilities, ax, title=""):
    """Draw a motif as a sequence logo: the height of a column is its information in bits.

    Parameters
    ----------
    probabilities : float array, shape (K, A)
    """
    p = np.asarray(probabilities)
    information = 2 + (p * np.log2(np.maximum(p, 1e-12))).sum(axis=1, keepdims=True)
    logomaker.Logo(pd.DataFrame(p * information, columns=list("ACGT")), ax=ax, show_spines=False)
    ax.set(ylim=(0, 2), yticks=[0, 1, 2], xticks=[])
    ax.set_title(title, fontsize=10)
    return ax


def plot_attribution(values, start, ax):
    """Draw attributions as a logo: each letter as high as what it contributes.

    Parameters
    ----------
    values : float array, shape (L, A)
    start : int
        Position of the first letter in its window.
    """
    table = pd.DataFrame(values, columns=list("ACGT"), index=range(start, start + len(values)))
    logomaker.Logo(table, ax=ax, show_spines=False)
    ax.set(xlabel="", ylabel="")
    ax.axhline(0, color="black", lw=0.5)
    return ax


def plot_filters(found):
    """Draw filters beside the JASPAR motifs they match, one pair a row.

    Parameters
    ----------
    found : list of regdna.report.filters.FilterMotif
    """
    figure, axes = plt.subplots(len(found), 2, figsize=(9, 1.3 * len(found)), squeeze=False)
    for (left, right), motif in zip(axes, found):
        plot_logo(motif.probabilities, left, f"filter {motif.filter} ({motif.sites} sites)")
        known = motif.match.probabilities
        turned = known[::-1, ::-1] if motif.strand == "-" else known
        title = f"{motif.match.name} {motif.match.matrix_id}, strand {motif.strand}, p = {motif.p_value:.1g}"
        plot_logo(turned, right, title)
    return figure
