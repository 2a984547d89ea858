"""Figures about splice sites. Each function draws on axes it is given or makes, and returns them."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import NullLocator

from regdna.data.splice_windows import KINDS
from regdna.worlds.genes import site_strengths

SITE_COLORS = {"donor": "#c44e52", "acceptor": "#4c72b0"}
DECOY_COLOR = "#b8b8b8"


def plot_gene(codes, labels, ax=None):
    """Draw a transcript: its exons, and the strength of each GT (upwards) and AG (downwards) that could be a site.

    Parameters
    ----------
    codes : uint8 array, shape (L,)
        In the direction of the transcript.
    labels : int array, shape (L,)
        0 neither, 1 acceptor, 2 donor.
    """
    ax = ax or plt.subplots(figsize=(11, 3))[1]
    begins = np.r_[0, np.flatnonzero(labels == KINDS["acceptor"])]
    ends = np.r_[np.flatnonzero(labels == KINDS["donor"]) + 1, len(labels)]
    ax.axhline(0, color="#4a4a4a", lw=1, zorder=1)
    ax.broken_barh(list(zip(begins, ends - begins)), (-0.7, 1.4), color="#4a4a4a", zorder=3, label="exon")
    for (kind, label), bits, sign in zip(KINDS.items(), site_strengths(codes), (1, -1)):
        for site in (False, True):
            at = np.flatnonzero((bits > 0) & ((labels == label) == site))
            color, name = (SITE_COLORS[kind], f"{kind} site") if site else (DECOY_COLOR, None)
            ax.vlines(at, 0, sign * bits[at], color=color, lw=1.4 if site else 0.5, zorder=2 + site, label=name)
    ax.set(xlabel="bases from the beginning of the transcript", ylabel="bits", xlim=(0, len(codes)))
    ax.set_yticks([-10, 0, 10], ["10", "0", "10"])
    ax.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def plot_strengths(table, axes=None):
    """Draw how strong sites are, and how many that are as strong are none.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`regdna.report.splice_tables.strength_table`.
    """
    axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)[1] if axes is None else axes
    edges = np.arange(-2, 16.01, 0.5)
    for ax, kind in zip(axes, KINDS):
        here = table[table["kind"] == kind]
        for site, color, name in ((False, DECOY_COLOR, "not spliced"), (True, SITE_COLORS[kind], "site")):
            bits = here.loc[here["site"] == site, "strength"]
            ax.hist(bits, edges, histtype="stepfilled", alpha=0.75, color=color, label=f"{name} ({len(bits):,})")
        ax.set(title=f"{kind}s", xlabel="strength, bits", yscale="log")
        ax.legend(frameon=False, fontsize=9)
    axes[0].set_ylabel("positions")
    return axes


def plot_contexts(table, rule=None, axes=None):
    """Draw scores against the context, one line for each method.

    Parameters
    ----------
    table : pandas.DataFrame
        method, context, top_k, aupr; a row for each seed. Methods are drawn in their order.
    rule : pandas.DataFrame, optional
        context, top_k, aupr: a level to hold them against, such as
        :func:`regdna.report.splice_tables.rule_scores`.
    """
    axes = plt.subplots(1, 2, figsize=(10.5, 3.8))[1] if axes is None else axes
    methods = list(dict.fromkeys(table["method"]))
    for ax, (column, name) in zip(axes, {"top_k": "top-k accuracy", "aupr": "PR-AUC"}.items()):
        for method, color in zip(methods, sns.color_palette("deep")):
            here = table[table["method"] == method]
            means = here.groupby("context")[column].mean()
            ax.plot(means.index, means, "-", color=color, lw=1.5, label=method)
            ax.plot(here["context"], here[column], "o", ms=4, color=color)
        if rule is not None:
            ax.plot(rule["context"], rule[column], "--", color="#8c8c8c", lw=1.2, label="the rule, exon by exon")
        contexts = sorted(set(table["context"]))
        ax.set(title="mean of donors and acceptors", xlabel="context, bases", ylabel=name, xscale="log", ylim=(0, 1))
        ax.set_xticks(contexts, [str(context) for context in contexts])
        ax.xaxis.set_minor_locator(NullLocator())
    axes[-1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes
