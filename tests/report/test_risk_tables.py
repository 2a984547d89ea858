from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regdna.data.cohort import place_on_genome, read_cohort
from regdna.data.genome import Genome
from regdna.report.risk_tables import (
    agreement_table,
    cohort_files,
    implied_effects,
    paired_gains,
    planted_cohort,
    predict_risks,
    risk_table,
    score_rows,
)
from regdna.training.disease_risk import Risk, person_vectors, predict_risk
from regdna.worlds.catalogue import PROJECT, open_world


def risk(auroc, direction=()):
    scores = {"auroc": auroc, "aupr": auroc - 0.1, "accuracy": 0.5}
    return Risk(scores, 0.1, np.array(direction, float), np.arange(2), np.zeros(2))


RISKS = {
    ("b", 0, 0): risk(0.8),
    ("b", 0, 1): risk(0.6),
    ("b", 1, 0): risk(0.9),
    ("b", 1, 1): risk(0.7),
    ("a", 0, 0): risk(0.7),
    ("a", 0, 1): risk(0.65),
    ("c", 0, 1): risk(0.5),
}


def test_files(tiny_world, tmp_path):
    own = str(tmp_path / "g.vcf"), str(tmp_path / "p.tsv")
    assert cohort_files(tiny_world, *own) == (tmp_path / "g.vcf", tmp_path / "p.tsv")
    assert all(path.exists() for path in cohort_files(tiny_world))
    assert cohort_files(tiny_world, "g.vcf", "data/p.tsv")[1] == PROJECT / "data" / "p.tsv"
    with pytest.raises(ValueError, match="phenotypes are missing"):
        cohort_files(tiny_world, own[0])
    with pytest.raises(ValueError, match="world yeast has no cohort; give genotypes and phenotypes"):
        cohort_files(open_world("yeast"))


def test_the_truth_is_in_the_order_of_the_cohort(tiny_world):
    cohort = place_on_genome(read_cohort(*cohort_files(tiny_world)), Genome(tiny_world.genome_path("hg38")), 100)
    rows, some = np.arange(len(cohort.variants))[::-1][:5], (5, 3, 800)
    turned = replace(
        cohort, variants=cohort.variants.iloc[rows].reset_index(drop=True), people=tuple(cohort.people[i] for i in some)
    )
    effects, people = planted_cohort(tiny_world, turned)
    assert effects["id"].tolist() == turned.variants["id"].tolist() and tuple(people["person"]) == turned.people
    assert people["status"].tolist() == cohort.status[list(some)].tolist()


def test_means_over_seeds_and_splits():
    table = risk_table(score_rows(RISKS))
    assert list(table.index) == ["b", "a", "c"] and table["runs"].tolist() == [4, 2, 1]
    np.testing.assert_allclose(table["auroc"], [0.75, 0.675, 0.5])
    assert table.loc["b", "sd"] == pytest.approx(np.std([0.8, 0.6, 0.9, 0.7], ddof=1)) and np.isnan(
        table.loc["c", "sd"]
    )
    np.testing.assert_allclose(table["aupr"], table["auroc"] - 0.1)


def test_gains_are_paired():
    rows = score_rows(RISKS | {("a", 1, 0): risk(0.95), ("a", 1, 1): risk(0.6)})
    table = paired_gains(rows, [("b", "a"), ("a", "c")])
    assert table.loc[("b", "a"), ["runs", "won"]].tolist() == [4, 2]
    assert table.loc[("b", "a"), "gain"] == pytest.approx(np.mean([0.1, -0.05, -0.05, 0.1]))
    one_seed = paired_gains(score_rows(RISKS), [("b", "a")]).loc[("b", "a")]
    assert one_seed["runs"] == 4 and one_seed["gain"] == pytest.approx(np.mean([0.1, -0.05, 0.2, 0.05]))
    assert table.loc[("a", "c"), "runs"] == 2  # c has no run with the other split


def test_every_method_sees_the_same_people():
    rng = np.random.default_rng(0)
    status = np.arange(100) % 2
    features = {("x", 0): rng.normal(size=(100, 3)), ("y", 4): rng.normal(size=(100, 2)) + status[:, None]}
    risks = predict_risks(features, status, [3, 5])
    assert list(risks) == [("x", 0, 3), ("x", 0, 5), ("y", 4, 3), ("y", 4, 5)]
    np.testing.assert_array_equal(risks["x", 0, 3].test, risks["y", 4, 3].test)
    assert risks["y", 4, 5].scores == predict_risk(features["y", 4], status, 5).scores


def test_what_is_said_of_a_variant_is_what_it_adds_to_the_log_odds():
    rng = np.random.default_rng(1)
    vectors = {("x", 0): rng.normal(size=(8, 3))}
    dosages = rng.integers(0, 3, (8, 200)).astype(float)
    people = person_vectors(dosages, vectors["x", 0])
    status = (people[:, 0] > np.median(people[:, 0])).astype(int)
    risks = predict_risks({("x", 0): people, ("truth", 0): people[:, :1]}, status, [0])
    implied = implied_effects(risks, vectors)
    assert list(implied) == ["x"] and implied["x"].std() == pytest.approx(1)
    # A copy more of the third variant's alternative allele, and nothing else.
    more = dosages.copy()
    more[2] += 1
    moved = (person_vectors(more, vectors["x", 0]) - people) @ risks["x", 0, 0].direction
    said = vectors["x", 0] @ risks["x", 0, 0].direction
    np.testing.assert_allclose(moved, said[2] / 16, rtol=1e-3)
    assert implied["x"][2] == pytest.approx(said[2] / said.std())
    assert not implied_effects(RISKS | {("z", 0, 0): risk(0.5, [0, 0])}, {("z", 0): np.ones((4, 2))})["z"].any()


def test_agreement():
    effects = pd.DataFrame(
        {
            "motif_effect": [-2.0, 1.0, 0.0, 0.5, 0.0, -1.5],
            "causal": [True, True, False, False, False, True],
            "liability_effect": [0.4, -0.2, 0.0, 0.0, 0.0, 0.3],
        }
    )
    vectors = {("good", 0): -effects[["motif_effect"]].to_numpy(), ("blind", 0): np.ones((6, 2))}
    vectors |= {("blind", 1): np.full((6, 2), 3.0)}
    table = agreement_table(
        {
            "good": -effects["motif_effect"].to_numpy(),
            "blind": np.zeros(6),
            "wrong": effects["motif_effect"].to_numpy(),
        },
        vectors | {("wrong", 0): vectors["good", 0]},
        effects,
    )
    assert table.loc["good", ["causal", "sign", "size"]].tolist() == pytest.approx([1, 1, 1])
    assert 0.9 < table.loc["good", "all"] < 1 and table.loc["wrong", "all"] == pytest.approx(-table.loc["good", "all"])
    assert table.loc["wrong", ["causal", "sign", "size"]].tolist() == pytest.approx([-1, 0, 1])
    assert table.loc["blind", ["all", "causal", "size"]].isna().all() and table.loc["blind", "sign"] == 0
    nothing = agreement_table({"good": np.arange(6.0)}, vectors, effects.assign(causal=False, liability_effect=0.0))
    assert nothing[["all", "causal", "sign"]].isna().all(axis=None)
