import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from regdna.models.genebert import GeneBERT, GeneBERTConfig
from regdna.training.pretrained import read_pretrained
from regdna.training.pretraining_run import PretrainingRun

PLAN = SimpleNamespace(steps=7, check_every=3)


class Engine:
    """Counts; its weight is the sum of the steps."""

    def __init__(self):
        self.accelerator, self.step, self.weight = Accelerator(cpu=True), 0, torch.zeros(1)

    def state(self):
        return {"step": self.step, "weight": self.weight}

    def resume(self, state):
        self.step, self.weight = state["step"], state["weight"]


class Run(PretrainingRun):
    dies_at = None

    def take_step(self):
        if self.engine.step == self.dies_at:
            raise KeyboardInterrupt
        self.engine.step += 1
        self.engine.weight = self.engine.weight + self.engine.step
        return [float(self.engine.step), float("nan") if self.engine.step % 2 else 1.0, float("nan")]

    def look(self):
        return {"weight": self.engine.weight.item()}


def run(path, dies_at=None):
    made = Run(Engine(), PLAN, ("loss", "sometimes", "never"), path / "checkpoints" / "abc" / "state.pt")
    made.dies_at = dies_at
    return made


def test_the_learning_curve(tmp_path):
    made = run(tmp_path)
    made.finish()
    assert [row["step"] for row in made.rows] == [0, 3, 6, 7]
    np.testing.assert_array_equal([row["loss"] for row in made.rows], [np.nan, 2, 5, 7])
    np.testing.assert_array_equal([row["sometimes"] for row in made.rows], [np.nan, 1, 1, np.nan])
    assert np.isnan([row["never"] for row in made.rows]).all()
    assert [row["weight"] for row in made.rows] == [0, 6, 21, 28]


def test_goes_on_from_the_last_checkpoint(tmp_path):
    first = run(tmp_path, dies_at=5)
    with pytest.raises(KeyboardInterrupt):
        first.finish()
    second = run(tmp_path)
    assert second.engine.step == 3 and second.spent > 0
    second.finish()
    assert [row["weight"] for row in second.rows] == [0, 6, 21, 28] and second.spent > first.spent


def test_what_is_kept(tmp_path):
    made = run(tmp_path)
    made.finish()
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    network = GeneBERT(GeneBERTConfig(k=3, crop=6, regions=2, motifs=2, region_encoder="mlp", **sizes))
    made.keep(tmp_path / "kept", {"trained": network}, {"fingerprint": "x"})
    kept = read_pretrained(tmp_path / "kept")
    assert kept.history["step"].tolist() == [0, 3, 6, 7]
    assert kept.provenance.keys() == {"fingerprint", "seconds", "device"} and kept.provenance["device"] == "CPU"
    assert json.loads((kept.folder / "trained" / "config.json").read_text())["model_type"] == "genebert"
    assert not (tmp_path / "checkpoints").exists()
