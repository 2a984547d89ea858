import numpy as np
import pandas as pd
import pytest

from regdna.report import benchmark, benchmark_plots, statistics

SIZE = {"A": 1000, "B": 10, "C": 100}
MEANS = {
    "SL": {"A": 0.5, "B": 0.1, "C": 0.2},
    "SL-aug": {"A": 0.5, "B": 0.3, "C": 0.3},
    "SSL": {"A": 0.4, "B": 0.8, "C": 0.5},
}


@pytest.fixture
def metrics():
    rows = [
        {
            "world": "w",
            "experiment": experiment,
            "model": "cnn64",
            "regime": regime,
            "seed": seed,
            "auroc": 0.9,
            "aupr": mean + (seed - 0.5) / 10,
            "positives": SIZE[experiment],
            "pseudo_positives": 7,
        }
        for regime, means in MEANS.items()
        for experiment, mean in means.items()
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_scores_and_first_places(metrics):
    table = benchmark.score_table(metrics)
    assert table.index.tolist() == ["B", "C", "A", "first places"]
    assert table.loc["B", ("SSL", "mean")] == pytest.approx(0.8)
    assert table.loc["B", ("SSL", "± sd")] == pytest.approx(np.std([0.75, 0.85], ddof=1))
    assert table[("", "first")].tolist()[:2] == ["SSL", "SSL"] and table.loc["A", ("", "first")] in ("SL", "SL-aug")
    places = table.loc["first places"]
    assert places[("SSL", "mean")] == 2 and places[("SL", "mean")] + places[("SL-aug", "mean")] == 1


def test_gains(metrics):
    gains = benchmark.gain_table(metrics, [("SSL", "SL"), ("SSL", "SSL-NS")])
    assert gains["comparison"].unique().tolist() == ["SSL / SL"]  # SSL-NS was not run
    b = gains.set_index("experiment").loc["B"]
    assert (b["change"], b["ratio"], b["difference"]) == pytest.approx((700, 8, 0.7))
    assert b["positives"] == 10


def test_trend_of_the_gains(metrics):
    gains = benchmark.gain_table(metrics, [("SSL", "SL")])
    fit = benchmark.trend_table(gains).loc[("cnn64", "SSL / SL")]
    ratio = np.log10([8, 2.5, 0.8])
    assert fit["slope"] == pytest.approx(np.polyfit([1, 2, 3], ratio, 1)[0])
    assert fit["R"] < -0.99


def test_curve_along_a_knob(metrics):
    curve = benchmark.curve_table(metrics, {"SL": 0, "SSL": 5}.get)
    assert curve["value"].tolist() == [0, 5] * 3
    b = curve[(curve["experiment"] == "B") & (curve["value"] == 5)].iloc[0]
    assert (b["mean"], b["error"], b["seeds"]) == pytest.approx((0.8, 0.05, 2))


def test_turned_worlds(metrics):
    table = benchmark.turned_table(pd.concat([metrics, metrics.assign(world="v", aupr=0.5)]))
    assert table.index.get_level_values("world").unique().tolist() == ["w", "v"]
    assert table.loc[("w", "B"), "difference"] == pytest.approx(0.5)
    assert table.loc[("v", "B"), "difference"] == 0
    assert table.loc["w", "positives"].to_dict() == SIZE


def test_intervals_of_finished_runs(tiny_world, tmp_path):
    from regdna.training.grid import run_grid
    from regdna.training.regimes import Budget

    found = run_grid(tiny_world, ["CTCF"], ["deepbind"], ["SL", "SSL"], [0], tmp_path, Budget(2, 1))
    table = benchmark.interval_table(found, tmp_path)
    assert table.index.tolist() == [("CTCF", "SL"), ("CTCF", "SSL")]
    assert (table["low"] <= table["high"]).all() and table["aupr"].tolist() == found["aupr"].tolist()
    assert len(benchmark_plots.plot_intervals(table).containers) == 2


def test_figures(metrics):
    gains = benchmark.gain_table(metrics, [("SSL", "SL"), ("SSL", "SL-aug")])
    assert benchmark_plots.plot_change(gains).get_ylabel() == "change of test AUPR, %"
    one = gains[gains["comparison"] == "SSL / SL"]
    ax = benchmark_plots.plot_trend(one)
    assert "R = -" in ax.get_title() and {text.get_text() for text in ax.texts} == set("ABC")
    ax = benchmark_plots.plot_pairs(statistics.by_experiment(metrics), "SSL", "SL")
    x, y = ax.lines[0].get_data()
    by_size = ["B", "C", "A"]
    assert x.tolist() == pytest.approx([MEANS["SL"][name] for name in by_size])
    assert y.tolist() == pytest.approx([MEANS["SSL"][name] for name in by_size])
    curve = benchmark.curve_table(metrics, {"SL": 0, "SSL": 5}.get)
    ax = benchmark_plots.plot_curve(curve, "relatives", MEANS["SL-aug"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["A", "B", "C"]
    assert ax.get_xlabel() == "relatives"


def test_a_figure_of_two_experiments_has_no_line(metrics):
    two = metrics[metrics["experiment"] != "C"]
    assert benchmark_plots.plot_trend(benchmark.gain_table(two, [("SSL", "SL")])).get_title() == ""
