"""The README's table of real results says what the record says."""

import re
from pathlib import Path

import pandas as pd
import pytest

PROJECT = Path(__file__).parents[1]
REGIMES = ["SL", "SL-aug", "SSL", "SSL-NS"]


def rows():
    text = (PROJECT / "README.md").read_text()
    table = re.search(r"<!-- yeast results -->\n(.*)<!-- end of yeast results -->", text, re.DOTALL)[1]
    return [[field.strip() for field in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def metrics():
    return pd.read_csv(PROJECT / "book" / "record" / "yeast" / "metrics.csv")


def test_the_table_names_every_experiment_of_the_record(metrics):
    assert {row[0] for row in rows()} == set(metrics["experiment"])


def test_means_and_deviations_are_those_of_the_record(metrics):
    groups = metrics.groupby(["experiment", "regime"])["aupr"]
    for experiment, positives, *results in rows():
        assert set(metrics.loc[metrics["experiment"] == experiment, "positives"]) == {int(positives)}
        expected = [groups.get_group((experiment, regime)) for regime in REGIMES]
        assert results == [f"{aupr.mean():.3f} ± {aupr.std():.3f}" for aupr in expected]


def test_ssl_beats_sl_at_equal_steps(metrics):
    assert metrics[metrics["regime"] != "SSL-NS"]["steps"].nunique() == 1
    mean = metrics.groupby(["experiment", "regime"])["aupr"].mean().unstack()
    assert (mean["SSL"] > mean["SL"]).all()
