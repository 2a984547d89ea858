import keras
import numpy as np
import pytest

from regdna.data.examples import Examples
from regdna.models.cnn import OneHot, shallow_cnn
from regdna.training import keras_learner
from regdna.training.keras_learner import KerasLearner
from regdna.training.metrics import aupr

LENGTH = 60
MOTIF = np.array([2, 1, 0, 3, 2, 2, 1, 1, 0, 3], np.uint8)


def small_network(seed=0):
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="uint8"),
            OneHot(),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid", kernel_initializer=initializer),
        ]
    )


def planted(number, seed):
    """Random windows, of which the first half hold the motif somewhere."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (number, LENGTH)).astype(np.uint8)
    labels = (np.arange(number) < number // 2).astype(np.uint8)
    for row, at in enumerate(rng.integers(0, LENGTH - len(MOTIF), number // 2)):
        codes[row, at : at + len(MOTIF)] = MOTIF
    return Examples(codes, labels, np.ones(number, np.float32))


@pytest.fixture(scope="module")
def examples():
    return planted(300, seed=1)


@pytest.fixture(scope="module")
def validation():
    return planted(100, seed=2)[:2]


def fit(learner, examples, validation, steps=12, learning_rate=0.05, seed=0):
    return learner.fit(examples, steps, learning_rate, validation, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "scores, best", [([0.1, 0.5, 0.9, 0.3], 2), ([0.9, 0.5, 0.8, 0.3], 0), ([0.1, 0.2, 0.3, 0.4], 3)]
)
def test_ends_with_the_best_checkpoint(examples, validation, monkeypatch, scores, best):
    learner = KerasLearner(small_network(), batch_size=16, check_every=4)
    seen = []

    def scripted(labels, predicted):
        np.testing.assert_array_equal(labels, validation[1])
        seen.append(learner.network.get_weights())
        return scores[len(seen) - 1]

    monkeypatch.setattr(keras_learner, "aupr", scripted)
    points = fit(learner, examples, validation, steps=12)
    assert [point["validation_aupr"] for point in points] == scores
    for number, weights in enumerate(seen):
        same = all(np.array_equal(a, b) for a, b in zip(weights, learner.network.get_weights()))
        assert same == (number == best)


def test_checkpoints_report_the_true_score(examples, validation):
    learner = KerasLearner(small_network(), batch_size=16, check_every=5)
    points = fit(learner, examples, validation)
    assert aupr(validation[1], learner.predict(validation[0])) == max(point["validation_aupr"] for point in points)


def test_training_on_wrong_labels_changes_nothing(examples, validation):
    """A second phase cannot make a model worse on validation."""
    learner = KerasLearner(shallow_cnn(8, LENGTH), batch_size=64, check_every=20)
    fit(learner, examples, validation, steps=60, learning_rate=0.01)
    before, score = learner.network.get_weights(), aupr(validation[1], learner.predict(validation[0]))
    points = fit(learner, examples._replace(labels=1 - examples.labels), validation, steps=40, learning_rate=0.05)
    assert points[-1]["validation_aupr"] < score
    for old, new in zip(before, learner.network.get_weights()):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("steps, at", [(7, [0, 3, 6, 7]), (6, [0, 3, 6]), (2, [0, 2]), (0, [0])])
def test_number_of_steps(examples, validation, steps, at):
    learner = KerasLearner(small_network(), batch_size=32, check_every=3)
    points = fit(learner, examples, validation, steps=steps)
    assert [point["step"] for point in points] == at
    assert int(learner.optimizer.iterations.numpy()) == steps
    assert np.isnan(points[0]["loss"]) and all(np.isfinite(point["loss"]) for point in points[1:])


def test_every_example_is_seen_before_any_is_seen_twice(examples, validation, monkeypatch):
    few = Examples(*(part[:48] for part in examples))
    learner = KerasLearner(small_network(), batch_size=16, check_every=3)
    seen, real = [], learner._take_steps

    def spy(codes, labels, weights):
        seen.append(codes.reshape(-1, LENGTH))
        return real(codes, labels, weights)

    monkeypatch.setattr(learner, "_take_steps", spy)
    fit(learner, few._replace(labels=few.labels * 0 + np.arange(48) % 2), validation, steps=6)
    assert len(seen) == 2
    for codes in seen:
        np.testing.assert_array_equal(np.unique(codes, axis=0), np.unique(few.codes, axis=0))
    assert not np.array_equal(*seen)  # shuffled anew


def test_weight_zero_means_not_there(examples, validation):
    ignored = np.arange(len(examples.labels)) % 3 == 0
    flipped = np.where(ignored, 1 - examples.labels, examples.labels).astype(np.uint8)

    def result(labels, weights):
        learner = KerasLearner(small_network(), batch_size=32, check_every=100)
        learner.fit(Examples(examples.codes, labels, weights), 20, 0.05, validation, np.random.default_rng(0))
        return learner.predict(examples.codes)

    weights = np.where(ignored, 0, 1).astype(np.float32)
    loss_free, flipped_free = result(examples.labels, weights), result(flipped, weights)
    np.testing.assert_array_equal(loss_free, flipped_free)
    start = KerasLearner(small_network()).predict(examples.codes)
    assert not np.allclose(loss_free, start)  # it has learned from the others
    full = np.ones_like(weights)
    assert not np.allclose(result(examples.labels, full), result(flipped, full))


def test_the_same_seed_gives_the_same_predictions(examples, validation):
    def predictions(seed):
        learner = KerasLearner(shallow_cnn(8, LENGTH, seed=4), batch_size=32, check_every=10)
        fit(learner, examples, validation, steps=20, learning_rate=0.01, seed=seed)
        return learner.predict(validation[0])

    one = predictions(0)
    np.testing.assert_array_equal(one, predictions(0))
    assert not np.array_equal(one, predictions(1))


def test_learns_a_planted_motif(examples, validation):
    learner = KerasLearner(shallow_cnn(16, LENGTH, seed=1), batch_size=64, check_every=40)
    points = fit(learner, examples, validation, steps=200, learning_rate=0.01)
    codes, labels, _ = planted(200, seed=3)
    assert points[0]["validation_aupr"] < 0.7
    assert aupr(labels, learner.predict(codes)) > 0.8


def test_predictions_are_one_float_each(validation):
    scores = KerasLearner(small_network()).predict(validation[0])
    assert scores.shape == (100,) and scores.dtype == np.float32


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 16])
def test_predictions_do_not_depend_on_the_batch(validation, number, monkeypatch):
    monkeypatch.setattr("regdna.training.keras_learner.SCORED", 8)
    learner = KerasLearner(shallow_cnn(4, LENGTH))
    whole = learner.predict(validation[0])[:number]
    np.testing.assert_allclose(learner.predict(validation[0][:number]), whole, atol=1e-6)


def test_a_second_phase_starts_with_a_fresh_optimizer(examples, validation):
    """Adam's memory of the first phase would steer the first steps of the second."""

    def second(learner):
        fit(learner, examples, validation, steps=4, learning_rate=0.0)
        start = learner.network.get_weights()
        fit(learner, examples, validation, steps=1, learning_rate=0.1, seed=5)
        return start

    learner = KerasLearner(small_network(), batch_size=32)
    second(learner)
    assert int(learner.optimizer.iterations.numpy()) == 1
    assert float(learner.optimizer.learning_rate) == pytest.approx(0.1)


def test_a_training_that_diverges_keeps_its_last_finite_weights(examples, validation):
    learner = KerasLearner(small_network(), batch_size=32, check_every=2)
    points = fit(learner, examples, validation, steps=4, learning_rate=np.float32(np.inf))
    assert np.isnan([point["validation_aupr"] for point in points[1:]]).all()
    assert np.isfinite(learner.predict(validation[0])).all()


def test_it_trains_as_keras_does(examples, validation, monkeypatch):
    """One pass of Keras' own fit over the same batches gives the same weights."""
    peer, network = small_network(), small_network()
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.permutation(300), rng.permutation(300)])[: 12 * 32]
    peer.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    weights = np.linspace(0.5, 1.5, 300).astype(np.float32)
    labels = examples.labels.astype(np.float32)
    peer.fit(examples.codes[rows], labels[rows], sample_weight=weights[rows], batch_size=32, shuffle=False, verbose=0)
    learner = KerasLearner(network, batch_size=32, check_every=12)
    scripted = iter([0.1, 0.2])  # the last weights are the best
    monkeypatch.setattr(keras_learner, "aupr", lambda labels, scores: next(scripted))
    learner.fit(examples._replace(weights=weights), 12, 0.01, validation, np.random.default_rng(3))
    for one, other in zip(peer.get_weights(), network.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
