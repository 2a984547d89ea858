"""Predicted against observed effects of variants on binding: the tables of the chapter on SNPs."""

import numpy as np
import pandas as pd
from scipy import stats

from regdna.data.genome import Genome
from regdna.data.variant_files import read_variants
from regdna.data.variants import SCORED, VariantMatcher, check_assembly
from regdna.report.statistics import bootstrap_spearman, compare_correlations
from regdna.training.saved import open_model
from regdna.training.snp_effects import SCORES, Views, score_variants

FDR = 0.05


def observed_variants(world, experiment, window):
    """Read an experiment's table of allele-specific binding and hold it against the reference.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    experiment : str
        One of ``world.with_variants``.
    window : int
        In bases, of the models that will score them.

    Returns
    -------
    table : pandas.DataFrame
        One row for each variant that can be scored: the columns of
        :meth:`regdna.data.variants.VariantMatcher.match`; ``observed``, the effect size (log2) of the allele that is
        bound more significantly, positive where that is the alternative one, its sign changed where the alleles were
        exchanged; ``significant`` (false discovery rate of that allele below 0.05) and ``split`` (train, validation or
        test, by chromosome).
    counts : collections.Counter
        Variants by status, those that cannot be scored included.
    """
    genome = Genome(world.genome_path(world.reference), world.aliases)
    views = Views(window)
    matcher = VariantMatcher(genome, views.before, views.after)
    tables = []
    for chunk in read_variants(world.variants_path(experiment)):
        tables.append(matcher.match(chunk))
        check_assembly(matcher, tables[-1])
    table = pd.concat(tables, ignore_index=True)
    numbers = {
        name: pd.to_numeric(table[name], errors="coerce")
        for name in ("es_mean_ref", "es_mean_alt", "fdrp_bh_ref", "fdrp_bh_alt")
    }
    alternative = numbers["fdrp_bh_alt"].fillna(1) <= numbers["fdrp_bh_ref"].fillna(1)
    observed = numbers["es_mean_alt"].where(alternative, -numbers["es_mean_ref"])
    turned = table["status"].str.startswith("swapped")
    table["observed"] = observed.where(~turned, -observed)
    table["significant"] = numbers["fdrp_bh_alt"].where(alternative, numbers["fdrp_bh_ref"]) < FDR
    table["split"] = table["genome_chrom"].map(world.split)
    usable = table["status"].isin(SCORED) & table["observed"].notna()
    return table[usable].reset_index(drop=True), matcher.counts


def planted_effects(world, experiment, table):
    """Look up what a simulated world planted.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one.
    experiment : str
    table : pandas.DataFrame
        From :func:`observed_variants`.

    Returns
    -------
    pandas.DataFrame
        In the order of the table: motif_effect, effect (log2 of the allelic ratio, by the motif alone and by all
        causes), in_site.

    Raises
    ------
    ValueError
        If the world is not simulated.
    """
    if not world.simulated:
        raise ValueError(f"world {world.name} is real; the true effects are not known")
    truth = pd.read_csv(world.built / "truth" / "variants.tsv.gz", sep="\t")
    truth = truth[truth["experiment"] == experiment].set_index("id")
    return truth.loc[table["id"], ["motif_effect", "effect", "in_site"]].reset_index(drop=True)


def predict_effects(world, run, table, offsets=(0,), both_strands=True):
    """Score the variants of a table by the trained model of a run.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    run : regdna.training.runs.Run
    table : pandas.DataFrame
        From :func:`observed_variants`.
    offsets, both_strands
        As :class:`regdna.training.snp_effects.Views` takes them.

    Returns
    -------
    pandas.DataFrame
        In the order of the table: score_ref, score_alt, effect (the paper's) and log_odds.
    """
    model = open_model(run.folder)
    genome = Genome(world.genome_path(world.reference), world.aliases)
    scored = score_variants(model.predict, genome, table, Views(model.window, offsets, both_strands))
    return scored[SCORES].reset_index(drop=True)


def correlation_table(observed, predictions, rng):
    """Correlate predictions with what was observed (Phan et al. 2024, Figure 3).

    Parameters
    ----------
    observed : float array, shape (N,)
    predictions : dict of (model, regime) to float array, shape (seeds, N)
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        By model and regime: ``mean`` and ``sd`` of Spearman's R over seeds; ``R`` of the mean over seeds, and its 95 %
        bootstrap interval over variants ``from`` and ``to``.
    """
    rows = {}
    for key, seeds in predictions.items():
        each = [stats.spearmanr(observed, one).statistic for one in seeds]
        r, low, high = bootstrap_spearman(observed, np.mean(seeds, axis=0), rng)
        sd = np.std(each, ddof=1) if len(each) > 1 else np.nan
        rows[key] = {"mean": np.mean(each), "sd": sd, "R": r, "from": low, "to": high}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["model", "regime"])


def comparison_table(observed, predictions, pairs):
    """Test differences between the correlations of regimes, for each model.

    Parameters
    ----------
    observed : float array, shape (N,)
    predictions : dict of (model, regime) to float array, shape (seeds, N)
        Averaged over seeds.
    pairs : sequence of (str, str)
        Regime and control.

    Returns
    -------
    pandas.DataFrame
        By model and "regime - control": as :func:`regdna.report.statistics.compare_correlations` gives it.
    """
    mean = {key: np.mean(seeds, axis=0) for key, seeds in predictions.items()}
    rows = {
        (model, f"{regime} - {control}"): compare_correlations(observed, mean[model, regime], mean[model, control])
        for model in dict.fromkeys(model for model, _ in mean)
        for regime, control in pairs
        if (model, regime) in mean and (model, control) in mean
    }
    columns = ["n", "first", "second", "between", "z", "p"]
    names = ["model", "comparison"]
    table = pd.DataFrame([(*key, *row[columns]) for key, row in rows.items()], columns=[*names, *columns])
    return table.set_index(names)


def direction_table(table, first, second, in_site):
    """Count the variants whose direction, toward more or less binding, one prediction gets right and another not.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`observed_variants`.
    first, second : float arrays, shape (N,)
    in_site : bool array, shape (N,)

    Returns
    -------
    counts : pandas.DataFrame
        Inside and outside the bound site: ``both`` right, ``first`` alone, ``second`` alone, ``neither``, and ``p`` of
        McNemar's exact test that the two are right equally often.
    gained : pandas.DataFrame
        The rows of the table that the first alone gets right, the strongest observed effect first.
    """
    right = [np.sign(table["observed"].to_numpy()) == np.sign(np.asarray(values)) for values in (first, second)]
    in_site, rows = np.asarray(in_site, bool), {}
    for name, here in (("in the site", in_site), ("elsewhere", ~in_site)):
        one, other = (values[here] for values in right)
        alone = int((one & ~other).sum()), int((other & ~one).sum())
        p = stats.binomtest(alone[0], sum(alone)).pvalue if sum(alone) else np.nan
        rows[name] = {
            "both": int((one & other).sum()),
            "first": alone[0],
            "second": alone[1],
            "neither": int((~one & ~other).sum()),
            "p": p,
        }
    gained = table[right[0] & ~right[1]]
    order = gained["observed"].abs().sort_values(ascending=False, kind="stable").index
    return pd.DataFrame.from_dict(rows, orient="index"), gained.loc[order]
