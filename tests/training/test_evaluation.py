import json

import numpy as np
import pytest

from regdna.models.findna import FinDNAConfig
from regdna.models.genebert import GeneBERTConfig
from regdna.training import evaluation as module
from regdna.training.distill import Distillation, distill
from regdna.training.evaluation import COLUMNS, Evaluation
from regdna.training.finetune import FineTuning
from regdna.training.multimodal import Multimodal, pretrain_multimodal
from regdna.worlds.collections import collection_names

SMALL = Distillation(FinDNAConfig(layers=1, track=2, hidden=8, longest=74), steps=3, batch_size=4, windows=40, width=64)

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
GENEBERT = GeneBERTConfig(
    k=3, crop=8, regions=4, max_position_embeddings=32, region_encoder="mlp", region_sizes={"hidden": 8}, **SIZES
)


@pytest.fixture(scope="module")
def results(tiny_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for seed in (0, 1):
        distill(tiny_world, folder / "pretrained" / f"findna-mini-{seed}", SMALL, seed)
    return folder


@pytest.fixture
def evaluation(tiny_world, results, monkeypatch):
    monkeypatch.setattr(module, "CNN_PLAN", FineTuning(epochs=1))
    monkeypatch.setattr(module, "TUNE_PLANS", dict.fromkeys(module.FAMILIES, FineTuning(epochs=1)))
    return Evaluation(tiny_world, ["species", "ATAC"], results)


@pytest.mark.parametrize(
    "method",
    [
        "kmers",
        "cnn",
        "probe-findna-mini",
        "probe-findna-mini-teacher",
        "probe-findna-mini-untrained",
        "tune-findna-mini",
    ],
)
def test_a_row_for_each_task(evaluation, method):
    table = evaluation.run(method, 1)
    assert tuple(table.columns) == COLUMNS and list(table["task"]) == [task.name for task in evaluation.tasks]
    assert set(table["method"]) == {method} and set(table["seed"]) == {1}
    assert table["accuracy"].between(0, 1).all() and (table["test"] > 10).all()


def test_weights_and_seeds_differ(evaluation):
    names = ("probe-findna-mini", "probe-findna-mini-teacher", "probe-findna-mini-untrained")
    areas = [evaluation.run(name, 0)["auroc"].tolist() for name in names]
    areas.append(evaluation.run("probe-findna-mini", 1)["auroc"].tolist())
    assert len({tuple(area) for area in areas}) == 4


def test_is_computed_once(evaluation, monkeypatch):
    first = evaluation.run("kmers", 0)

    def fail(*args):
        raise AssertionError("computed again")

    monkeypatch.setitem(module._SCORES, "kmers", fail)
    assert evaluation.run("kmers", 0).equals(first)
    monkeypatch.setattr(module, "K", 3)  # whatever the scores are made from
    with pytest.raises(AssertionError, match="computed again"):
        evaluation.run("kmers", 0)


def test_another_network_of_the_name(evaluation, tiny_world, results):
    evaluation.run("probe-findna-mini", 0)
    path = results / "evaluated" / "probe-findna-mini-0" / "species.json"
    before = json.loads(path.read_text())["fingerprint"]
    provenance = results / "pretrained" / "findna-mini-0" / "pretraining.json"
    text = provenance.read_text()
    provenance.write_text(text.replace('"fingerprint": "', '"fingerprint": "other'))
    evaluation.run("probe-findna-mini", 0)
    provenance.write_text(text)
    assert json.loads(path.read_text())["fingerprint"] != before


def test_bad_input(evaluation, tiny_world, results):
    with pytest.raises(ValueError, match="no method named 'svm'; methods: kmers, motifs, cnn, probe-NETWORK"):
        evaluation.run("svm")
    with pytest.raises(
        FileNotFoundError, match=r"findna-mini-2 holds .*regdna pretrain tiny --model findna-mini --seed 2"
    ):
        evaluation.run("probe-findna-mini", 2)
    with pytest.raises(ValueError, match="no task named 'EMP/H9'"):
        Evaluation(tiny_world, ["EMP/H9"], results)
    assert "gue" in collection_names() and np.isfinite(evaluation.run("kmers", 0)["mcc"]).all()


def test_genebert_and_the_motifs(cells_world, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TUNE_PLANS", dict.fromkeys(module.FAMILIES, FineTuning(epochs=1)))
    plan = Multimodal(GENEBERT, steps=9, batch_size=8, stride=4, learning_rate=0.02, warm_up=0.1)
    pretrain_multimodal(cells_world, tmp_path / "pretrained" / "genebert-mini-seq-1", plan, 1)
    evaluation = Evaluation(cells_world, ["TFBS"], tmp_path)
    methods = ("probe-genebert-mini-seq", "probe-genebert-mini-seq-untrained", "tune-genebert-mini-seq", "motifs")
    areas = [evaluation.run(method, 1)["auroc"].item() for method in methods]
    assert len(set(areas)) == 4 and 0.6 < areas[-1] <= 1  # the sites are of these motifs
    with pytest.raises(ValueError, match="no network named 'bert'; networks: findna, genebert, their variants"):
        evaluation.run("probe-bert", 1)
