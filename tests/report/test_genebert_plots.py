import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from regdna.report import genebert_plots
from regdna.report.genebert_plots import LOSSES


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_losses():
    history = pd.DataFrame(
        {"step": [0, 10, 20]}
        | {f"{part}{name}": [3.0, 2.0, 1.0] for part in ("", "held_out_") for name in ("mgm", "ngsp", "srm")}
    )
    axes = genebert_plots.plot_losses(history, {"mgm": 4.0, "ngsp": 0.69, "srm": 5.0})
    axes[0].figure.canvas.draw()
    assert [ax.get_title() for ax in axes] == ["masked k-mers", "next segment", "matching"]
    assert [ax.lines[2].get_ydata()[0] for ax in axes] == [4.0, 0.69, 5.0]
    np.testing.assert_array_equal(axes[2].lines[1].get_ydata(), [3, 2, 1])
    flat = genebert_plots.plot_losses(history.assign(ngsp=0.6932, held_out_ngsp=0.693), dict.fromkeys(LOSSES, 0.693))
    assert np.diff(flat[1].get_ylim()) == pytest.approx(0.2) and np.diff(flat[0].get_ylim()) > 2


@pytest.mark.parametrize("number", [3, 17])
def test_maps(number):
    labels = np.array([f"t{n % number}" for n in range(40)], object)
    places = np.random.default_rng(0).normal(size=(40, 2))
    axes = genebert_plots.plot_maps({"one": places, "two": -places}, labels)
    axes[0].figure.canvas.draw()
    assert [ax.get_title() for ax in axes] == ["one", "two"] and len(axes[1].collections) == number
    assert len({tuple(dots.get_facecolor()[0]) for dots in axes[0].collections}) == number
    assert sum(len(dots.get_offsets()) for dots in axes[0].collections) == 40


def test_masks():
    kmers = np.array([7, 8, 9, 10])
    views = {"a": np.array([7, 4, 9, 10]), "b": np.array([7, 8, 4, 4])}
    labels = {"a": np.array([-100, 8, 9, -100]), "b": np.array([-100, -100, 9, 10])}
    axes = genebert_plots.plot_masks(kmers, views, labels)
    axes[0].figure.canvas.draw()
    assert axes[0].images[0].get_array().tolist() == [[0, 2, 1, 0]]
    assert axes[1].images[0].get_array().tolist() == [[0, 0, 2, 2]]


def test_ablations():
    changed = {"losses": pd.Series({"mgm": 0.6, "srm": 0.8}), "batch": pd.Series({"batch of 16": 0.7})}
    ax = genebert_plots.plot_ablations(changed, {"as it is": 0.75, "untrained": 0.65})
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["mgm", "srm", "batch of 16"]
    assert [dots.get_offsets().tolist() for dots in ax.collections] == [[[0.6, 0], [0.8, 1]], [[0.7, 3]]]
    assert [line.get_xdata()[0] for line in ax.lines] == [0.75, 0.65]
