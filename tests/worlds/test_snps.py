import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.worlds.jaspar import Motif
from regdna.worlds.snps import allele_specific_binding, draw_variants

PLAIN = {"per_kb": 40, "steepness": 0.5, "other_sd": 0.0, "coverage": 60, "dispersion": 0.01, "min_reads": 5}
SURE = PLAIN | {"coverage": 500_000, "dispersion": 1e-7}
WORD = np.array([0, 2, 1, 3, 3, 0, 2, 1])  # AGCTTAGC
MOTIF = Motif("X", "MX", np.where(np.eye(4)[WORD] > 0, 0.97, 0.01))
RNG = np.random.default_rng(0)
CODES = {"chr1": RNG.integers(0, 4, 40_000).astype(np.uint8), "chr2": RNG.integers(0, 4, 10_000).astype(np.uint8)}
PEAKS = pd.DataFrame(
    {"chrom": ["chr1"] * 40 + ["chr2"] * 9, "start": [*range(500, 40_000, 1000), *range(500, 9500, 1000)]}
)
PEAKS = PEAKS.assign(end=PEAKS["start"] + 200, signal=np.tile([4.0, 12.0], 25)[:49])
SITE = 90  # in the peak
for chrom, start in zip(PEAKS["chrom"], PEAKS["start"]):
    CODES[chrom][start + SITE : start + SITE + 8] = WORD


@pytest.fixture(scope="module")
def variants():
    return draw_variants(PLAIN, 1, CODES)


def counted(variants, **settings):
    return allele_specific_binding(PLAIN | settings, 1, "X", variants, PEAKS, CODES, MOTIF)


def test_variants_have_their_density_and_one_stands_at_a_place(variants):
    assert len(variants) == 40 * 50
    assert not variants.duplicated(["chrom", "start"]).any() and variants["id"].is_unique
    assert variants.groupby("chrom", sort=False)["start"].is_monotonic_increasing.all()
    for chrom, codes in CODES.items():
        here = variants[variants["chrom"] == chrom]
        assert (codes[here["start"]] == here["ref"]).all()
    assert (variants["alt"] != variants["ref"]).all() and variants["alt"].max() == 3
    transitions = np.abs(variants["ref"].astype(int) - variants["alt"]) == 2
    assert stats.binomtest(transitions.sum(), len(variants), 2 / 3).pvalue > 1e-3


def test_the_variants_are_those_in_peaks(variants):
    table, truth = counted(variants, min_reads=1, coverage=10_000)
    inside = [
        row.id
        for row in variants.itertuples()
        if ((PEAKS["chrom"] == row.chrom) & (PEAKS["start"] <= row.start) & (row.start < PEAKS["end"])).any()
    ]
    assert table["ID"].tolist() == truth["id"].tolist() == inside


def affinity(codes):
    weights = np.log2(MOTIF.probabilities / 0.25)
    total = 0.0
    for strand in (codes, 3 - codes[::-1]):
        for at in range(len(codes) - 7):
            total += 2.0 ** sum(weights[i, strand[at + i]] for i in range(8))
    return np.log2(total)


def test_the_planted_effect_is_the_change_of_affinity(variants):
    _, truth = counted(variants, **SURE)
    by_id = variants.set_index("id")
    for row in truth.iloc[::20].itertuples():
        variant = by_id.loc[row.id]
        peak = PEAKS[(PEAKS["chrom"] == variant.chrom) & (PEAKS["start"] <= variant.start)].iloc[-1]
        codes = CODES[variant.chrom][peak.start : peak.start + 200].astype(int)
        at = variant.start - peak.start
        changed = codes.copy()
        changed[at] = variant.alt
        assert row.motif_effect == pytest.approx(0.5 * (affinity(changed) - affinity(codes)), abs=2e-4)
        assert row.in_site == (SITE <= at < SITE + 8)


def test_reads_follow_the_effect_and_variants_outside_the_site_have_little(variants):
    table, truth = counted(variants, **SURE)
    np.testing.assert_allclose(table["es_mean_alt"], truth["effect"], atol=0.05)
    assert (truth["effect"] == truth["motif_effect"]).all()
    site = truth["in_site"]
    assert truth.loc[site, "effect"].median() < -3 and truth.loc[~site, "effect"].abs().median() < 0.05
    both = table["total_cover"].groupby(np.isin(table["ID"], truth["id"])).mean()
    assert both.iloc[0] == pytest.approx(500_000, rel=0.2)


def test_other_causes_add_noise(variants):
    _, truth = counted(variants, **SURE | {"other_sd": 0.5})
    other = truth["effect"] - truth["motif_effect"]
    assert other.std() == pytest.approx(0.5, rel=0.15) and abs(other.mean()) < 0.1


def test_the_columns_are_adastras(variants):
    table, _ = counted(variants)
    assert table.columns[:5].tolist() == ["#chr", "pos", "ID", "ref", "alt"]
    at = variants.set_index("id").loc[table["ID"]]
    assert (table["pos"].to_numpy() == at["start"].to_numpy() + 1).all()
    assert (table["es_mean_ref"] == -table["es_mean_alt"]).all()
    alt = (table["total_cover"] / (1 + 2.0 ** -table["es_mean_alt"])).round()
    assert alt.min() >= 5 and (table["total_cover"] - alt).min() >= 5
    p = [stats.binomtest(int(k), int(n), 0.5, "greater").pvalue for k, n in zip(alt, table["total_cover"])]
    np.testing.assert_allclose(table["logitp_alt"], p, rtol=1e-6)
    np.testing.assert_allclose(table["fdrp_bh_alt"], stats.false_discovery_control(p), rtol=1e-6)


def test_strong_peaks_have_more_reads(variants):
    table, _ = counted(variants, min_reads=1)
    at = variants.set_index("id").loc[table["ID"]]
    peak = [PEAKS.index[(PEAKS["chrom"] == c) & (PEAKS["start"] <= s)][-1] for c, s in zip(at["chrom"], at["start"])]
    cover = table["total_cover"].groupby(PEAKS["signal"].to_numpy()[peak]).mean()
    assert cover[12.0] / cover[4.0] == pytest.approx(3, rel=0.25)


def test_an_experiment_without_peaks_has_no_variants(variants):
    table, truth = allele_specific_binding(PLAIN, 1, "X", variants, PEAKS[:0], CODES, MOTIF)
    assert len(table) == len(truth) == 0 and "fdrp_bh_alt" in table
