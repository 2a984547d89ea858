from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from liftover import ChainFile

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.labels import BIN, label_world
from regdna.data.liftover import STATUSES
from regdna.files import write_table
from regdna.report import label_tables
from regdna.worlds.jaspar import fetch_motifs

from .conftest import handmade_world


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


@pytest.fixture(scope="module")
def labelled(labels, tiny_world):
    return {"CTCF": labels, "ATAC": label_world(tiny_world, "ATAC")}


def test_experiment_table(labelled):
    table = label_tables.experiment_table(labelled)
    assert table.index.tolist() == list(labelled)
    assert list(table.columns) == [
        "peaks",
        "positive bins",
        "train",
        "validation",
        "test",
        "% of bins",
        "pseudo-labelled",
        "increase",
    ]
    for name, labels in labelled.items():
        row, positive = table.loc[name], labels.bins["positive"].sum()
        assert row["peaks"] == len(labels.peaks)
        assert row["positive bins"] == positive == row[["train", "validation", "test"]].sum()
        for split in ("train", "validation", "test"):
            assert row[split] == (labels.bins["positive"] & (labels.bins["split"] == split)).sum()
        assert row["% of bins"] == pytest.approx(100 * positive / len(labels.bins))
        assert row["pseudo-labelled"] == len(labels.pseudo) > positive
        assert row["increase"] == pytest.approx((positive + len(labels.pseudo)) / positive)


def test_an_experiment_without_a_peak():
    bins = pd.DataFrame({"positive": [False, False], "split": ["train", "test"]})
    nothing = SimpleNamespace(peaks=bins[:0], bins=bins, pseudo=bins[:0])
    assert label_tables.experiment_table({"E": nothing}).loc["E"].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_pseudo_table(labelled, tiny_world):
    table = label_tables.pseudo_table(labelled, tiny_world)
    assert table.index.tolist() == ["hg38", *tiny_world.relatives]
    assert list(table.columns) == ["CTCF", "ATAC"]
    for name, labels in labelled.items():
        assert table.loc["hg38", name] == labels.bins["positive"].sum()
        for species in tiny_world.relatives:
            assert table.loc[species, name] == (labels.pseudo["species"] == species).sum()


def test_pseudo_table_counts_relatives_without_a_bin():
    bins, pseudo = pd.DataFrame({"positive": [True, False, True]}), pd.DataFrame({"species": ["far", "far"]})
    world = SimpleNamespace(reference="ref", relatives=("near", "far"))
    table = label_tables.pseudo_table({"E": SimpleNamespace(bins=bins, pseudo=pseudo)}, world)
    assert table["E"].to_dict() == {"ref": 2, "near": 0, "far": 2}


def test_identity_base_by_base(labels, tiny_world):
    """Each base of each peak through another liftover, one at a time."""
    world = replace(tiny_world, relatives=("gorGor4", "mm10"))
    table = label_tables.identity_table(labels, world)
    assert table.index.tolist() == ["gorGor4", "mm10"]
    reference = Genome(tiny_world.genome_path("hg38"))
    for species in world.relatives:
        genome, chains = Genome(tiny_world.genome_path(species)), ChainFile(str(tiny_world.chain_path(species)))
        aligned, identical = [], []
        for row in labels.pseudo[labels.pseudo["species"] == species].itertuples():
            chrom, start, end = labels.peaks.loc[row.peak, ["chrom", "start", "end"]]
            same = []
            for base in range(start, end):
                for there, at, strand in chains.query(chrom, base):
                    if there == row.chrom and row.start <= at < row.start + BIN:
                        code = genome.codes(there)[at]
                        same.append(reference.codes(chrom)[base] == (code if strand == "+" else dna.COMPLEMENT[code]))
            aligned.append(len(same) / BIN)
            identical.append(np.mean(same))
        assert table.loc[species, "bins"] == len(aligned) > 10
        assert table.loc[species, "aligned"] == pytest.approx(np.mean(aligned))
        assert table.loc[species, "identical"] == pytest.approx(np.mean(identical))
    assert table.loc["gorGor4", "identical"] > table.loc["mm10", "identical"] > 0.4


def test_statuses_of_the_yield_add_up(labels, tiny_world):
    table = label_tables.yield_table(labels, tiny_world)
    assert table.index.tolist() == list(tiny_world.relatives)
    assert list(table.columns) == ["distance", *STATUSES, "pseudo-labelled"]
    assert (table[list(STATUSES)].sum(axis=1) == len(labels.peaks)).all()
    assert table["pseudo-labelled"].sum() == len(labels.pseudo)
    assert table.loc["panTro6", "lifted"] > len(labels.peaks) / 2


def test_yield_by_hand():
    lifted = pd.DataFrame(
        {"species": ["near"] * 4 + ["far"] * 4, "status": ["lifted"] * 2 + ["split", "deleted"] + ["unmapped"] * 4}
    )
    pseudo = pd.DataFrame({"species": ["near"] * 3})
    labels = SimpleNamespace(lifted=lifted, pseudo=pseudo)
    table = label_tables.yield_table(labels, SimpleNamespace(relatives=("near", "far"), distances={}))
    assert list(table.columns) == [*STATUSES, "pseudo-labelled"]
    assert table.to_numpy().tolist() == [[2, 1, 0, 1, 0, 3], [0, 0, 0, 0, 4, 0]]


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
    table = label_tables.motif_table(
        SimpleNamespace(peaks=peaks, lifted=lifted), handmade_world(tmp_path, genomes), motif
    )
    assert table.index.tolist() == ["ref", "rel"]
    assert table["at the peak"].tolist() == [8 / 10, 5 / 9]
    assert table["1 kb away"].tolist() == [0, 0]


def test_motif_table_of_a_simulated_world(labels, tiny_world):
    motif = fetch_motifs(["CTCF"], "JASPAR2024")["CTCF"]
    table = label_tables.motif_table(labels, tiny_world, motif)
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
    assert label_tables.survival_table(labels, world, "CTCF").to_dict() == {"rel": 0.5}
    labels.lifted.loc[0, "status"] = "split"  # the peak whose site has died
    assert label_tables.survival_table(labels, world, "CTCF").to_dict() == {"rel": 1.0}


def test_survival_falls_with_distance(labels, tiny_world):
    alive = label_tables.survival_table(labels, tiny_world, "CTCF")
    assert alive.index.tolist() == list(tiny_world.relatives)
    assert alive.between(0, 1).all()
    assert alive.iloc[:3].mean() > alive.iloc[-3:].mean()
