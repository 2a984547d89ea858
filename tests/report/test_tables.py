from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from regdna.data import dna
from regdna.data.labels import label_world
from regdna.data.liftover import STATUSES
from regdna.files import write_table
from regdna.report import tables
from regdna.worlds.jaspar import fetch_motifs
from regdna.worlds.writers import Chain, write_chains, write_fasta


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


def handmade_world(folder, genomes, chains=(), **more):
    """A world of a reference ``ref`` and a relative ``rel``; its genomes by species, then chromosome."""
    for species, sequences in genomes.items():
        write_fasta(folder / f"{species}.fa", sequences)
    write_chains(folder / "refToRel.over.chain", chains)
    return SimpleNamespace(
        reference="ref",
        relatives=("rel",),
        aliases={},
        distances={},
        built=folder,
        genome_path=lambda species: folder / f"{species}.fa",
        chain_path=lambda species: folder / "refToRel.over.chain",
        **more,
    )


def test_experiment_table(tiny_world):
    names = ["CTCF", "ATAC"]
    world = replace(tiny_world, experiments={name: tiny_world.experiments[name] for name in names})
    table = tables.experiment_table(world)
    assert table.index.tolist() == names
    for name in names:
        labels, row = label_world(world, name), table.loc[name]
        assert row["peaks"] == len(labels.peaks)
        assert row["positive bins"] == labels.bins["positive"].sum() == row[["train", "validation", "test"]].sum()
        assert row["% of bins"] == pytest.approx(100 * row["positive bins"] / len(labels.bins))
        assert row["pseudo-labelled (train)"] == (labels.pseudo["split"] == "train").sum() > row["train"]


def test_divergence_by_hand(tmp_path):
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 4, 1000).astype(np.uint8)
    relative = rng.integers(0, 4, 1200).astype(np.uint8)
    relative[50:250] = reference[100:300]
    relative[50:70] = (reference[100:120] + 1) % 4  # 20 of 200 letters differ
    turned = dna.reverse_complement(reference[400:500])
    relative[600:700] = turned
    chains = [
        Chain(20, "a", 1000, "x", 1200, False, np.array([100]), np.array([50]), np.array([200])),
        Chain(10, "a", 1000, "x", 1200, True, np.array([400]), np.array([500]), np.array([100])),
        Chain(5, "b", 600, "x", 1200, False, np.array([0]), np.array([0]), np.array([600])),
    ]
    genomes = {"ref": {"a": reference, "b": reference[:600]}, "rel": {"x": relative}}
    table = tables.divergence_table(handmade_world(tmp_path, genomes, chains), "a")
    assert table.index.tolist() == ["rel"]
    assert table.loc["rel", "aligned"] == pytest.approx(300 / 1000)
    assert table.loc["rel", "identical"] == pytest.approx(280 / 300)


def test_divergence_grows_with_distance(tiny_world):
    table = tables.divergence_table(tiny_world, "chr8")
    assert table.index.tolist() == list(tiny_world.relatives)
    assert table["distance"].is_monotonic_increasing
    assert table["identical"].iloc[0] > 0.95 > table["identical"].iloc[-1] > 0.3
    assert ((table["aligned"] > 0.3) & (table["aligned"] <= 1)).all()


def test_statuses_of_the_yield_add_up(labels, tiny_world):
    table = tables.yield_table(labels, tiny_world)
    assert table.index.tolist() == list(tiny_world.relatives)
    assert list(table.columns) == ["distance", *STATUSES, "pseudo-labelled"]
    assert (table[list(STATUSES)].sum(axis=1) == len(labels.peaks)).all()
    assert table["pseudo-labelled"].sum() == len(labels.pseudo)
    assert table.loc["panTro6" if "panTro6" in table.index else table.index[0], "lifted"] > len(labels.peaks) / 2


def test_yield_by_hand():
    lifted = pd.DataFrame(
        {"species": ["near"] * 4 + ["far"] * 4, "status": ["lifted"] * 2 + ["split", "deleted"] + ["unmapped"] * 4}
    )
    pseudo = pd.DataFrame({"species": ["near"] * 3})
    labels = SimpleNamespace(lifted=lifted, pseudo=pseudo)
    table = tables.yield_table(labels, SimpleNamespace(relatives=("near", "far"), distances={}))
    assert list(table.columns) == [*STATUSES, "pseudo-labelled"]
    assert table.to_numpy().tolist() == [[2, 1, 1, 0, 3], [0, 0, 0, 4, 0]]


def test_motif_is_high_at_planted_sites_and_low_away(tmp_path):
    motif = fetch_motifs(["CTCF"], "JASPAR2024")["CTCF"]
    word = motif.probabilities.argmax(axis=1).astype(np.uint8)
    rng = np.random.default_rng(0)
    genomes = {name: {"a": rng.integers(0, 4, 40_000).astype(np.uint8)} for name in ("ref", "rel")}
    center = np.arange(10) * 3000 + 3000
    for i in range(8):  # in the reference eight of ten peaks, in the relative the first five of them
        at = center[i] + (-20 if i % 2 else 20)
        site = dna.reverse_complement(word) if i % 3 else word
        genomes["ref"]["a"][at : at + len(word)] = site
        if i < 5:
            genomes["rel"]["a"][at + 500 : at + 500 + len(word)] = site
    peaks = pd.DataFrame({"chrom": "a", "start": center - 100, "end": center + 100})
    lifted = pd.DataFrame(
        {
            "species": "rel",
            "status": ["lifted"] * 9 + ["split"],
            "to_chrom": "a",
            "to_start": center + 400,
            "to_end": center + 600,
        }
    )
    table = tables.motif_table(SimpleNamespace(peaks=peaks, lifted=lifted), handmade_world(tmp_path, genomes), motif)
    assert table.index.tolist() == ["ref", "rel"]
    assert table["at the peak"].tolist() == [8 / 10, 5 / 9]
    assert table["1 kb away"].tolist() == [0, 0]


def test_motif_table_of_a_simulated_world(labels, tiny_world):
    motif = fetch_motifs(["CTCF"], "JASPAR2024")["CTCF"]
    table = tables.motif_table(labels, tiny_world, motif)
    assert table.index.tolist() == [tiny_world.reference, *tiny_world.relatives]
    assert (table["at the peak"] - table["1 kb away"]).iloc[:4].min() > 0.3
    assert table["1 kb away"].max() < 0.25


def test_survival_by_hand(tmp_path):
    sites = pd.DataFrame(
        {
            "factor": ["CTCF", "CTCF", "CTCF", "REST", "CTCF"],
            "kind": ["promoter", "enhancer", "enhancer", "enhancer", "closed"],
            "chrom": "a",
            "start": [1090, 5090, 9300, 5090, 13090],
            "end": [1110, 5110, 9320, 5110, 13110],
            "ref": True,
            "rel": [True, False, True, True, True],
        }
    )
    write_table(tmp_path / "truth" / "sites.tsv.gz", sites)
    start = np.array([5000, 1000, 9000, 13000, 17000])  # of two sites near a peak's center, one is alive in rel
    labels = SimpleNamespace(
        peaks=pd.DataFrame({"chrom": "a", "start": start, "end": start + 200}),
        lifted=pd.DataFrame({"species": "rel", "peak": np.arange(5), "status": "lifted"}),
    )
    world = SimpleNamespace(built=tmp_path, reference="ref", relatives=("rel",))
    assert tables.survival_table(labels, world, "CTCF").to_dict() == {"rel": 0.5}
    labels.lifted.loc[0, "status"] = "split"  # the peak whose site has died
    assert tables.survival_table(labels, world, "CTCF").to_dict() == {"rel": 1.0}


def test_survival_falls_with_distance(labels, tiny_world):
    alive = tables.survival_table(labels, tiny_world, "CTCF")
    assert alive.index.tolist() == list(tiny_world.relatives)
    assert alive.between(0, 1).all()
    assert alive.iloc[:3].mean() > alive.iloc[-3:].mean()


def test_regime_table_by_hand():
    runs = pd.DataFrame(
        {
            "regime": ["SSL", "SSL", "SSL", "SL"],
            "aupr": [0.1, 0.2, 0.6, 0.5],
            "auroc": [0.7, 0.8, 0.9, 0.6],
            "steps": [10, 10, 10, 20],
            "seconds": [1.0, 2.0, 6.0, 4.0],
        }
    )
    table = tables.regime_table(runs)
    assert table.index.tolist() == ["SSL", "SL"]
    assert list(table.columns) == ["AUPR", "± sd", "AUROC", "± sd ", "seeds", "steps", "seconds"]
    assert table.loc["SSL"].tolist() == pytest.approx([0.3, np.sqrt((0.04 + 0.01 + 0.09) / 2), 0.8, 0.1, 3, 10, 3.0])
    assert np.isnan(table.loc["SL", ["± sd", "± sd "]].astype(float)).all()  # one seed has no spread
    assert table.loc["SL", ["AUPR", "seeds", "steps", "seconds"]].tolist() == [0.5, 1, 20, 4.0]
