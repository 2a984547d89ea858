from dataclasses import replace

import numpy as np
import pytest
import torch
from tasks_made import made_task

from regdna.models.findna import FinDNA, FinDNAConfig
from regdna.models.sequence_classifiers import ConvolutionalClassifier, FinDNAClassifier
from regdna.training import finetune as module
from regdna.training.finetune import FineTuning, class_probabilities, fine_tune

PLAN = FineTuning(epochs=6, batch_size=16, learning_rate=0.01)


def cnn(classes=2, seed=0):
    torch.manual_seed(seed)
    return ConvolutionalClassifier(classes, filters=24, kernel=12)


def findna(classes=2):
    torch.manual_seed(0)
    return FinDNAClassifier(FinDNA(FinDNAConfig(layers=1, track=2, hidden=16, longest=64)), classes)


@pytest.mark.parametrize("validation", [0, 30])
@pytest.mark.parametrize("classes", [2, 3])
def test_learns_motifs(classes, validation):
    task = made_task(classes, train=300, validation=validation)
    tuned = fine_tune(cnn(classes), task, PLAN)
    assert tuned.scores["mcc"] > 0.7 and list(tuned.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert tuned.history["loss"].iloc[-1] < tuned.history["loss"][0] - 0.1


def test_every_weight_is_trained():
    model, task = findna(), made_task(train=40, test=20)
    before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
    fine_tune(model, task, FineTuning(epochs=1, batch_size=8, learning_rate=0.01))
    unused = ("encoder.letters_out", "encoder.projection")  # the heads of pretraining
    still = [name for name, weights in model.named_parameters() if torch.equal(weights, before[name])]
    assert still and all(name.startswith(unused) for name in still)


def test_seed():
    task = made_task(train=60, test=20)
    one, same, other = (fine_tune(cnn(), task, replace(PLAN, epochs=2), seed).probabilities for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_weights_of_the_best_epoch(monkeypatch):
    """With the second epoch called the best, its weights are tested."""
    task, model, said = made_task(train=60, test=20, validation=20), cnn(), []
    real = module.class_scores

    def scores(labels, probabilities):
        said.append(probabilities)
        return real(labels, probabilities) | {"mcc": {2: 1.0}.get(len(said), 0.0)}

    monkeypatch.setattr(module, "class_scores", scores)
    fine_tune(model, task, replace(PLAN, epochs=3))
    np.testing.assert_array_equal(class_probabilities(model, task.parts["validation"].sequences), said[1])


def test_parts_of_a_batch_are_one_batch(monkeypatch):
    task = made_task(train=40, test=20)
    whole = fine_tune(findna(), task, replace(PLAN, epochs=2))
    monkeypatch.setattr(module, "batches_of_letters", lambda lengths, order: np.array_split(order, 5))
    parts = fine_tune(findna(), task, replace(PLAN, epochs=2))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-3)


def test_small_tasks_have_more_epochs():
    torch.manual_seed(0)
    task = made_task(train=100, validation=20)
    plan = FineTuning(epochs=2, batch_size=32, least_steps=9)  # four steps an epoch
    assert len(fine_tune(ConvolutionalClassifier(2), task, plan).history) == 3
    assert len(fine_tune(ConvolutionalClassifier(2), task, replace(plan, least_steps=8)).history) == 2
