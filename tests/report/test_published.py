import pytest

from regdna.data.benchmarks import task_names
from regdna.report.published import PUBLISHED, published


@pytest.mark.parametrize("paper", sorted(path.stem for path in PUBLISHED.glob("*.tsv")))
def test_every_number_has_a_source_and_is_there_once(paper):
    table = published(paper)
    assert table.columns.tolist() == ["table", "task", "model", "metric", "value", "source"]
    assert table["value"].dtype == float and (table["value"] > 0).all()
    assert table["source"].str.contains("arXiv").all() and (table != "").all(axis=None)
    assert not table.duplicated(["table", "task", "model", "metric"]).any()


def test_findna():
    table = published("findna")
    first = table[(table["table"] == "1") & (table["task"] == "human_ensembl_regulatory")]
    assert first.set_index("model")["value"].to_dict() == {"FinDNA": 80.02, "FinDNA-T": 80.22}
    assert set(table.loc[table["table"].isin(["1", "9"]), "task"]) <= set(task_names("genomic_benchmarks"))


def test_an_unknown_paper():
    with pytest.raises(ValueError, match="no published numbers named 'x'; there are dnabert2, findna, genebert"):
        published("x")
