import keras
import numpy as np
import pytest

from regdna.models.cnn import MODELS, OneHot, deep_cnn, deepbind, deepsea, shallow_cnn

CODES = np.random.default_rng(0).integers(0, 5, (6, 200)).astype(np.uint8)


def count(filters, hidden):
    """Weights of a convolution 24 wide on 4 bases, a dense layer and an output, each with its biases."""
    return (24 * 4 * filters + filters) + (filters * hidden + hidden) + (hidden + 1)


@pytest.mark.parametrize(
    "name, number", [("cnn64", 6_869), ("cnn256", 27_413), ("deepbind", count(filters=16, hidden=32))]
)
def test_parameter_counts(name, number):
    assert MODELS[name].build(seed=0).count_params() == number


def test_parameters_of_deepsea_are_those_published():
    assert deepsea(outputs=919).count_params() == 52_843_119
    assert deepsea().count_params() == 52_843_119 - 918 * 926


def deep_count(filters):
    """A shallow CNN and five convolutions 3 wide between as many filters."""
    return count(filters, 10) + 5 * (3 * filters * filters + filters)


@pytest.mark.parametrize("name, filters", [("deepcnn64", 64), ("deepcnn256", 256)])
def test_parameters_of_the_deep_cnn(name, filters):
    assert MODELS[name].build(seed=0).count_params() == deep_count(filters)


def test_the_deep_cnn_relates_distant_places():
    """Windows that differ at one end only are told apart at every place of the last convolution."""
    network = deep_cnn(4, seed=1)
    last = next(layer for layer in reversed(network.layers) if isinstance(layer, keras.layers.Add))
    inner = keras.Model(network.inputs, last.output)
    other = CODES.copy()
    other[:, :40] = (other[:, :40] + 1) % 4
    one, two = (inner.predict(codes, verbose=0) for codes in (CODES, other))
    assert (np.abs(one - two).max(axis=(0, 2)) > 0)[: 10 + 31].all()


@pytest.mark.parametrize("build", [shallow_cnn, deepbind, deep_cnn, deepsea])
def test_width_scales_every_network(build):
    whole, half = build(), build(width=0.5)
    assert half.get_layer("filters").filters * 2 == whole.get_layer("filters").filters
    assert half.count_params() < 0.6 * whole.count_params()


@pytest.mark.parametrize("width", [0, -1])
def test_width_of_nothing(width):
    with pytest.raises(ValueError, match=f"^width {width}: it must be above 0; 1 is the published size$"):
        shallow_cnn(width=width)


@pytest.mark.parametrize("name", list(MODELS))
def test_windows_of_the_models(name):
    assert MODELS[name].build(seed=0).input_shape == (None, MODELS[name].window)
    assert MODELS[name].window == (1000 if "deepsea" in name else 200)


def test_the_formula_agrees_with_the_paper():
    assert (count(64, 10), count(256, 10)) == (6_869, 27_413)


def test_names_of_the_models():
    assert list(MODELS) == ["cnn64", "cnn256", "deepbind", "deepcnn64", "deepcnn256", "deepsea", "deepsea-mini"]


def test_one_hot_rows_and_n():
    rows = keras.ops.convert_to_numpy(OneHot()(np.array([[0, 1, 2, 3, 4]], np.uint8)))
    assert rows.shape == (1, 5, 4)
    np.testing.assert_array_equal(rows[0, :4], np.eye(4))
    np.testing.assert_array_equal(rows[0, 4], np.zeros(4))


def test_one_hot_output_shape():
    assert OneHot().compute_output_shape((None, 200)) == (None, 200, 4)


def test_one_hot_survives_its_config():
    again = OneHot.from_config(OneHot(name="bases").get_config())
    assert again.name == "bases"
    assert keras.saving.get_registered_name(OneHot) == "regdna>OneHot"


def test_a_saved_network_is_read_back(tmp_path):
    network = shallow_cnn(4, seed=3)
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again.predict(CODES, verbose=0), network.predict(CODES, verbose=0))


@pytest.mark.parametrize("build", [shallow_cnn, deepbind, deep_cnn])
def test_output_is_one_probability_a_window(build):
    scores = build().predict(CODES, verbose=0)
    assert scores.shape == (6, 1)
    assert ((scores > 0) & (scores < 1)).all()


def test_length_of_the_window_is_an_argument():
    assert shallow_cnn(4, length=50).input_shape == (None, 50)
    assert shallow_cnn(4, length=50).count_params() == count(4, 10)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "deepsea"])  # as its mini, and large
def test_seed_decides_the_initial_weights(name):
    def kernels(seed):
        return [weight for weight in MODELS[name].build(seed=seed).get_weights() if weight.ndim > 1]

    for one, same, other in zip(kernels(1), kernels(1), kernels(2)):
        np.testing.assert_array_equal(one, same)
        assert not np.isclose(one, other).all()


def test_layers_of_one_network_do_not_share_a_random_stream():
    first, second = (shallow_cnn(64).get_layer(index=i).get_weights()[0].ravel() for i in (1, 4))
    scale = np.abs(first).max() / np.abs(second).max()
    assert not np.allclose(first[:100], second[:100] * scale, rtol=0.05)
