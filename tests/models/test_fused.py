import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from regdna.models.cnn import OneHot, deep_cnn, deepbind, deepsea, shallow_cnn
from regdna.models.fused import BestMatch, fused

CODES = np.random.default_rng(0).integers(0, 5, (9, 70)).astype(np.uint8)
LABELS = (np.arange(9) % 2).astype(np.float32)[:, None]


def start(seed):
    return keras.initializers.GlorotUniform(seed=seed)


def scanner(width=24, filters=5, activation="relu", bias=True, **options):
    options = {"use_bias": bias, "padding": "valid"} | options
    return keras.Sequential(
        [
            keras.Input((70,), dtype="uint8"),
            OneHot(),
            layers.Conv1D(filters, width, activation=activation, kernel_initializer=start(1), **options),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid", kernel_initializer=start(2)),
        ]
    )


def gradients(network):
    with tf.GradientTape() as tape:
        loss = keras.losses.binary_crossentropy(LABELS, network(CODES, training=True))
    return [np.asarray(part) for part in tape.gradient(loss, network.trainable_variables)]


def is_fused(network):
    return any(isinstance(layer, BestMatch) for layer in fused(network).layers)


@pytest.mark.parametrize("width", [1, 3, 4, 5, 24, 70])
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_same_outputs_and_gradients(width, activation):
    network = scanner(width, activation=activation)
    assert is_fused(network)
    for training in (False, True):
        expected = np.asarray(network(CODES, training=training))
        np.testing.assert_allclose(np.asarray(fused(network)(CODES, training=training)), expected, atol=1e-6)
    for one, other in zip(gradients(network), gradients(fused(network)), strict=True):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def test_gradients_where_all_scores_are_negative():
    network = scanner(8, activation="linear")
    kernel, bias = network.layers[1].get_weights()
    network.layers[1].set_weights([-np.abs(kernel) - 0.1, bias - 3])
    for one, other in zip(gradients(network), gradients(fused(network)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def test_without_bias():
    network = scanner(8, bias=False)
    np.testing.assert_allclose(np.asarray(fused(network)(CODES)), np.asarray(network(CODES)), atol=1e-6)


def test_of_equal_matches_the_first_carries_the_gradient():
    """Two different words may score the same; the single layers share the gradient out, here the first word has it."""
    network = scanner(2, filters=1, activation="linear")
    kernel = np.zeros((2, 4, 1), np.float32)
    kernel[0, 0], kernel[0, 1] = 1, 1  # A? and C? score 1
    network.layers[1].set_weights([kernel, np.zeros(1, np.float32)])
    codes = np.full((1, 70), 2, np.uint8)
    codes[0, [10, 30]] = 1, 0  # first C, then A
    best = fused(network).layers[0]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(best(codes, training=True))
    gradient = np.asarray(tape.gradient(total, network.layers[1].kernel))[0, :, 0]
    np.testing.assert_array_equal(gradient, [0, 1, 0, 0])


def test_it_shares_its_weights():
    network = scanner(6)
    fast = fused(network)
    weights = [weight + 0.5 for weight in network.get_weights()]
    network.set_weights(weights)
    np.testing.assert_allclose(np.asarray(fast(CODES)), np.asarray(network(CODES)), atol=1e-6)
    assert {id(v) for v in fast.trainable_variables} == {id(v) for v in network.trainable_variables}


@pytest.mark.parametrize("build", [shallow_cnn, deepbind])
def test_the_scanners_of_the_book_are_fused(build):
    assert is_fused(build())


@pytest.mark.parametrize(
    "options",
    [{"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"activation": "tanh"}],
    ids=lambda options: next(iter(options)),
)
def test_other_networks_are_left_alone(options):
    network = scanner(8, **options)
    assert fused(network) is network


def test_networks_of_another_kind_are_left_alone():
    for network in (deep_cnn(4), deepsea(width=1 / 32)):
        assert fused(network) is network
