import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regdna.models.cnn import MODELS, shallow_cnn
from regdna.training.keras_learner import KerasLearner
from regdna.training.saved import ABOUT, FILE, open_model, save_model

FACTS = {"model": "cnn64", "window": 80, "world": "w", "experiment": "E", "regime": "SSL", "seed": 4}
CODES = np.random.default_rng(0).integers(0, 5, (30, 80)).astype(np.uint8)


@pytest.fixture
def learner():
    return KerasLearner(shallow_cnn(64, 80, seed=4))


@pytest.fixture
def folder(tmp_path, learner):
    save_model(tmp_path, learner, **FACTS)
    return tmp_path


def header(path):
    content = path.read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]


def resave(folder, **changes):
    path = folder / FILE
    about = {name: text for name, text in (header(path) | changes).items() if text}
    save_file(load_file(path), path, metadata=about)


def test_a_saved_model_gives_its_scores_again(folder, learner):
    model = open_model(folder)
    np.testing.assert_array_equal(model.predict(CODES), learner.predict(CODES))
    assert model.window == 80
    assert {name: model.about[name] for name in FACTS} == FACTS
    assert model.about["alphabet"] == "ACGTN"
    assert {"python", "regdna", "keras", "tensorflow"} <= model.about["versions"].keys()
    assert set(model.about) == set(ABOUT)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_can_be_opened_again_beside_others(tmp_path, name):
    if name == "deepsea":
        pytest.skip("200 MB; deepsea-mini is the same at a sixteenth of the width")
    architecture = MODELS[name]
    for seed in (0, 1):  # Keras numbers layers without a name through all networks of a process
        learner = KerasLearner(architecture.build(seed=seed))
    facts = FACTS | {"model": name, "window": architecture.window}
    save_model(tmp_path, learner, **facts)
    codes = np.random.default_rng(0).integers(0, 5, (3, architecture.window)).astype(np.uint8)
    np.testing.assert_array_equal(open_model(tmp_path).predict(codes), learner.predict(codes))


def test_only_the_model_is_written(folder):
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no saved model.*model\.safetensors"):
        open_model(tmp_path)


def test_a_damaged_file(folder):
    path = folder / FILE
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a readable file of weights"):
        open_model(folder)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"window": "", "world": ""}, "weights without window, world; they are of another program"),
        ({"alphabet": '"ACGNT"'}, "codes mean ACGNT there and ACGTN here"),
        ({"model": '"resnet"'}, "no model named 'resnet'; models: cnn64"),
        ({"model": '"deepcnn64"'}, "its weights are not those of deepcnn64"),
        ({"model": '"cnn256"'}, "its weights are not those of cnn256"),
    ],
)
def test_a_file_that_cannot_be_used(folder, changes, problem):
    resave(folder, **changes)
    with pytest.raises(ValueError, match=problem) as error:
        open_model(folder)
    assert str(folder / FILE) in str(error.value)
