import numpy as np
import pandas as pd
import pytest

from regdna.data.datasets import dataset
from regdna.data.similarity import nearest
from regdna.report.leakage import COPY, copies_table, inflation_table, similarity_table


@pytest.fixture(scope="module")
def labelled(tiny_world, tmp_path_factory):
    return dataset(tiny_world, "CTCF", tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def similarity(labelled):
    return similarity_table(labelled)


def test_one_row_for_each_positive_test_bin(labelled, similarity):
    rows = labelled.intervals
    queries = (rows["genome"] == "hg38") & (rows["label"] == 1) & (rows["split"] == "test")
    assert len(similarity) == queries.sum() > 3
    columns = ["measured", "homologs of training peaks", "homologs of test peaks"]
    assert list(similarity.columns) == columns
    which = (rows["genome"] != "hg38") & (rows["split"] == "train")
    again = nearest(labelled.codes[np.flatnonzero(queries)], labelled.codes[np.flatnonzero(which)]).share
    assert similarity["homologs of training peaks"].tolist() == again.tolist()


def test_homologs_of_test_peaks_are_near_copies_and_others_are_not(similarity):
    copies = copies_table(similarity)["with a near-copy"]
    assert copies["homologs of test peaks"] > 0.9
    assert copies["measured"] == copies["homologs of training peaks"] == 0


def test_copies_are_counted():
    table = copies_table(pd.DataFrame({"a": [0.1, COPY, 0.9, 0.2], "b": [0.0] * 4}))
    assert table.loc["a"].tolist() == [pytest.approx((0.2 + COPY) / 2), 0.9, 0.5]
    assert table.loc["b"].tolist() == [0, 0, 0]


def test_inflation_is_paired_by_seed():
    rows = [
        ("E", r, s, a, 0.5, a / 2) for r, v in (("SSL", (0.2, 0.4)), ("SSL-leak", (0.3, 0.7))) for s, a in enumerate(v)
    ]
    table = inflation_table(
        pd.DataFrame(rows, columns=["experiment", "regime", "seed", "aupr", "auroc", "validation_aupr"])
    )
    leak = table.loc[("E", "SSL-leak")]
    assert leak.tolist() == pytest.approx([0.5, 0.5, 0.2, np.std([0.1, 0.3], ddof=1), 0.25])
    assert table.loc[("E", "SSL"), "AUPR gained"] == 0
