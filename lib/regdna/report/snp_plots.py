"""Figures of the chapters on SNPs. Each function draws on axes it is given or makes, and returns them."""

import matplotlib.pyplot as plt
import numpy as np

from regdna.report.plots import REGIME_COLORS

BASES = "ACGT"


def plot_volcano(table, fdr, ax=None):
    """Draw the observed effects of variants against their false discovery rate, those in the bound site apart.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns observed (log2) and in_site.
    fdr : float array, shape (N,)
    """
    ax = ax or plt.subplots(figsize=(5.5, 3.8))[1]
    height = -np.log10(np.maximum(fdr, 1e-30))
    for inside, color, label in ((False, "#bbbbbb", "elsewhere in the peak"), (True, "#c44e52", "in the bound site")):
        here = table["in_site"].to_numpy() == inside
        ax.plot(table["observed"][here], height[here], "o", ms=3, color=color, label=label, alpha=0.7)
    ax.axhline(-np.log10(0.05), color="black", lw=1, ls=":")
    ax.set(xlabel="observed effect, log2 of the reads on alt over those on ref", ylabel="-log10 FDR")
    ax.legend(frameon=False, fontsize=9)
    return ax


def plot_effects(observed, predictions, correlations):
    """Draw predicted against observed effects, a panel for each model and regime (Phan et al. 2024, Figure 3).

    Parameters
    ----------
    observed : float array, shape (N,)
    predictions : dict of (model, regime) to float array, shape (seeds, N)
        Averaged over seeds; drawn as ranks, which is what Spearman's R looks at.
    correlations : pandas.DataFrame
        From :func:`regdna.report.snp_tables.correlation_table`.
    """
    models, regimes = (list(dict.fromkeys(names)) for names in zip(*predictions))
    size = 2.3 * len(regimes) + 0.6, 2.3 * len(models) + 0.5
    figure, axes = plt.subplots(len(models), len(regimes), figsize=size, sharex=True, sharey=True, squeeze=False)
    rank = np.argsort(np.argsort(observed))
    for (model, regime), seeds in predictions.items():
        ax = axes[models.index(model), regimes.index(regime)]
        predicted = np.argsort(np.argsort(np.mean(seeds, axis=0)))
        ax.plot(rank, predicted, "o", ms=2.5, alpha=0.5, color=REGIME_COLORS.get(regime, "#4c72b0"))
        row = correlations.loc[(model, regime)]
        ax.set_title(f"{model}, {regime}\nR = {row['R']:.2f} ({row['from']:.2f} to {row['to']:.2f})", fontsize=9)
        ax.set(xticks=[], yticks=[])
    figure.supxlabel("observed effect, rank", fontsize=10)
    figure.supylabel("predicted effect, rank", fontsize=10)
    return axes


def plot_saturation(codes, maps):
    """Draw the effect of every possible SNV of a window, a row of panels for each map.

    Parameters
    ----------
    codes : uint8 array, shape (L,)
    maps : dict of str to float array, shape (L, A)
        Each has its own color scale, symmetric around 0.
    """
    figure, axes = plt.subplots(len(maps), figsize=(11, 1.45 * len(maps)), sharex=True, squeeze=False)
    for ax, (name, effects) in zip(axes[:, 0], maps.items()):
        limit = np.abs(effects).max() or 1.0
        image = ax.imshow(effects.T, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        ax.plot(np.arange(len(codes)), codes, "s", ms=2.5, color="black")
        ax.set(yticks=range(4), yticklabels=BASES, title=name)
        ax.title.set(fontsize=10, ha="left", x=0.0)
        ax.tick_params(labelsize=8, length=0)
        figure.colorbar(image, ax=ax, pad=0.01)
    axes[-1, 0].set_xticks(range(len(codes)), [BASES[code] if code < 4 else "N" for code in codes], fontsize=7)
    return axes[:, 0]
