from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from regdna.data.labels import label_world
from regdna.data.peak_calling import call_peaks
from regdna.data.peaks import read_narrowpeak
from regdna.files import write_table, write_text
from regdna.report import peak_recall
from regdna.report.peak_recall import Comparison, compare_peaks, planted_sites


def peaks(*rows):
    """Peaks given as (chrom, start, end, log_q, summit)."""
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "log_q", "summit"])
    return table.assign(name=[f"p{i}" for i in range(len(table))])


def sites(*rows):
    """Sites given as (chrom, position, signal)."""
    return pd.DataFrame(rows, columns=["chrom", "position", "signal"])


CALLED = peaks(
    ("b", 100, 200, 2.0, 150), ("a", 100, 200, 8.0, 150), ("a", 300, 400, 4.0, 350), ("a", 200, 260, 3.0, 210)
)
PLANTED = sites(
    ("a", 100, 5.0),  # the first base of a peak
    ("a", 199, 4.0),  # the last base of the same peak
    ("a", 260, 1.0),  # just behind one
    ("b", 250, 2.0),
    ("a", 320, 3.0),
)


@pytest.fixture
def world(tmp_path):
    """A handmade truth: two kinds of elements, sites in them."""
    elements = pd.DataFrame(
        [("promoter", "a", 100, 300, True), ("enhancer", "a", 900, 1000, True), ("closed", "b", 10, 70, True),
         ("promoter", "b", 500, 701, True), ("promoter", ".", -1, -1, False)],
        columns=["kind", "chrom", "start", "end", "ref"],
    )  # fmt: skip
    rows = [
        ("X", "promoter", "a", 110, 130, True),
        ("X", "enhancer", "a", 910, 931, True),
        ("X", "closed", "b", 20, 40, True),  # a decoy
        ("X", "promoter", "b", 510, 530, True),  # the experiment does not bind it
        ("Y", "promoter", "a", 150, 170, True),
        ("", "promoter", "a", 112, 128, True),
        ("X", "promoter", ".", -1, -1, False),
    ]
    write_table(tmp_path / "truth" / "elements.tsv.gz", elements)
    write_table(
        tmp_path / "truth" / "sites.tsv.gz",
        pd.DataFrame(rows, columns=["factor", "kind", "chrom", "start", "end", "ref"]),
    )
    line = "{}\t{}\t{}\tn\t0\t.\t{}\t-1\t-1\t{}\n".format
    write_text(tmp_path / "X.narrowPeak", line("a", 20, 220, 7.5, 103) + line("a", 815, 1015, 2.5, 100))
    write_text(tmp_path / "P.narrowPeak", line("a", 0, 400, 3.0, 196) + line("b", 400, 800, 9.0, 200))
    return SimpleNamespace(
        built=tmp_path,
        reference="ref",
        experiments={
            "X": {"at": "sites", "motif": "X"},
            "P": {"at": "elements", "kinds": {"promoter": 1.0}, "jitter": 4},
        },
        peaks_path=lambda name: tmp_path / f"{name}.narrowPeak",
    )


class TestPlanted:
    def test_sites_that_are_alive_open_and_bound(self, world):
        found = planted_sites(world, "X")
        assert list(found.columns) == ["chrom", "position", "signal"]
        assert found.to_numpy().tolist() == [["a", 120, 7.5], ["a", 920, 2.5]]

    def test_elements(self, world):
        assert planted_sites(world, "P").to_numpy().tolist() == [["a", 200, 3.0], ["b", 600, 9.0]]

    @pytest.mark.parametrize("experiment", ["CTCF", "RAD21", "H3K4me3", "P300"])
    def test_of_a_simulated_world_each_peak_has_its_site(self, tiny_world, experiment):
        planted, bound = planted_sites(tiny_world, experiment), read_narrowpeak(tiny_world.peaks_path(experiment))
        assert len(planted) == len(bound) > 5
        assert sorted(planted["signal"]) == sorted(bound["signal"])


class TestComparison:
    def test_by_hand(self):
        called, planted = compare_peaks(CALLED, PLANTED)
        assert called["true"].tolist() == [False, True, True, False]
        assert called.drop(columns="true").equals(CALLED)
        by_place = planted.set_index(["chrom", "position"])
        assert by_place["log_q"].dropna().to_dict() == {("a", 100): 8.0, ("a", 199): 8.0, ("a", 320): 4.0}
        assert by_place["distance"].dropna().to_dict() == {("a", 100): 50, ("a", 199): -49, ("a", 320): 30}
        assert len(planted) == len(PLANTED)

    def test_precision_and_recall(self):
        comparison = compare_peaks(CALLED, PLANTED)
        assert comparison.precision == 2 / 4
        assert comparison.recall == 3 / 5

    def test_down_the_list(self):
        table = peak_recall.precision_recall(compare_peaks(CALLED, PLANTED))
        np.testing.assert_allclose(table["q_value"], [1e-8, 1e-4, 1e-3, 1e-2])
        assert table["peaks"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(table["precision"], [1, 1, 2 / 3, 1 / 2])
        np.testing.assert_allclose(table["recall"], [2 / 5, 3 / 5, 3 / 5, 3 / 5])

    def test_equal_q_values_are_one_step(self):
        table = peak_recall.precision_recall(compare_peaks(CALLED.assign(log_q=3.0), PLANTED))
        assert table.to_numpy().tolist() == [[pytest.approx(1e-3), 4, 1 / 2, 3 / 5]]

    def test_the_end_of_the_list_is_the_whole(self, comparison):
        last = peak_recall.precision_recall(comparison).iloc[-1]
        assert last["peaks"] == len(comparison.called)
        assert (last["precision"], last["recall"]) == pytest.approx((comparison.precision, comparison.recall))

    def test_recall_by_signal(self):
        planted = sites(*[("a", i, float(i)) for i in range(10)]).assign(log_q=[np.nan, 3, np.nan, np.nan, *[5] * 6])
        table = peak_recall.recall_by_signal(Comparison(CALLED, planted), 5)
        assert table.index.tolist() == [1, 2, 3, 4, 5]
        assert table["weakest"].tolist() == [0, 2, 4, 6, 8] and table["strongest"].tolist() == [1, 3, 5, 7, 9]
        assert table["sites"].tolist() == [2] * 5 and table["found"].tolist() == [1, 0, 2, 2, 2]
        assert table["recall"].tolist() == [0.5, 0, 1, 1, 1]

    def test_places(self, world):
        called = peaks(
            ("a", 110, 125, 1.0, 112),  # at the site
            ("a", 299, 400, 1.0, 350),  # shares one base with the promoter
            ("a", 300, 400, 1.0, 350),
            ("b", 20, 60, 1.0, 30),  # the decoy is closed
        )
        places = peak_recall.peak_places(world, compare_peaks(called, planted_sites(world, "X")))
        assert places.tolist() == ["at a planted site", "in open chromatin", "elsewhere", "elsewhere"]


@pytest.fixture(scope="module")
def called(tiny_world, tmp_path_factory):
    """The peaks that macs3 calls in the tiny world."""
    paths = tiny_world.reads_path("CTCF"), tiny_world.control_path
    return call_peaks(*paths, 2e5, tmp_path_factory.mktemp("called") / "CTCF.narrowPeak", fragment_length=200)


@pytest.fixture(scope="module")
def comparison(tiny_world, called):
    return compare_peaks(read_narrowpeak(called.path), planted_sites(tiny_world, "CTCF"))


def test_the_simulated_reads_lead_back_to_their_sites(comparison):
    """Most sites are found near their place, not all of them, and the strong ones before the weak ones."""
    assert comparison.precision > 0.8
    assert 0.5 < comparison.recall < 1
    assert comparison.planted["distance"].abs().median() < 20
    found = comparison.planted["log_q"].notna()
    assert comparison.planted["signal"][found].mean() > comparison.planted["signal"][~found].mean() * 1.5


class TestAgreement:
    def test_with_itself(self, tiny_world):
        labels = label_world(tiny_world, "CTCF")
        table = peak_recall.agreement_table(labels, labels)
        assert table.index.tolist() == ["reference", "relatives"]
        assert table["both"].tolist() == [labels.bins["positive"].sum(), len(labels.pseudo)]
        assert (table[["called only", "true only"]] == 0).all(axis=None)
        assert (table[["precision", "recall"]] == 1).all(axis=None)

    def test_by_hand(self):
        def labels(positive, *pseudo):
            return SimpleNamespace(
                bins=pd.DataFrame({"positive": positive}),
                pseudo=pd.DataFrame(pseudo, columns=["species", "chrom", "start"]),
            )

        called = labels([True, True, True, False], ("s", "a", 200), ("s", "b", 200), ("t", "a", 200))
        true = labels([True, False, False, True], ("s", "a", 200), ("s", "a", 400))
        table = peak_recall.agreement_table(called, true)
        assert table.loc["reference"].tolist() == [1, 2, 1, 1 / 3, 1 / 2]
        assert table.loc["relatives"].tolist() == [1, 2, 1, 1 / 3, 1 / 2]

    def test_of_called_peaks(self, tiny_world, called):
        table = peak_recall.agreement_table(
            label_world(tiny_world, "CTCF", called.path), label_world(tiny_world, "CTCF")
        )
        assert (table["both"] > 0).all() and table["recall"].between(0.5, 1).all()
        assert (table["precision"] < 1).all()
