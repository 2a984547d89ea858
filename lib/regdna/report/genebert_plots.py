"""Figures about GeneBERT. Each function draws on axes it is given or makes, and returns them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

LOSSES = {"mgm": "masked k-mers", "ngsp": "next segment", "srm": "matching"}
LEAST = 0.2  # nats of an axis, so that noise around one value looks like that


def plot_losses(history, chance, axes=None):
    """Draw the three losses, in training and on held-out runs.

    Parameters
    ----------
    history : pandas.DataFrame
        From :func:`regdna.training.multimodal.pretrain_multimodal`.
    chance : dict of str to float
        For ``mgm``, ``ngsp`` and ``srm``: the held-out loss of one who knows nothing of the order of letters, nats.
    """
    axes = plt.subplots(1, 3, figsize=(12, 3.4))[1] if axes is None else axes
    for ax, (name, title) in zip(axes, LOSSES.items()):
        ax.plot(history["step"], history[name], color="#8c8c8c", label="in training")
        ax.plot(history["step"], history[f"held_out_{name}"], color="#c44e52", label="held out")
        ax.axhline(chance[name], color="#4c72b0", lw=1, ls="--", label="by chance (held out)")
        ax.set(title=title, xlabel="gradient steps", ylabel="nats")
        low, high = ax.get_ylim()
        if high - low < LEAST:
            ax.set_ylim((low + high - LEAST) / 2, (low + high + LEAST) / 2)
    axes[0].legend(frameon=False, fontsize=9)
    return axes


def plot_maps(maps, labels, axes=None):
    """Draw runs in a plane, colored by a label.

    Parameters
    ----------
    maps : dict of str to float array, shape (N, 2)
        By name, from :func:`regdna.report.run_tables.project`.
    labels : array of str, shape (N,)
    """
    axes = plt.subplots(1, len(maps), figsize=(4.2 * len(maps), 4.2))[1] if axes is None else axes
    axes = np.atleast_1d(axes)
    names = pd.unique(np.asarray(labels))
    colors = dict(zip(sorted(names), sns.color_palette("husl" if len(names) > 10 else "deep", len(names))))
    for ax, (title, places) in zip(axes, maps.items()):
        for name in sorted(names):
            here = labels == name
            ax.scatter(*places[here].T, s=16, color=colors[name], label=name, lw=0)
        ax.set(title=title, xticks=[], yticks=[])
    axes[-1].legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes


def plot_masks(kmers, views, labels, axes=None):
    """Draw which k-mers of a region are masked, and which bases are hidden by that.

    Parameters
    ----------
    kmers : int array, shape (K,)
    views : dict of str to int array, shape (K,)
        What the network sees, by the way of masking.
    labels : dict of str to int array, shape (K,)
        The true k-mer where one is masked, -100 elsewhere.
    """
    axes = plt.subplots(len(views), 1, figsize=(9, 0.75 * len(views) + 0.8), sharex=True)[1] if axes is None else axes
    for ax, name in zip(np.atleast_1d(axes), views):
        state = np.where(labels[name] == -100, 0, np.where(views[name] == kmers, 1, 2))
        ax.imshow(state[None], aspect="auto", cmap="Reds", vmin=0, vmax=2.6, interpolation="nearest")
        ax.set(yticks=[0], yticklabels=[name])
        ax.tick_params(length=0)
    np.atleast_1d(axes)[-1].set_xlabel("k-mer (white: seen, pale: chosen but left as it is, red: masked)")
    return axes


def plot_ablations(changed, lines, ax=None):
    """Draw the scores of networks that were changed in one thing, in groups.

    Parameters
    ----------
    changed : dict of str to pandas.Series
        By group: scores by the name of the change.
    lines : dict of str to float
        Scores to hold them against, by name; the first is drawn strongest.
    """
    rows = sum(map(len, changed.values())) + len(changed)
    ax = plt.subplots(figsize=(7, 0.3 * rows + 0.8))[1] if ax is None else ax
    place, ticks = 0, {}
    for color, (group, scores) in zip(sns.color_palette("deep"), changed.items()):
        here = place + np.arange(len(scores))
        ax.scatter(scores, here, color=color, label=group, zorder=3)
        ticks |= dict(zip(here, scores.index))
        place = here[-1] + 2  # a gap between groups
    for (name, score), color in zip(lines.items(), ("#333333", "#8c8c8c")):
        ax.axvline(score, ls="--", lw=1, color=color, label=name)
    ax.set(yticks=list(ticks), yticklabels=list(ticks.values()), xlabel="mean AUROC of the probes")
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
