import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from regdna.data import dna
from regdna.report import splice_plots


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_gene():
    codes = dna.encode("C" * 20 + "AAGGTAAGT" + "C" * 30 + "TTTTTTTTTTTTCAGGT" + "CAGGTAAGT" + "C" * 20)
    labels = np.zeros(len(codes), int)
    labels[22], labels[74] = 2, 1
    ax = splice_plots.plot_gene(codes, labels)
    ax.figure.canvas.draw()
    (exons,) = [part for part in ax.collections if part.get_label() == "exon"]
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in exons.get_paths()]
    assert spans == [(0, 23), (74, len(codes))]
    drawn = {part.get_label(): len(part.get_segments()) for part in ax.collections if hasattr(part, "get_segments")}
    assert drawn["donor site"] == 1 and drawn["acceptor site"] == 1
    decoys = sum(number for name, number in drawn.items() if name.startswith("_"))
    assert decoys >= 1


def test_strengths():
    table = pd.DataFrame({"kind": ["donor"] * 3 + ["acceptor"], "strength": [9.0, 8.0, 1.0, 7.0]})
    axes = splice_plots.plot_strengths(table.assign(site=[True, False, False, True]))
    axes[0].figure.canvas.draw()
    assert [ax.get_title() for ax in axes] == ["donors", "acceptors"]
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["not spliced (2)", "site (1)"]


def test_contexts():
    rows = [("a", 80, 0, 0.2), ("a", 80, 1, 0.4), ("a", 400, 0, 0.5), ("b", 80, 0, 0.1), ("b", 400, 0, 0.3)]
    table = pd.DataFrame(rows, columns=["method", "context", "seed", "aupr"]).assign(top_k=lambda t: t["aupr"] / 2)
    axes = splice_plots.plot_contexts(table, pd.DataFrame({"context": [80, 400], "top_k": [0.5, 0.6], "aupr": 0.7}))
    axes[0].figure.canvas.draw()
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes[1].lines}
    assert lines["a"] == pytest.approx([0.3, 0.5]) and lines["b"] == [0.1, 0.3]
    assert lines["the rule, exon by exon"] == [0.7, 0.7]
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["80", "400"]
    assert axes[0].lines[0].get_ydata() == pytest.approx([0.15, 0.25])
