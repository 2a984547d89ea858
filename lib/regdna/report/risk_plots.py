"""Figures of the chapter on disease risk. Each function draws on axes it is given or makes, and returns them."""

import matplotlib.pyplot as plt
import numpy as np

CONTROL, CASE = "#4c72b0", "#c44e52"
QUIET = "#bbbbbb"


def plot_liability(people, ax=None):
    """Draw how what was inherited is distributed among cases and controls.

    Parameters
    ----------
    people : pandas.DataFrame
        Of a simulated cohort: status (1 case, 0 control), genetic (in standard deviations of the liability).
    """
    ax = ax or plt.subplots(figsize=(5.5, 3.4))[1]
    edges = np.linspace(people["genetic"].min(), people["genetic"].max() + 1e-9, 40)
    for kind, color, label in ((0, CONTROL, "controls"), (1, CASE, "cases")):
        ax.hist(people.loc[people["status"] == kind, "genetic"], edges, color=color, alpha=0.6, label=label)
    ax.set(xlabel="planted genetic liability, sd of the liability", ylabel="people")
    ax.legend(frameon=False, fontsize=9)
    return ax


def plot_effect_sizes(effects, ax=None):
    """Draw what a copy adds to the liability against what the allele does to binding.

    Parameters
    ----------
    effects : pandas.DataFrame
        motif_effect, causal, liability_effect.
    """
    ax = ax or plt.subplots(figsize=(5.5, 3.4))[1]
    for chosen, color, label in ((False, QUIET, "not causal"), (True, CASE, "causal")):
        here = effects[effects["causal"] == chosen]
        ax.plot(here["motif_effect"], here["liability_effect"], "o", ms=4, color=color, alpha=0.7, label=label)
    ax.set(xlabel="binding lost or gained, log2 of the allelic ratio", ylabel="added to the liability by a copy")
    ax.legend(frameon=False, fontsize=9)
    return ax


def plot_changes(changes, ax=None):
    """Draw what variants change in the vector of their window, channel by channel.

    Parameters
    ----------
    changes : dict of str to float array, shape (D,)
        By the name of the variant.
    """
    ax = ax or plt.subplots(figsize=(8, 3))[1]
    width = 0.8 / len(changes)
    for place, (name, change) in enumerate(changes.items()):
        ax.bar(np.arange(len(change)) + (place - (len(changes) - 1) / 2) * width, change, width, label=name)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="channel of the network's vector", ylabel="alternative less reference")
    ax.legend(frameon=False, fontsize=9)
    return ax


def plot_risks(rows, ceiling=None, ax=None):
    """Draw the AUROC of methods: a dot for each prediction, a line at their mean.

    Parameters
    ----------
    rows : pandas.DataFrame
        method, auroc; from :func:`regdna.report.risk_tables.score_rows`.
    ceiling : float, optional
        Mean AUROC of one who knows what everybody has inherited.
    """
    methods = list(dict.fromkeys(rows["method"]))
    ax = ax or plt.subplots(figsize=(7, 0.42 * len(methods) + 1.2))[1]
    for place, method in enumerate(methods):
        scores = rows.loc[rows["method"] == method, "auroc"].to_numpy()
        ax.plot(scores, np.full(len(scores), place), "o", ms=5, color=CONTROL, alpha=0.5)
        ax.plot([scores.mean()] * 2, [place - 0.3, place + 0.3], color="black", lw=2)
    ax.axvline(0.5, color=QUIET, lw=1, ls="--")
    if ceiling is not None:
        ax.axvline(ceiling, color=CASE, lw=1, ls="--")
    ax.margins(x=0.03)
    ax.set_yticks(range(len(methods)), methods)
    ax.set(xlabel="AUROC of test people", ylim=(len(methods) - 0.5, -0.5))
    return ax


def plot_agreement(implied, effects):
    """Draw what methods say of each variant against what was planted, a panel for each.

    Parameters
    ----------
    implied : dict of method to float array, shape (V,)
        From :func:`regdna.report.risk_tables.implied_effects`.
    effects : pandas.DataFrame
        Of the variants: causal, liability_effect.
    """
    columns = min(len(implied), 4)
    lines = -(-len(implied) // columns)
    axes = plt.subplots(lines, columns, figsize=(2.7 * columns, 2.7 * lines), sharex=True, sharey=True, squeeze=False)[
        1
    ]
    axes = axes.ravel()
    causal = effects["causal"].to_numpy(bool)
    for ax, (method, said) in zip(axes, implied.items()):
        for chosen, color in ((False, QUIET), (True, CASE)):
            here = causal == chosen
            ax.plot(effects["liability_effect"][here], said[here], "o", ms=3.5, color=color, alpha=0.7)
        ax.set_title(method, fontsize=10)
    for ax in axes[len(implied) :]:
        ax.set_visible(False)
    axes[0].figure.supxlabel("planted: added to the liability by a copy (red: causal)", fontsize=10)
    axes[0].figure.supylabel("said by the method, sd", fontsize=10)
    return axes[: len(implied)]
