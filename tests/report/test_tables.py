import numpy as np
import pandas as pd
import pytest

from regdna.data import dna
from regdna.report import tables
from regdna.worlds.writers import Chain

from .conftest import handmade_world


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
