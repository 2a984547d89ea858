import numpy as np
import pytest

from regdna.data.examples import Examples
from regdna.models.cnn import shallow_cnn
from regdna.training.keras_learner import KerasLearner
from regdna.training.learners import Refitted, as_learner
from regdna.training.regimes import Budget, train


class Counter:
    """Scores a window by how much more often its bases were seen in positives; remembers what it was fitted to."""

    def __init__(self):
        self.fitted = []

    def fit(self, codes, labels, weights):
        self.fitted.append((codes, labels, weights))
        positive = labels == 1
        self.odds = np.array([(codes[positive] == b).mean() - (codes[~positive] == b).mean() for b in range(4)])

    def predict(self, codes):
        return self.odds[codes].sum(axis=1)


def examples(number, base, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (2 * number, 20)).astype(np.uint8)
    codes[:number, ::2] = base
    labels = np.repeat(np.array([1, 0], np.uint8), number)
    return Examples(codes, labels, np.ones(2 * number, np.float32))


VALIDATION = examples(10, 2, seed=9)[:2]


def test_a_network_becomes_a_keras_learner():
    assert isinstance(as_learner(shallow_cnn(4, length=30)), KerasLearner)


def test_a_learner_stays_itself():
    learner = Refitted(Counter())
    assert as_learner(learner) is learner


def test_what_cannot_be_trained():
    with pytest.raises(TypeError, match=r"^dict cannot be trained: it is no Keras network and has no fit and predict$"):
        as_learner({})


def test_each_phase_fits_all_examples_so_far():
    model, rng = Counter(), np.random.default_rng(0)
    learner = as_learner(model)
    first, second = examples(8, 2, seed=1), examples(3, 2, seed=2)
    learner.fit(first, 100, 0.1, VALIDATION, rng)
    (point,) = learner.fit(second, 10, 0.1, VALIDATION, rng)
    assert [len(labels) for _, labels, _ in model.fitted] == [16, 22]
    together = np.concatenate([first.codes, second.codes])
    np.testing.assert_array_equal(sorted(map(tuple, model.fitted[1][0])), sorted(map(tuple, together)))
    assert not np.array_equal(model.fitted[1][0], together)  # in random order
    assert (point["step"], point["validation_aupr"]) == (10, pytest.approx(1))
    assert learner.predict(VALIDATION[0]).dtype == np.float32


def test_scores_of_another_shape():
    class Pairs(Counter):
        def predict(self, codes):
            return np.zeros((len(codes), 2))

    with pytest.raises(ValueError, match=r"^predict gave an array of shape \(20, 2\) for 20 windows; one score each$"):
        Refitted(Pairs()).predict(VALIDATION[0])


class Source:
    def labelled(self, rng):
        return examples(5, 2, seed=3)

    def evaluation(self, split):
        return VALIDATION


def test_it_goes_through_a_regime():
    result = train("SL", lambda seed: Counter(), Source(), Budget(steps=7, finetune_steps=3), seed=0)
    assert result.steps == 10 and result.pseudo_positives == 0
    assert list(result.history["stage"]) == ["first phase", "fine-tuning"]
    assert result.learner.predict(VALIDATION[0])[:10].mean() > result.learner.predict(VALIDATION[0])[10:].mean()
