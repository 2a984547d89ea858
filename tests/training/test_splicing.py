import dataclasses
import json

import numpy as np
import pytest
import torch

from regdna.data.splice_windows import KINDS, splice_blocks
from regdna.files import write_text
from regdna.models.genebert import GeneBERT
from regdna.training import splicing as module
from regdna.training.finetune import FineTuning
from regdna.training.genebert_plans import genebert_plan
from regdna.training.metrics import site_scores
from regdna.training.splicing import COLUMNS, SpliceEvaluation, Splicing, label_sites, site_probabilities

QUICK = Splicing(width=200, blocks=12, validation_genes=1, test_genes=1, tuning=FineTuning(epochs=1, batch_size=4))


@pytest.fixture(scope="module")
def world(tiny_world):
    """The tiny world, split so that each part has genes."""
    return dataclasses.replace(
        tiny_world, test_chromosomes=frozenset({"chr1"}), validation_chromosomes=frozenset({"chr2"})
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    network = GeneBERT(genebert_plan("genebert-mini").network)
    made = folder / "pretrained" / "genebert-mini-0"
    for weights in ("trained", "untrained"):
        network.save_pretrained(made / weights)
    write_text(made / "history.csv", "step\n0\n")
    write_text(made / "pretraining.json", json.dumps({"fingerprint": "made"}))
    return folder


@pytest.mark.parametrize("method", ["cnn", "tune-genebert-mini", "tune-genebert-mini-untrained"])
def test_a_row_of_scores(world, results, method):
    row = SpliceEvaluation(world, results, QUICK).run(method, 80)
    assert tuple(row) == COLUMNS and (row["method"], row["context"], row["seed"]) == (method, 80, 0)
    test = splice_blocks(world, 200)["test"].some_genes(1, module.stream(0, "test genes"))
    assert row["positions"] == (test.labels >= 0).sum() and row["blocks"] == 12
    assert row["donors"] == row["acceptors"] == (test.labels == KINDS["donor"]).sum() > 0
    assert all(0 <= row[score] <= 1 for score in module.SCORES)


def test_is_computed_once(world, results, monkeypatch):
    first = SpliceEvaluation(world, results, QUICK).run("cnn", 80)

    def fail(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "label_sites", fail)
    assert SpliceEvaluation(world, results, QUICK).run("cnn", 80) == first
    table = SpliceEvaluation(world, results, QUICK).table(["cnn"], [80], [0])
    assert tuple(table.columns) == COLUMNS and len(table) == 1
    for change in ({"blocks": 11}, {"tuning": FineTuning(epochs=2)}):
        with pytest.raises(AssertionError, match="computed again"):
            SpliceEvaluation(world, results, dataclasses.replace(QUICK, **change)).run("cnn", 80)
    with pytest.raises(AssertionError, match="computed again"):
        SpliceEvaluation(world, results, QUICK).run("cnn", 80, seed=1)


def test_another_network_of_the_name(world, results):
    SpliceEvaluation(world, results, QUICK).run("tune-genebert-mini", 80)
    path = results / "splicing" / "tune-genebert-mini-80-0.json"
    before = json.loads(path.read_text())["fingerprint"]
    provenance = results / "pretrained" / "genebert-mini-0" / "pretraining.json"
    text = provenance.read_text()
    provenance.write_text(text.replace('"fingerprint": "', '"fingerprint": "other'))
    SpliceEvaluation(world, results, QUICK).run("tune-genebert-mini", 80)
    provenance.write_text(text)
    assert json.loads(path.read_text())["fingerprint"] != before


@pytest.mark.parametrize(
    "method, error, problem",
    [
        ("kmers", ValueError, "kmers names no positions"),
        ("probe-genebert-mini", ValueError, "names no positions"),
        ("tune-genebert-mini-seq", FileNotFoundError, "regdna pretrain tiny --model genebert-mini-seq"),
    ],
)
def test_what_there_is_not(world, results, method, error, problem):
    with pytest.raises(error, match=problem):
        SpliceEvaluation(world, results, QUICK).run(method, 80)


def test_parts_are_those_of_the_plan(world, results):
    parts = SpliceEvaluation(world, results, QUICK).parts
    assert (parts["train"].labels > 0).any(1).all() and len(parts["train"]) == 12
    assert {world.split(chrom) for chrom in parts["train"].chrom} == {"train"}
    assert len(set(parts["test"].gene)) == 1 and set(parts["test"].chrom) == {"chr1"}


class Planted:
    """Blocks whose donors follow TGA and whose acceptors follow CCA, on no genome."""

    def __init__(self, seed, number=24, width=100, context=40):
        rng = np.random.default_rng(seed)
        self.rows = rng.integers(0, 4, (number, width + context)).astype(np.uint8)
        self.labels = np.zeros((number, width), np.int8)
        for block in range(number):
            for place, motif, label in zip(rng.choice(20, 4, False), [(3, 2, 0)] * 2 + [(1, 1, 0)] * 2, (2, 2, 1, 1)):
                at = 5 * place
                self.rows[block, at + context // 2 - 2 : at + context // 2 + 1] = motif
                self.labels[block, at] = label
        found = self.rows[:, context // 2 - 2 :], self.rows[:, context // 2 - 1 :], self.rows[:, context // 2 :]
        first, second, third = (part[:, :width] for part in found)
        self.labels[(first == 3) & (second == 2) & (third == 0)] = 2
        self.labels[(first == 1) & (second == 1) & (third == 0)] = 1
        self.labels[:, 90:] = -1

    def __len__(self):
        return len(self.rows)

    def codes(self, context, rows):
        return self.rows[rows]


def test_a_rule_that_can_be_learned_is_learned():
    parts = {"train": Planted(0), "validation": Planted(1)}
    plan = FineTuning(epochs=12, batch_size=4, learning_rate=1e-2, clip=1.0)
    network = label_sites(parts, None, 40, plan, 0)
    labels, probabilities = site_probabilities(network, Planted(2))
    assert len(labels) == len(probabilities) == 24 * 90 and set(labels) == {0, 1, 2}
    assert site_scores(labels, probabilities, KINDS)["aupr"] > 0.9
    again = site_probabilities(label_sites(parts, None, 40, plan, 0), Planted(2))[1]
    np.testing.assert_array_equal(again, probabilities)


def test_groups_change_nothing(monkeypatch):
    torch.manual_seed(0)
    network, blocks = module.ConvolutionalSpliceLabeler(40), Planted(3)
    together = site_probabilities(network, blocks)[1]
    monkeypatch.setattr(module, "LETTERS_AT_ONCE", 300)
    np.testing.assert_allclose(site_probabilities(network, blocks)[1], together, atol=1e-6)
