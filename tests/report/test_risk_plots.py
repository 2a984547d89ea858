import numpy as np
import pandas as pd

from regdna.report import risk_plots

EFFECTS = pd.DataFrame(
    {"motif_effect": [-1.0, 0.5, 0.0], "causal": [True, False, False], "liability_effect": [0.3, 0.0, 0.0]}
)


def test_liability():
    people = pd.DataFrame({"status": [0] * 30 + [1] * 20, "genetic": np.r_[np.zeros(30), np.ones(20)]})
    ax = risk_plots.plot_liability(people)
    ax.figure.canvas.draw()
    controls, cases = ax.containers
    assert sum(bar.get_height() for bar in controls) == 30 and sum(bar.get_height() for bar in cases) == 20
    assert controls[0].get_height() == 30 and cases[-1].get_height() == 20


def test_effect_sizes():
    ax = risk_plots.plot_effect_sizes(EFFECTS)
    ax.figure.canvas.draw()
    assert ax.lines[1].get_xydata().tolist() == [[-1.0, 0.3]] and len(ax.lines[0].get_xdata()) == 2


def test_changes():
    ax = risk_plots.plot_changes({"one": np.array([1.0, -2.0]), "two": np.array([0.0, 3.0])})
    ax.figure.canvas.draw()
    assert [bar.get_height() for bar in ax.containers[0]] == [1, -2]
    assert ax.containers[0][1].get_x() < ax.containers[1][1].get_x()


def test_risks():
    rows = pd.DataFrame({"method": ["a", "b", "a"], "auroc": [0.6, 0.9, 0.8]})
    ax = risk_plots.plot_risks(rows, ceiling=0.95)
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.lines[0].get_xdata().tolist() == [0.6, 0.8] and np.allclose(ax.lines[1].get_xdata(), 0.7)
    assert [line.get_xdata()[0] for line in ax.lines[-2:]] == [0.5, 0.95]
    assert len(risk_plots.plot_risks(rows).lines) == len(ax.lines) - 1


def test_agreement():
    implied = {name: np.array([1.0, 2.0, 3.0]) for name in "abcde"}
    axes = risk_plots.plot_agreement(implied, EFFECTS)
    axes[0].figure.canvas.draw()
    assert [ax.get_title() for ax in axes] == list("abcde")
    assert axes[4].lines[1].get_xydata().tolist() == [[0.3, 1.0]]
    assert sum(ax.get_visible() for ax in axes[0].figure.axes) == 5
