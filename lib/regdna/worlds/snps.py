"""Single-nucleotide variants of the simulated reference, and how they tilt binding between the two alleles."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from regdna import ALPHABET

_LETTERS = np.array(list(ALPHABET[:4]))
# What turns a code into another: A-G and C-T, the transitions, two thirds of human variants; then the transversions.
_CHANGES, _SHARES = np.array([2, 1, 3], np.uint8), (2 / 3, 1 / 6, 1 / 6)


def draw_variants(settings, seed, codes):
    """Draw the variants of a population, one at a place at most.

    Parameters
    ----------
    settings : dict
        ``variants`` of a world's ``simulation`` section: ``per_kb``, their density.
    seed : int
    codes : dict of str to uint8 array, shape (length,)
        The reference by chromosome.

    Returns
    -------
    pandas.DataFrame
        chrom, start (0-based), id, ref, alt (codes); sorted by position.
    """
    rng = np.random.default_rng([seed, *b"variants"])
    tables = []
    for chrom, bases in codes.items():
        start = np.sort(rng.choice(len(bases), round(settings["per_kb"] * len(bases) / 1000), replace=False))
        ref = bases[start]
        alt = ref ^ rng.choice(_CHANGES, len(ref), p=_SHARES)
        tables.append(pd.DataFrame({"chrom": chrom, "start": start, "ref": ref, "alt": alt}))
    table = pd.concat(tables, ignore_index=True)
    table.insert(2, "id", [f"sim{i}" for i in range(1, len(table) + 1)])
    return table


def allele_specific_binding(settings, seed, name, variants, peaks, codes, motif):
    """Count the reads of both alleles of the variants inside an experiment's peaks, as in heterozygous cells.

    The planted biology: an allele's affinity is the sum of 2 ** (log-odds score in bits) over all places of its peak
    and both strands, so a variant in the bound site changes it, and one elsewhere hardly does, unless it makes a new
    site. The logarithm of the allelic ratio is the change of log-affinity times ``steepness``, plus a normal deviate
    of ``other_sd`` for all that is not in the motif. The variant's reads are a negative binomial number around
    ``coverage`` (for a peak of mean signal), and those of the alternative allele beta-binomial with ``dispersion``.

    Parameters
    ----------
    settings : dict
        ``variants`` of a world's ``simulation`` section.
    seed : int
    name : str
        The experiment; with the seed it names the random stream.
    variants : pandas.DataFrame
        As from :func:`draw_variants`.
    peaks : pandas.DataFrame
        Of the experiment: chrom, start, end (0-based half-open), signal.
    codes : dict of str to uint8 array
        The reference by chromosome.
    motif : regdna.worlds.jaspar.Motif
        Of the factor that is bound.

    Returns
    -------
    counted : pandas.DataFrame
        Columns as in ADASTRA's tables of a factor (Abramov et al. 2021, Nat Commun 12:2751): #chr, pos (1-based), ID,
        ref, alt, mean_BAD (1, both alleles in equal number), total_cover, n_aggregated (1), es_mean_ref and
        es_mean_alt (log2 of the allele's reads over the other's), logitp_ref and logitp_alt (one-tailed binomial p),
        fdrp_bh_ref and fdrp_bh_alt (Benjamini and Hochberg's false discovery rate over the table). As there, a variant
        needs ``min_reads`` of each allele.
    truth : pandas.DataFrame
        Of the same rows: experiment, id, motif_effect (log2 of the allelic ratio that the motif causes), effect (with
        all other causes), in_site (whether the variant lies in the best site of its peak).
    """
    rng = np.random.default_rng([seed, *f"variants {name}".encode()])
    found = motif_effects(settings, variants, peaks, codes, motif)
    inside, peak, motif_effect = found.variants, found.peak, found.effect
    effect = motif_effect + rng.normal(0, settings["other_sd"], len(peak))
    strength = peaks["signal"].to_numpy() / peaks["signal"].mean()
    cover = rng.poisson(rng.gamma(4.0, settings["coverage"] * strength[peak] / 4))
    share = 1 / (1 + 2.0**-effect)
    precision = 1 / settings["dispersion"] - 1
    reads = rng.binomial(cover, rng.beta(share * precision, (1 - share) * precision))
    kept = np.minimum(reads, cover - reads) >= settings["min_reads"]
    truth = pd.DataFrame(
        {
            "experiment": name,
            "id": inside["id"].to_numpy(),
            "motif_effect": motif_effect.round(4),
            "effect": effect.round(4),
            "in_site": found.in_site,
        }
    )
    counted = _adastra(inside[kept].reset_index(drop=True), cover[kept], reads[kept])
    return counted, truth[kept].reset_index(drop=True)


class MotifEffects(NamedTuple):
    """What variants do to the binding of a factor in whose peaks they lie.

    Attributes
    ----------
    variants : pandas.DataFrame
        Those inside a peak, in their order.
    peak : int array, shape (N,)
        Row of the peak that a variant lies in; of several, the last that begins before it.
    effect : float array, shape (N,)
        Log2 of the allelic ratio that the motif causes: the change of log-affinity times ``steepness``.
    in_site : bool array, shape (N,)
        Whether the variant lies in the best site of its peak.
    """

    variants: pd.DataFrame
    peak: np.ndarray
    effect: np.ndarray
    in_site: np.ndarray


def motif_effects(settings, variants, peaks, codes, motif):
    """Work out what the variants inside an experiment's peaks do to binding, as far as the motif goes.

    Parameters
    ----------
    settings : dict
        ``variants`` of a world's ``simulation`` section.
    variants, peaks, codes, motif
        As :func:`allele_specific_binding` takes them.

    Returns
    -------
    MotifEffects
    """
    inside, peak = _inside(variants, peaks)
    width = int((peaks["end"] - peaks["start"]).max()) if len(peaks) else len(motif.probabilities)
    windows = [codes[chrom][start : start + width] for chrom, start in zip(peaks["chrom"], peaks["start"])]
    windows = np.array(windows, np.uint8).reshape(len(peaks), width)
    at = inside["start"].to_numpy() - peaks["start"].to_numpy()[peak]
    alternative = windows[peak]
    alternative[np.arange(len(at)), at] = inside["alt"]
    affinity, site = log_affinity(windows, motif.probabilities)
    changed, _ = log_affinity(alternative, motif.probabilities)
    in_site = (at >= site[peak]) & (at < site[peak] + len(motif.probabilities))
    return MotifEffects(inside, peak, settings["steepness"] * (changed - affinity[peak]), in_site)


def _inside(variants, peaks):
    """The variants that lie in a peak, and for each the row of the last peak that begins before it, int (N,)."""
    peaks = peaks[["chrom", "start", "end"]].assign(peak=np.arange(len(peaks)))
    sides = [table.sort_values("start", kind="stable") for table in (variants.reset_index(), peaks)]
    found = pd.merge_asof(*sides, on="start", by="chrom").sort_values("index")
    found = found[found["start"] < found["end"]]
    return found[variants.columns].reset_index(drop=True), found["peak"].to_numpy(int)


def log_affinity(codes, probabilities):
    """How strongly a factor of this simulation binds to windows.

    Parameters
    ----------
    codes : uint8 array, shape (N, L)
    probabilities : float array, shape (K, A)
        Of the factor's motif.

    Returns
    -------
    affinity : float array, shape (N,)
        Log2 of the sum of 2 ** (log-odds score in bits) over all places and both strands.
    site : int array, shape (N,)
        Where the best place begins, 0-based.
    """
    weights = np.column_stack([np.log2(probabilities / 0.25), np.full(len(probabilities), -2.0)])
    complement = weights[::-1][:, [3, 2, 1, 0, 4]]
    places = codes.shape[1] - len(weights) + 1
    scores = [
        sum(matrix[column][codes[:, column : column + places]] for column in range(len(matrix)))
        for matrix in (weights, complement)
    ]
    either = np.logaddexp2(*scores)
    return np.logaddexp2.reduce(either, axis=1), either.argmax(axis=1)


def _adastra(variants, cover, reads):
    reference = cover - reads
    ratio = np.log2(reads / reference)
    table = pd.DataFrame(
        {
            "#chr": variants["chrom"],
            "pos": variants["start"] + 1,
            "ID": variants["id"],
            "ref": _LETTERS[variants["ref"]],
            "alt": _LETTERS[variants["alt"]],
            "mean_BAD": 1.0,
            "total_cover": cover,
            "n_aggregated": 1,
            "es_mean_ref": -ratio.round(4),
            "es_mean_alt": ratio.round(4),
        }
    )
    for allele, count in (("ref", reference), ("alt", reads)):
        p = stats.binom.sf(count - 1, cover, 0.5)
        table[f"logitp_{allele}"] = p
        table[f"fdrp_bh_{allele}"] = stats.false_discovery_control(p) if len(p) else p
    return table
