"""Tables of the chapter on disease risk: how well methods predict it, and what they say of single variants."""

import numpy as np
import pandas as pd
from scipy import stats

from regdna.training.disease_risk import predict_risk
from regdna.worlds.catalogue import PROJECT

SCORES = ("auroc", "aupr", "accuracy")


def cohort_files(world, genotypes="", phenotypes=""):
    """Find the files of a cohort: the two that are given, or those of a world.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    genotypes, phenotypes : str
        Both or neither; relative to the project, or absolute.

    Returns
    -------
    genotypes, phenotypes : pathlib.Path

    Raises
    ------
    ValueError
        If only one is given, or none and the world has no cohort.
    """
    if bool(genotypes) != bool(phenotypes):
        missing = "phenotypes" if genotypes else "genotypes"
        raise ValueError(f"{missing} are missing: a cohort is a file of genotypes and one of phenotypes; give both")
    if genotypes:
        return PROJECT / genotypes, PROJECT / phenotypes
    if world.cohort_path is None:
        raise ValueError(f"world {world.name} has no cohort; give genotypes and phenotypes of your own")
    return world.cohort_path / "genotypes.vcf.gz", world.cohort_path / "phenotypes.tsv"


def planted_cohort(world, cohort):
    """Look up what was planted in the cohort of a simulated world.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    cohort : regdna.data.cohort.Cohort
        The world's.

    Returns
    -------
    effects : pandas.DataFrame
        Of the cohort's variants, in their order: id, frequency, motif_effect, causal, liability_effect; see
        :class:`regdna.worlds.liability.CohortTruth`.
    people : pandas.DataFrame
        Of its people: person, status, genetic, liability.
    """
    truth = world.built / "truth"
    effects, people = (pd.read_csv(truth / f"{name}.tsv.gz", sep="\t") for name in ("cohort", "liability"))
    effects = effects.set_index("id").loc[cohort.variants["id"]].reset_index()
    return effects, people.set_index("person").loc[list(cohort.people)].reset_index()


def predict_risks(features, status, splits):
    """Predict the risk by several methods, each with the same splits of the people.

    Parameters
    ----------
    features : dict of (method, seed) to float array, shape (P, D)
    status : int array, shape (P,)
    splits : sequence of int
        Seeds of :func:`regdna.training.disease_risk.predict_risk`.

    Returns
    -------
    dict of (method, seed, split) to regdna.training.disease_risk.Risk
    """
    return {(*key, split): predict_risk(values, status, split) for key, values in features.items() for split in splits}


def score_rows(risks):
    """List the scores, one row for each prediction.

    Parameters
    ----------
    risks : dict of (method, seed, split) to regdna.training.disease_risk.Risk

    Returns
    -------
    pandas.DataFrame
        method, seed, split, and the scores of the test people.
    """
    columns = ["method", "seed", "split", *SCORES]
    return pd.DataFrame([(*key, *(risk.scores[s] for s in SCORES)) for key, risk in risks.items()], columns=columns)


def risk_table(rows):
    """Set methods below each other.

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`score_rows`.

    Returns
    -------
    pandas.DataFrame
        By method, in order of appearance, over seeds and splits: number of ``runs``; mean ``auroc``, its standard
        deviation ``sd`` (n - 1; NaN for one run), mean ``aupr`` and ``accuracy``.
    """
    groups = rows.groupby("method", sort=False)
    table = groups[list(SCORES)].mean()
    table.insert(1, "sd", groups["auroc"].std())
    table.insert(0, "runs", groups.size())
    return table


def paired_gains(rows, pairs):
    """Compare methods on the same test people.

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`score_rows`.
    pairs : sequence of (str, str)

    Returns
    -------
    pandas.DataFrame
        By first and second method: ``runs`` that both have (the same seed and split; where one has a single seed, that
        stands against all), ``won`` (those with a higher AUROC of the first), mean ``gain`` in AUROC and its ``sd``.
    """
    found = []
    for first, second in pairs:
        one, other = (rows[rows["method"] == name] for name in (first, second))
        same = ["seed", "split"] if min(one["seed"].nunique(), other["seed"].nunique()) > 1 else ["split"]
        gain = one.merge(other, on=same).eval("auroc_x - auroc_y")
        found.append((first, second, len(gain), int((gain > 0).sum()), gain.mean(), gain.std()))
    return pd.DataFrame(found, columns=["first", "second", "runs", "won", "gain", "sd"]).set_index(["first", "second"])


def implied_effects(risks, vectors):
    """What each method says that a copy of a variant's alternative allele does.

    Parameters
    ----------
    risks : dict of (method, seed, split) to regdna.training.disease_risk.Risk
    vectors : dict of (method, seed) to float array, shape (V, D)
        What a variant changes in the features of a carrier. Methods without are left out.

    Returns
    -------
    dict of method to float array, shape (V,)
        Mean over seeds and splits, each brought to standard deviation 1 before (0 if a method says the same of all).
    """
    parts = {}
    for (method, seed, _), risk in risks.items():
        if (method, seed) in vectors:
            said = vectors[method, seed] @ risk.direction
            parts.setdefault(method, []).append(said / (said.std() or 1.0))
    return {method: np.mean(each, axis=0) for method, each in parts.items()}


def agreement_table(implied, vectors, effects):
    """Hold what methods say of single variants against what was planted.

    Parameters
    ----------
    implied : dict of method to float array, shape (V,)
        From :func:`implied_effects`.
    vectors : dict of (method, seed) to float array, shape (V, D)
    effects : pandas.DataFrame
        Of the variants: motif_effect, causal, liability_effect.

    Returns
    -------
    pandas.DataFrame
        By method: ``all``, Pearson's r of what it says with the planted effect on the liability, over all variants;
        ``causal``, Spearman's R of the same over the causal ones; ``sign``, the share of these whose direction is
        right; and ``size``, Spearman's R of the length of the variant's vector with the size of its motif effect, over
        all variants, mean over seeds, for which nobody had to be ill. NaN where one side is constant.
    """
    causal = effects["causal"].to_numpy(bool)
    planted, motif = effects["liability_effect"].to_numpy(), effects["motif_effect"].abs().to_numpy()
    found = {}
    for method, said in implied.items():
        lengths = [np.linalg.norm(rows, axis=1) for (name, _), rows in vectors.items() if name == method]
        found[method] = {
            "all": _correlation(stats.pearsonr, said, planted),
            "causal": _correlation(stats.spearmanr, said[causal], planted[causal]),
            "sign": float((np.sign(said) == np.sign(planted))[causal].mean()) if causal.any() else np.nan,
            "size": float(np.mean([_correlation(stats.spearmanr, each, motif) for each in lengths])),
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("method")


def _correlation(test, first, second):
    return float(test(first, second).statistic) if len(first) > 2 and np.ptp(first) and np.ptp(second) else np.nan
