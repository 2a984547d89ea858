"""The README's results are those of the record."""

import re
from pathlib import Path

import pandas as pd
import pytest

from regdna.report.statistics import by_experiment, paired_tests

PROJECT = Path(__file__).parents[1]
REGIMES = ["SL", "SL-aug", "SSL"]
PAIRS = [("SSL", "SL"), ("SL-aug", "SL"), ("SSL", "SL-aug")]


def rows(part):
    text = (PROJECT / "README.md").read_text()
    table = re.search(rf"<!-- yeast {part} -->\n(.*)<!-- end of yeast {part} -->", text, re.DOTALL)[1]
    return [[field.strip() for field in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def metrics():
    table = pd.read_csv(PROJECT / "book" / "record" / "yeast" / "metrics.csv")
    return table[(table["model"] == "cnn64") & table["regime"].isin(REGIMES)]


def test_the_table_names_every_experiment_of_the_record(metrics):
    assert {row[0] for row in rows("results")} == set(metrics["experiment"])
    assert metrics["experiment"].nunique() >= 10


def test_means_and_deviations_are_those_of_the_record(metrics):
    groups = metrics.groupby(["experiment", "regime"])["aupr"]
    for experiment, positives, *results in rows("results"):
        assert set(metrics.loc[metrics["experiment"] == experiment, "positives"]) == {int(positives)}
        expected = [groups.get_group((experiment, regime)) for regime in REGIMES]
        assert results == [f"{aupr.mean():.3f} ± {aupr.std():.3f}" for aupr in expected]


def test_differences_are_those_of_the_record(metrics):
    found = paired_tests(by_experiment(metrics), PAIRS)
    expected = [
        [name, f"{row['mean']:+.3f}", f"{row['from']:+.3f} to {row['to']:+.3f}", f"{row['p']:.2g}", f"{row['q']:.2g}"]
        for name, row in found.iterrows()
    ]
    assert rows("tests") == expected


def test_ssl_beats_sl_at_equal_steps_over_all_experiments(metrics):
    assert metrics["steps"].nunique() == 1
    row = paired_tests(by_experiment(metrics), PAIRS).loc["SSL - SL"]
    assert row["mean"] > 0 and row["q"] < 0.05 and row["Wilcoxon q"] < 0.05


def test_what_is_said_of_findna_is_in_the_record():
    """Tasks won, mean gain and p of the two pretrainings, as the table of chapter 12 has them."""
    text = (PROJECT / "README.md").read_text()
    said = re.findall(r"on (\d) of (\d) \((?:mean gain )?([\d.]+), p = ([\d.]+)\)", text)
    duels = duels_of("yeast/12_findna_tasks")
    found = [(won, tasks, gain.lstrip("+"), p) for tasks, won, _, gain, p in (duels[1], duels[0])]
    assert said == found


def test_what_is_said_of_genebert_is_in_the_record():
    """The matrix against sequence alone, untrained weights and motif scores, as the table of chapter 16 has them."""
    text = (PROJECT / "README.md").read_text()
    said = re.findall(r"(\d) of (\d) tasks[ ,(]+([+-][\d.]+), p = ([\d.]+); with every seed on (\d)\)", text)
    duels = duels_of("simulated/16_genebert_tasks")
    found = [(won, tasks, gain, p, every) for tasks, won, every, gain, p in (duels[0], duels[1], duels[4])]
    assert said == found


def duels_of(page):
    """The rows of a recorded page's table of duels: tasks, won, every seed, gain, p, as text."""
    source = (PROJECT / "book" / "record" / f"{page}.ipynb").read_text()
    table = source.split("every_seed</th>")[1].split("</table>")[0]
    cells = re.findall(r"class=\\\"data row(\d) col\d\\\" >([^<]*)<", table)
    numbers = sorted({row for row, _ in cells})
    return [tuple(value for at, value in cells if at == row) for row in numbers]
