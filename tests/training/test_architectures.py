import json
import shutil

import numpy as np
import pytest

from regdna.models.cnn import MODELS
from regdna.training.architectures import (
    MINI,
    TRANSFORMERS,
    base_fingerprint,
    base_of,
    check_model,
    new_model,
    window_of,
)
from regdna.training.masked_lm import Pretraining, pretrain
from regdna.training.regimes import Budget
from regdna.training.runs import Runner
from regdna.training.saved import FILE, open_model

PLAN = Pretraining(steps=2, windows=300, held_out=20, vocabulary=64, layers=1, hidden=16, heads=2, intermediate=16)


@pytest.fixture(scope="module")
def results(tiny_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    pretrain(tiny_world, folder / "pretrained" / MINI, PLAN)
    return folder


@pytest.fixture(scope="module")
def runner(tiny_world, results):
    return Runner(tiny_world, "CTCF", MINI, results, Budget(steps=4, finetune_steps=2, iterations=1))


@pytest.fixture(scope="module")
def run(runner):
    return runner.run("SSL", 1)


def test_every_model_has_a_window_and_an_unknown_one_is_named_with_the_others():
    for name in (*MODELS, *TRANSFORMERS):
        check_model(name)
        assert window_of(name) == (1000 if name.startswith("deepsea") else 200)
    with pytest.raises(
        ValueError, match=r"no model named 'bert'; models: cnn64, .*, dnabert2-mini, .*, dnabert2-full$"
    ):
        check_model("bert")


def test_a_cnn_starts_from_nothing(tmp_path):
    assert base_of("cnn64", tmp_path) is None and base_fingerprint(None) is None
    assert new_model("deepbind", 0, length=80).input_shape == (None, 80)


def test_the_published_weights_have_their_name(tmp_path):
    assert base_of("dnabert2", tmp_path) == base_fingerprint("zhihan1996/DNABERT-2-117M") == "zhihan1996/DNABERT-2-117M"


def test_missing_pretrained_weights(tiny_world, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"dnabert2-mini holds no pretrained weights; run: regdna pretrain WORLD"
    ):
        Runner(tiny_world, "CTCF", MINI, tmp_path)


def test_a_transformer_goes_through_the_regimes(run, runner):
    assert (run.row["model"], run.row["steps"], run.row["note"]) == (MINI, 6, "")
    assert run.row["pseudo_positives"] > run.row["positives"]
    assert run.history["stage"].tolist() == ["first phase"] * 2 + ["fine-tuning"] * 2
    assert not (run.folder / "checkpoints").exists()


def test_what_was_trained_is_saved_alone_and_gives_the_scores_again(run, runner):
    codes, _ = runner.source.evaluation("test")
    model = open_model(run.folder)
    np.testing.assert_allclose(model.predict(codes), run.scores, atol=1e-6)
    assert model.about["base"]["from"] == "../../../../pretrained/dnabert2-mini"
    assert any("lora_A" in name for name in model.learner.weights())
    assert not any("word_embeddings" in name for name in model.learner.weights())


def test_other_pretrained_weights_give_another_run(run, runner, results, tiny_world, tmp_path):
    moved = tmp_path / "results"
    shutil.copytree(results, moved)
    here = moved / run.folder.relative_to(results)
    codes, _ = runner.source.evaluation("test")
    np.testing.assert_allclose(open_model(here).predict(codes), run.scores, atol=1e-6)
    path = moved / "pretrained" / MINI / "pretraining.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fingerprint": "other"}))
    with pytest.raises(ValueError, match="was fine-tuned from other weights than those now in"):
        open_model(here)
    again = Runner(tiny_world, "CTCF", MINI, moved, runner.budget)
    assert again._fingerprint("SSL", 1) != runner._fingerprint("SSL", 1)
    shutil.rmtree(path.parent)
    with pytest.raises(ValueError, match=f"{FILE} holds what was trained beside the weights in .*absent; move both"):
        open_model(here)
