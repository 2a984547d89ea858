import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from regdna.data.liftover import STATUSES
from regdna.report import plots
from regdna.report.filters import FilterMotif
from regdna.training.regimes import FIRST_PHASES
from regdna.worlds.catalogue import CATALOGUE
from regdna.worlds.jaspar import Motif


def draw(axes):
    """Render, so that what fails only then fails here."""
    axes.figure.canvas.draw()
    return axes


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def history(*aupr):
    return pd.DataFrame({"step": np.arange(len(aupr)) * 10, "validation_aupr": aupr})


def test_every_regime_and_status_has_a_color():
    assert set(plots.REGIME_COLORS) == {*FIRST_PHASES, "SSL-NS"}
    assert len(set(plots.REGIME_COLORS.values())) == len(plots.REGIME_COLORS)
    assert list(plots.STATUS_COLORS) == list(STATUSES)


def test_style():
    with mpl.rc_context():
        plots.style()
        assert plt.rcParams["figure.dpi"] == 90
        assert not plt.rcParams["axes.spines.right"]


def test_tree():
    axes = draw(plots.plot_tree(CATALOGUE / "mammals23.nwk"))
    names = {text.get_text().strip() for text in axes.texts}
    assert "hg38" in names
    assert len(names - {""}) >= 23


def test_region():
    tracks = {
        "one": pd.DataFrame(
            {"chrom": ["a", "a", "b", "a"], "start": [900, 3000, 1500, 2000], "end": [1100, 3200, 1600, 2100]}
        ),
        "two": pd.DataFrame({"chrom": ["a"], "start": [1200], "end": [1300]}),
        "none": pd.DataFrame({"chrom": ["b"], "start": [1200], "end": [1300]}),
    }
    axes = draw(plots.plot_region("a", 1000, 3000, tracks))
    assert [len(bars.get_paths()) for bars in axes.collections] == [2, 1, 0]  # touching the region's end is outside
    box = axes.collections[0].get_paths()[0].get_extents()
    np.testing.assert_allclose([box.x0, box.x1], [0.9, 1.1])
    assert axes.get_xlim() == (1, 3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two", "none"]


def test_yield():
    counts = {"lifted": [6, 1], "split": [2, 1], "partial": [1, 0], "deleted": [0, 1], "unmapped": [1, 1]}
    axes = draw(plots.plot_yield(pd.DataFrame(counts, index=["near", "far"])))
    assert len(axes.patches) == 2 * 5
    assert legend(axes) == list(STATUSES)
    near = axes.patches[::2]
    np.testing.assert_allclose([bar.get_height() for bar in near], [60, 20, 10, 0, 10])
    np.testing.assert_allclose([bar.get_y() for bar in near], [0, 60, 80, 90, 90])


def test_divergence():
    table = pd.DataFrame({"distance": [0.1, 0.5], "aligned": [0.9, 0.4], "identical": [0.95, 0.7]})
    axes = draw(plots.plot_divergence(table, "distance", ["aligned", "identical"]))
    points = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert points == {"aligned": [[0.1, 0.9], [0.5, 0.4]], "identical": [[0.1, 0.95], [0.5, 0.7]]}
    assert legend(axes) == ["aligned", "identical"]
    assert (axes.get_xlabel(), axes.get_ylim()[0]) == ("distance", 0)


def test_similarity():
    table = pd.DataFrame({"measured": [0.2, 1.0, 0.1, 0.2], "homologs": [0.0, 0.0, 0.5, 1.0]})
    axes = draw(plots.plot_similarity(table))
    for line, (name, shares) in zip(axes.lines, table.items()):
        assert line.get_label() == name
        for share, part in line.get_xydata():
            assert (shares >= share).mean() >= part  # of equal shares, the last one counts all
        assert dict(line.get_xydata())[shares.min()] == 1
    assert legend(axes) == list(table)


def test_pile_up():
    treatment = pd.DataFrame(
        [("a", 90, 120, "+"), ("a", 100, 130, "+"), ("a", 110, 140, "-"), ("b", 100, 130, "+"), ("a", 190, 220, "-")],
        columns=["chrom", "start", "end", "strand"],
    )
    axes = plots.plot_pile_up({"x": treatment, "control": treatment[3:4]}, "a", 100, 200, [150])
    draw(axes[0])
    assert [ax.get_ylabel() for ax in axes] == ["reads,\nx", "reads,\ncontrol"]
    assert axes[0].get_xlim() == (0.1, 0.2)
    up, down = (area.get_datalim(axes[0].transData) for area in axes[0].collections)
    assert (up.y0, up.y1, down.y0, down.y1) == (0, 2, -1, 0)
    empty = [area.get_datalim(axes[1].transData) for area in axes[1].collections]
    assert [(area.y0, area.y1) for area in empty] == [(0, 0), (0, 0)]
    assert [to_hex(area.get_facecolor()[0]) for area in axes[0].collections] == list(plots.STRAND_COLORS.values())
    assert 0.15 in axes[0].lines[0].get_xdata()
    assert axes[1].get_ylim() == axes[0].get_ylim()


def test_end_profile():
    profile = pd.DataFrame({"+": [0.0, 2.0, 0.0], "-": [0.0, 0.0, 1.0]}, index=[-1, 0, 1])
    axes = draw(plots.plot_end_profile(profile))
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[-1, 0], [0, 2], [1, 0]])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), profile["-"])
    assert legend(axes) == ["strand +", "strand −"]


def test_called():
    curve = pd.DataFrame(
        {
            "q_value": [1e-12, 1e-4, 0.04],
            "peaks": [1, 2, 4],
            "precision": [1.0, 0.99, 0.6],
            "recall": [0.2, 0.5, 0.7],
        }
    )
    axes = draw(plots.plot_called(curve))
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), curve[["recall", "precision"]])
    dots = {text.get_text(): tuple(map(float, text.xy)) for text in axes.texts}
    assert dots == {"q ≤ 0.05": (0.7, 0.6), "q ≤ 0.001": (0.5, 0.99), "q ≤ 1e-10": (0.2, 1.0)}
    assert axes.get_ylim()[0] < 0.6  # the last point is inside


def test_called_without_sure_peaks():
    curve = pd.DataFrame({"q_value": [0.01, 0.02], "peaks": [1, 2], "precision": [1.0, 1.0], "recall": [0.1, 0.2]})
    assert [text.get_text() for text in draw(plots.plot_called(curve)).texts] == ["q ≤ 0.05"]


def test_learning():
    histories = {"SL": [history(0.1, 0.2), history(0.1, 0.3), history(0.1, 0.4)], "SSL": [history(0.1, 0.2, 0.5)]}
    axes = draw(plots.plot_learning(histories))
    assert len(axes.lines) == 4
    assert legend(axes) == ["SL", "SSL"]
    np.testing.assert_array_equal(axes.lines[3].get_xydata(), [[0, 0.1], [10, 0.2], [20, 0.5]])
    assert axes.lines[0].get_color() == axes.lines[1].get_color() != axes.lines[3].get_color()


def test_precision_recall():
    labels = np.array([1, 0, 0, 1, 0])
    scores = {"SL": [(labels, np.arange(5)), (labels, -np.arange(5))], "SSL": [(labels, labels)]}
    axes = draw(plots.plot_precision_recall(scores))
    assert len(axes.lines) == 4
    assert legend(axes) == ["SL", "SSL"]
    assert set(axes.lines[3].get_ydata()) == {0.4}  # a random order: the share of positives
    perfect = axes.lines[2].get_xydata()
    assert [1, 1] in perfect.tolist() and [0, 1] in perfect.tolist()


def test_aupr():
    rows = [(e, r, 0.1 * i + s / 100) for e in ("A", "B") for i, r in enumerate(("SSL", "SL")) for s in range(3)]
    metrics = pd.DataFrame(rows, columns=["experiment", "regime", "aupr"])
    axes = draw(plots.plot_aupr(metrics))
    bars = [bar for bar in axes.patches if bar.get_height() > 0]
    assert sorted(round(bar.get_height(), 6) for bar in bars) == [0.01, 0.01, 0.11, 0.11]
    assert sum(len(points.get_offsets()) for points in axes.collections) == len(metrics)
    assert legend(axes) == ["SL", "SSL"]  # in the book's order, whatever the table's


@pytest.mark.parametrize("regime", [*FIRST_PHASES, "SSL-NS"])
def test_a_regime_keeps_its_color_alone(regime):
    axes = plots.plot_learning({regime: [history(0.1, 0.2)]})
    assert to_hex(axes.lines[0].get_color()) == plots.REGIME_COLORS[regime]


def test_axes_that_are_given_are_used():
    axes = plt.subplots(1, 2)[1]
    assert plots.plot_learning({"SL": [history(0.1)]}, axes[1]) is axes[1]
    assert not axes[0].lines


def test_logo_height_is_information():
    axes = plt.subplots()[1]
    probabilities = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4])
    draw(plots.plot_logo(probabilities, axes, "title"))
    assert axes.get_ylim() == (0, 2) and axes.get_title() == "title"
    letters = [patch.get_path().get_extents(patch.get_patch_transform()) for patch in axes.patches]
    tops = {column: 0.0 for column in range(3)}
    for box in letters:
        if box.height > 0:
            column = round((box.x0 + box.x1) / 2)
            tops[column] = max(tops[column], box.y1)
    np.testing.assert_allclose(list(tops.values()), [2, 1, 0], atol=0.02)


def test_filters():
    rng = np.random.default_rng(0)
    known = Motif("CTCF", "MA0139.2", rng.dirichlet(np.ones(4), 6))
    found = [
        FilterMotif(3, 25, rng.dirichlet(np.ones(4), 8), known, 1e-5, 1, "+"),
        FilterMotif(5, 12, rng.dirichlet(np.ones(4), 8), known, 0.02, 0, "-"),
    ]
    figure = plots.plot_filters(found)
    figure.canvas.draw()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "filter 3 (25 sites)",
        "CTCF MA0139.2, strand +, p = 1e-05",
        "filter 5 (12 sites)",
        "CTCF MA0139.2, strand -, p = 0.02",
    ]


def test_one_filter_is_drawn():
    known = Motif("X", "MA1", np.full((4, 4), 0.25))
    assert len(plots.plot_filters([FilterMotif(0, 10, np.eye(4), known, 0.5, 0, "+")]).axes) == 2
