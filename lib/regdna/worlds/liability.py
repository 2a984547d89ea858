"""A simulated cohort: people with genotypes at regulatory variants, some with a disease and some without.

The liability-threshold model (Falconer 1965, Ann Hum Genet 29:51): everybody has a liability, the sum of what the genes
and everything else contribute, and those above a threshold have the disease. What the genes contribute here is lost
binding: an allele that weakens a factor's site adds to the liability, one that strengthens it takes away.
"""

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

log = logging.getLogger(__name__)

DRAWN_AT_ONCE = 2000  # people; so many are drawn until there are enough cases and controls


class CohortTruth(NamedTuple):
    """A cohort, and what was planted.

    Attributes
    ----------
    variants : pandas.DataFrame
        chrom, start (0-based), id, ref, alt (codes); sorted by position.
    dosages : int8 array, shape (V, P)
        Copies of the alternative allele, 0 to 2.
    effects : pandas.DataFrame
        Of the variants: id, frequency (of the alternative allele in the population), motif_effect (log2 of the allelic
        ratio that the motif causes; summed over the experiments in whose peaks it lies), causal, liability_effect (of
        one copy, in standard deviations of the liability).
    people : pandas.DataFrame
        person, status (1 case, 0 control), genetic and liability (population mean 0; the liability's variance is 1).
    """

    variants: pd.DataFrame
    dosages: np.ndarray
    effects: pd.DataFrame
    people: pd.DataFrame


def simulate_cohort(settings, seed, variants, motif_effect):
    """Draw a cohort of cases and controls.

    So many variants are genotyped as the settings say, drawn at random with enough bases between neighbors, or as many
    as there is room for. Their frequencies have the density 1/x of neutral alleles in a
    population of constant size; genotypes are in Hardy-Weinberg equilibrium and, unlike real ones, independent of each
    other: there is no linkage, so a variant cannot stand in for its neighbor. A share of those that change binding is
    causal. The effect of a copy on the liability is minus the motif effect, in a unit that gives the genes their share
    of the variance. People are drawn until there are enough of each kind, so cases are no rarer than the settings say,
    whatever the prevalence.

    Parameters
    ----------
    settings : dict
        ``cohort`` of a world's ``simulation`` section: cases, controls, variants, apart, frequency, least_effect,
        causal, heritability, prevalence.
    seed : int
        With the word "cohort" it names the random stream.
    variants : pandas.DataFrame
        As from :func:`regdna.worlds.snps.draw_variants`, only those that may be genotyped.
    motif_effect : float array, shape (N,)
        Of these.

    Returns
    -------
    CohortTruth
        In a tiny world it may be that no variant is causal; then nothing is inherited, which is logged.
    """
    rng = np.random.default_rng([seed, *b"cohort"])
    rows = _spaced(variants, settings["apart"], settings["variants"], rng)
    variants, motif_effect = variants.iloc[rows].reset_index(drop=True), np.asarray(motif_effect)[rows]
    low, high = settings["frequency"]
    frequency = low * (high / low) ** rng.random(len(rows))
    causal = (np.abs(motif_effect) >= settings["least_effect"]) & (rng.random(len(rows)) < settings["causal"])
    effect, inherited = np.where(causal, -motif_effect, 0.0), 0.0
    if causal.any():
        inherited = settings["heritability"]
        effect *= np.sqrt(inherited / (effect**2 * 2 * frequency * (1 - frequency)).sum())
    else:
        log.warning("none of the %d variants of the cohort is causal: nothing is inherited in this world", len(rows))
    dosages, people = _ascertained(settings, frequency, effect, inherited, rng)
    effects = pd.DataFrame(
        {
            "id": variants["id"],
            "frequency": frequency.round(4),
            "motif_effect": motif_effect.round(4),
            "causal": causal,
            "liability_effect": effect.round(5),
        }
    )
    return CohortTruth(variants, dosages, effects, people)


def _spaced(variants, apart, most, rng):
    """Choose variants at random, none nearer to another than so many bases; returns sorted rows."""
    taken, chosen = {}, []
    places = list(zip(variants["chrom"], variants["start"] // apart, variants["start"]))
    for row in rng.permutation(len(variants)):
        if len(chosen) == most:
            break
        chrom, cell, start = places[row]
        # A cell as wide as the distance holds one at most, and only the two beside it can hold one that is too near.
        if all(abs(taken.get((chrom, cell + step), start + apart) - start) >= apart for step in (-1, 0, 1)):
            taken[chrom, cell] = start
            chosen.append(row)
    return np.sort(np.array(chosen, int))


def _ascertained(settings, frequency, effect, inherited, rng):
    """Draw people of the population, and keep the first so many with and without the disease."""
    threshold = stats.norm.isf(settings["prevalence"])
    left = {1: settings["cases"], 0: settings["controls"]}
    parts, tables = [], []
    while any(left.values()):
        drawn = rng.binomial(2, frequency, (DRAWN_AT_ONCE, len(frequency))).astype(np.int8)
        genetic = (drawn - 2 * frequency) @ effect
        liability = genetic + rng.normal(0, np.sqrt(1 - inherited), DRAWN_AT_ONCE)
        status = (liability > threshold).astype(int)
        kept = np.sort(np.concatenate([np.flatnonzero(status == kind)[:number] for kind, number in left.items()]))
        left = {kind: number - int((status[kept] == kind).sum()) for kind, number in left.items()}
        parts.append(drawn[kept])
        tables.append(pd.DataFrame({"status": status, "genetic": genetic, "liability": liability}).iloc[kept])
    # Those drawn last are of the kind that is rare; nothing should follow from where somebody stands.
    order = rng.permutation(sum(map(len, parts)))
    people = pd.concat(tables).iloc[order].reset_index(drop=True).round({"genetic": 4, "liability": 4})
    width = len(str(len(people)))
    people.insert(0, "person", [f"p{number:0{width}}" for number in range(1, len(people) + 1)])
    return np.ascontiguousarray(np.concatenate(parts)[order].T), people
