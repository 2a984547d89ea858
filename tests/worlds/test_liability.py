import logging

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.worlds.liability import simulate_cohort

PLAIN = {
    "cases": 1500,
    "controls": 1500,
    "variants": 300,
    "apart": 250,
    "frequency": [0.05, 0.5],
    "least_effect": 0.1,
    "causal": 0.5,
    "heritability": 0.6,
    "prevalence": 0.2,
}
RNG = np.random.default_rng(0)
VARIANTS = pd.DataFrame({"chrom": np.repeat(["chr1", "chr2"], 4000), "start": np.tile(np.arange(0, 160_000, 40), 2)})
VARIANTS = VARIANTS.assign(id=[f"v{i}" for i in range(8000)], ref=np.uint8(0), alt=np.uint8(2))
EFFECT = np.where(RNG.random(8000) < 0.2, RNG.normal(-0.5, 1.0, 8000), 0.0)


def cohort(**changes):
    return simulate_cohort(PLAIN | changes, 1, VARIANTS, EFFECT)


@pytest.fixture(scope="module")
def drawn():
    return cohort()


def test_variants_keep_their_distance_and_their_order(drawn):
    assert len(drawn.variants) == len(drawn.effects) == 300 and (drawn.variants["id"] == drawn.effects["id"]).all()
    for _, here in drawn.variants.groupby("chrom"):
        assert np.diff(here["start"]).min() >= 250
    assert drawn.variants["chrom"].is_monotonic_increasing


def test_there_are_as_many_as_there_is_room_for():
    packed = cohort(variants=8000)
    for chrom, here in packed.variants.groupby("chrom"):
        others = VARIANTS.loc[VARIANTS["chrom"] == chrom, "start"].to_numpy()
        distance = np.abs(others[:, None] - here["start"].to_numpy()).min(1)
        assert distance.max() < 250  # no other could be added
    assert 300 < len(packed.variants) < 2 * 160_000 / 250


def test_quotas_are_full_and_the_order_tells_nothing(drawn):
    status = drawn.people["status"].to_numpy()
    assert (status == 1).sum() == (status == 0).sum() == 1500 and drawn.dosages.shape == (300, 3000)
    assert drawn.people["person"].is_unique and drawn.people["person"].str.fullmatch(r"p\d{4}").all()
    assert stats.mannwhitneyu(np.flatnonzero(status), np.flatnonzero(status == 0)).pvalue > 0.01
    other = cohort(cases=10, controls=2500).people["status"]
    assert (other == 1).sum() == 10 and (other == 0).sum() == 2500


def test_cases_are_those_above_the_threshold(drawn):
    people = drawn.people
    threshold = stats.norm.isf(0.2)
    assert (people["status"] == (people["liability"] > threshold)).all()
    assert people.loc[people["status"] == 1, "genetic"].mean() > people.loc[people["status"] == 0, "genetic"].mean()


def test_the_genetic_part_is_the_sum_over_causal_variants(drawn):
    effects = drawn.effects
    genetic = (drawn.dosages.T - 2 * effects["frequency"].to_numpy()) @ effects["liability_effect"].to_numpy()
    np.testing.assert_allclose(genetic, drawn.people["genetic"], atol=0.01)


def test_lost_binding_raises_risk_and_the_weak_are_not_causal(drawn):
    effects = drawn.effects
    causal = effects["causal"]
    strong = effects["motif_effect"].abs() >= 0.1
    assert not (causal & ~strong).any() and stats.binomtest(causal.sum(), strong.sum(), 0.5).pvalue > 1e-3
    assert (effects.loc[~causal, "liability_effect"] == 0).all()
    ratio = effects.loc[causal, "liability_effect"] / effects.loc[causal, "motif_effect"]
    assert ratio.max() < 0 and ratio.std() < 0.01 * abs(ratio.mean())
    share = effects["frequency"] * (1 - effects["frequency"])
    assert (2 * share * effects["liability_effect"] ** 2).sum() == pytest.approx(0.6, abs=0.002)


def test_controls_of_a_common_disease_have_the_frequencies_of_the_population():
    """Where the status says nothing of the genes, Hardy and Weinberg hold, and variants are independent."""
    drawn = cohort(least_effect=0.1, causal=1.0, heritability=1e-6)
    frequency = drawn.effects["frequency"].to_numpy()
    assert frequency.min() >= 0.05 and frequency.max() <= 0.5
    assert np.median(frequency) == pytest.approx(np.sqrt(0.05 * 0.5), rel=0.15)
    counts = np.stack([(drawn.dosages == dosage).sum(1) for dosage in range(3)], 1)
    expected = 3000 * np.stack([(1 - frequency) ** 2, 2 * frequency * (1 - frequency), frequency**2], 1)
    chi2 = ((counts - expected) ** 2 / expected).sum(1)
    assert stats.kstest(chi2, "chi2", args=(2,)).pvalue > 1e-3
    correlation = np.corrcoef(drawn.dosages)[np.triu_indices(300, 1)]
    assert np.abs(correlation).max() < 0.12 and correlation.std() == pytest.approx(3000**-0.5, rel=0.05)


def test_the_liability_of_the_population_has_variance_one():
    everybody = cohort(cases=1, controls=4000, prevalence=1e-4).people  # the disease takes nobody away
    assert everybody["liability"].std() == pytest.approx(1, rel=0.05)
    assert everybody["genetic"].var() == pytest.approx(0.6, rel=0.1)
    assert abs(everybody["liability"].mean()) < 0.06


def test_without_causal_variants_nothing_is_inherited(caplog):
    with caplog.at_level(logging.WARNING):
        drawn = simulate_cohort(PLAIN, 1, VARIANTS, np.zeros(8000))
    assert "none of the 300 variants of the cohort is causal" in caplog.text
    assert not drawn.people["genetic"].any() and drawn.people["liability"].std() > 0.9
    nothing = simulate_cohort(PLAIN, 1, VARIANTS[:0], EFFECT[:0])
    assert nothing.dosages.shape == (0, 3000)


def test_another_seed_gives_another_cohort(drawn):
    other = simulate_cohort(PLAIN, 2, VARIANTS, EFFECT)
    assert (drawn.people["liability"] != other.people["liability"]).mean() > 0.9
    pd.testing.assert_frame_equal(cohort().people, drawn.people)
