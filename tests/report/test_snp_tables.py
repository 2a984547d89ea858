import dataclasses
import gzip
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.data.genome import Genome
from regdna.models.cnn import shallow_cnn
from regdna.report import snp_plots, snp_tables
from regdna.training.keras_learner import KerasLearner
from regdna.training.runs import Run
from regdna.training.saved import save_model

RNG = np.random.default_rng(0)


@pytest.fixture
def own_table(tiny_world, tmp_path):
    """The tiny world with a table of variants of our own; returns a function that writes it."""

    def write(rows):
        genome = Genome(tiny_world.genome_path("hg38"))
        columns = ["#chr", "pos", "ID", "ref", "alt", "es_mean_ref", "es_mean_alt", "fdrp_bh_ref", "fdrp_bh_alt"]
        table = pd.DataFrame([dict(zip(columns, row)) for row in rows(genome.codes("chr8"), genome.codes("chr1"))])
        path = tmp_path / "variants.tsv"
        table.to_csv(path, sep="\t", index=False)
        experiments = {"CTCF": tiny_world.experiments["CTCF"] | {"variants": {"path": path.name}}}
        return dataclasses.replace(tiny_world, experiments=experiments, downloaded=tmp_path)

    return write


def test_observed_effects_have_the_sign_of_the_alternative_allele(own_table):
    def rows(chr8, chr1):
        def row(chrom, codes, start, **given):
            ref, alt = "ACGT"[codes[start]], "ACGT"[(codes[start] + 2) % 4]
            return [chrom, start + 1, f"{chrom}:{start}", given.get("ref", ref), given.get("alt", alt), *given["es"]]

        exchanged = {"ref": "ACGT"[(chr8[600] + 2) % 4], "alt": "ACGT"[chr8[600]]}
        other = "TGCA"
        both = {"ref": other[(chr8[900] + 1) % 4], "alt": other[chr8[900]]}  # and no complement of each other
        if chr8[900] % 2:
            both["ref"] = other[(chr8[900] + 3) % 4]
        return [
            row("chr8", chr8, 500, es=(-2.0, 1.5, 1.0, 0.01)),
            row("chr1", chr1, 500, es=(0.7, -0.4, 0.04, 1.0)),
            row("chr8", chr8, 600, es=(-2.0, 1.5, 1.0, 0.2), **exchanged),
            row("chr8", chr8, 700, es=(0.3, "", 0.5, "")),
            row("chr8", chr8, 5, es=(0.3, -0.3, 0.5, 1.0)),
            row("chr8", chr8, 800, es=(0.3, -0.3, 0.5, 1.0), alt="*"),
            row("chr8", chr8, 900, es=(-2.0, 1.5, 1.0, 0.01), **both),
        ]

    table, counts = snp_tables.observed_variants(own_table(rows), "CTCF", 200)
    assert table["observed"].tolist() == [1.5, -0.7, -1.5, -0.3, -1.5]
    assert table["significant"].tolist() == [True, True, False, False, True]
    assert table["split"].tolist() == ["test", "train", "test", "test", "test"]
    assert counts == Counter(
        {"match": 3, "swapped": 1, "swapped and strand-flipped": 1, "too near an end": 1, "not an SNV": 1}
    )


def test_a_table_of_another_assembly_is_refused(own_table):
    def rows(chr8, chr1):
        letters = ["ACGT"[codes] for codes in chr8[500:600]]
        return [
            ["chr8", 500 + i, i, ref, "ACGT"[("ACGT".index(ref) + 1) % 4], 0, 0, 1, 1] for i, ref in enumerate(letters)
        ]

    with pytest.raises(ValueError, match="0-based, where 1-based ones are expected"):
        snp_tables.observed_variants(own_table(rows), "CTCF", 200)


def test_the_planted_effects_are_those_of_the_same_variants(tiny_world):
    table, _ = snp_tables.observed_variants(tiny_world, "CTCF", 200)
    planted = snp_tables.planted_effects(tiny_world, "CTCF", table)
    with gzip.open(tiny_world.built / "truth" / "variants.tsv.gz", "rt") as file:
        truth = {(t[0], t[1]): float(t[3]) for t in (line.split("\t") for line in list(file)[1:])}
    assert len(planted) == len(table) > 50
    assert planted["effect"].tolist() == [truth["CTCF", name] for name in table["id"]]
    assert planted["effect"].corr(table["observed"], "spearman") > 0.3
    with pytest.raises(ValueError, match="is real"):
        snp_tables.planted_effects(dataclasses.replace(tiny_world, simulated=False), "CTCF", table)


def test_predictions_are_in_the_order_of_the_table(tiny_world, tmp_path):
    learner = KerasLearner(shallow_cnn(64, 200))
    facts = {"window": 200, "world": "tiny", "experiment": "CTCF", "regime": "SL", "seed": 0}
    save_model(tmp_path, learner, model="cnn64", **facts)
    run = Run({}, None, None, None, tmp_path)
    table, _ = snp_tables.observed_variants(tiny_world, "CTCF", 200)
    chosen = table.iloc[[7, 3, 20]]
    found = snp_tables.predict_effects(tiny_world, run, chosen, both_strands=False)
    genome = Genome(tiny_world.genome_path("hg38"))
    for row, variant in zip(found.itertuples(), chosen.itertuples()):
        window = genome.codes(variant.chrom)[variant.start - 100 : variant.start + 100].copy()
        assert row.score_ref == pytest.approx(learner.predict(window[None])[0], abs=1e-6)
        window[100] = variant.genome_alt
        assert row.score_alt == pytest.approx(learner.predict(window[None])[0], abs=1e-6)


def drawn():
    observed = RNG.normal(size=120)
    good, poor = (observed + noise * RNG.normal(size=(3, 120)) for noise in (0.5, 3.0))
    return observed, {("m", "SSL"): good, ("m", "SL"): poor, ("n", "SSL"): good[:1]}


def test_correlations_of_seeds_and_of_their_mean():
    observed, predictions = drawn()
    table = snp_tables.correlation_table(observed, predictions, np.random.default_rng(0))
    assert table.index.tolist() == list(predictions)
    each = [stats.spearmanr(observed, one).statistic for one in predictions["m", "SL"]]
    row = table.loc[("m", "SL")]
    assert (row["mean"], row["sd"]) == pytest.approx((np.mean(each), np.std(each, ddof=1)))
    mean = predictions["m", "SL"].mean(0)
    assert row["R"] == pytest.approx(stats.spearmanr(observed, mean).statistic) and row["from"] < row["R"] < row["to"]
    assert np.isnan(table.loc[("n", "SSL"), "sd"])


def test_regimes_are_compared_within_a_model():
    observed, predictions = drawn()
    table = snp_tables.comparison_table(observed, predictions, [("SSL", "SL"), ("SL", "SSL"), ("SSL", "SL-aug")])
    assert table.index.tolist() == [("m", "SSL - SL"), ("m", "SL - SSL")]
    assert table.loc[("m", "SSL - SL"), "z"] > 3 and table.loc[("m", "SSL - SL"), "p"] < 1e-3
    none = snp_tables.comparison_table(observed, {("m", "SSL"): predictions["m", "SSL"]}, [("SSL", "SL")])
    assert len(none) == 0 and "p" in none
    assert table.loc[("m", "SL - SSL"), "z"] == pytest.approx(-table.loc[("m", "SSL - SL"), "z"])


def test_directions_are_counted_inside_and_outside_the_site():
    table = pd.DataFrame({"observed": [1.0, -2, 3, -4, 5, -6], "id": list("abcdef")})
    first, second = np.array([1, -1, 1, 1, 1, 1]), np.array([1, 1, -1, -1, 1, 1])
    in_site = [True, True, True, False, False, False]
    counts, gained = snp_tables.direction_table(table, first, second, in_site)
    assert counts.loc["in the site", ["both", "first", "second", "neither"]].tolist() == [1, 2, 0, 0]
    assert counts.loc["elsewhere", ["both", "first", "second", "neither"]].tolist() == [1, 0, 1, 1]
    assert counts.loc["in the site", "p"] == pytest.approx(0.5)
    assert gained["id"].tolist() == ["c", "b"]


def test_figures():
    observed, predictions = drawn()
    table = snp_tables.correlation_table(observed, predictions, np.random.default_rng(0))
    axes = snp_plots.plot_effects(observed, predictions, table)
    assert axes.shape == (2, 2) and "R = " in axes[0, 0].get_title()
    codes = RNG.integers(0, 4, 30).astype(np.uint8)
    rows = snp_plots.plot_saturation(codes, {"a": RNG.normal(size=(30, 4)), "none": np.zeros((30, 4))})
    assert len(rows) == 2
    letters = [label.get_text() for label in rows[-1].get_xticklabels()]
    assert letters == ["ACGT"[code] for code in codes]
    table = pd.DataFrame({"observed": [1.0, -1.0], "in_site": [True, False]})
    lines = snp_plots.plot_volcano(table, np.array([0.01, 0.0])).get_lines()
    assert lines[0].get_ydata().tolist() == [30] and lines[1].get_ydata().tolist() == [2]
    plt.close("all")
