import numpy as np
import pytest
import torch

from regdna.models.cnn import deep_cnn, deepbind, shallow_cnn
from regdna.report.attribution import as_torch, attributions
from regdna.report.plots import plot_attribution

CODES = np.random.default_rng(0).integers(0, 4, (5, 60)).astype(np.uint8)


def log_odds(probability):
    return np.log(probability / (1 - probability))


@pytest.mark.parametrize("build", [shallow_cnn, deepbind])
def test_the_copy_gives_the_same_scores(build):
    network = build(length=60, seed=3)
    hot = torch.from_numpy(np.eye(4, dtype=np.float32)[CODES].transpose(0, 2, 1).copy())
    with torch.no_grad():
        scores = as_torch(network)(hot).numpy()
    np.testing.assert_allclose(scores, log_odds(network.predict(CODES, verbose=0)), atol=1e-5)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match=r"^deepcnn4 is no shallow CNN; its layers are InputLayer, OneHot, Conv1D"):
        as_torch(deep_cnn(4))


def test_attributions_lie_on_the_letters_that_count():
    """A filter for ACGTACGT and an output that follows it: the word is what the score comes from."""
    network = shallow_cnn(1, length=60)
    kernel = np.zeros((24, 4, 1), np.float32)
    word = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    kernel[np.arange(8), word, 0] = 1
    hidden, output = np.zeros((1, 10), np.float32), np.zeros((10, 1), np.float32)
    hidden[0, 0] = output[0, 0] = 1
    weights = [kernel, np.full(1, -4, np.float32), hidden, np.zeros(10, np.float32), output, np.zeros(1, np.float32)]
    network.set_weights(weights)
    codes = CODES[:2].copy()
    codes[:, 20:28] = word
    found = attributions(network, codes)
    assert found.shape == (2, 60, 4) and found.dtype == np.float32
    assert (found[np.arange(4) != codes[:, :, None]] == 0).all()
    letters = found.sum(axis=2)
    assert (letters[:, 20:28].sum(axis=1) > 0.9 * np.abs(letters).sum(axis=1)).all()


def test_equal_seeds_give_equal_attributions():
    network = shallow_cnn(4, length=60, seed=1)
    one, same, other = (attributions(network, CODES, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_figure():
    import matplotlib.pyplot as plt

    values = np.zeros((10, 4), np.float32)
    values[3, 2] = 1
    ax = plot_attribution(values, 25, plt.subplots()[1])
    low, high = ax.get_xlim()
    assert low < 25 < 34 < high
