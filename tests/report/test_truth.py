import numpy as np
import pandas as pd
import pytest

from regdna.data.datasets import dataset
from regdna.report.truth import kept_sites, separation, separation_curve
from regdna.worlds.catalogue import open_world


@pytest.fixture(scope="module")
def labelled(tiny_world, tmp_path_factory):
    return dataset(tiny_world, "CTCF", tmp_path_factory.mktemp("datasets"))


def test_one_row_for_each_homolog_of_a_training_peak(tiny_world, labelled):
    table = labelled.intervals
    expected = np.flatnonzero((table["genome"] != "hg38") & (table["split"] == "train"))
    found = kept_sites(tiny_world, labelled)
    assert found["row"].tolist() == expected.tolist()
    assert found["genome"].tolist() == table["genome"].astype(str).to_numpy()[expected].tolist()


def test_the_truth_is_looked_up_site_by_site(tiny_world, labelled):
    sites = pd.read_csv(tiny_world.built / "truth" / "sites.tsv.gz", sep="\t", keep_default_na=False)
    sites = sites[(sites["factor"] == "CTCF") & sites["hg38"]]
    found = kept_sites(tiny_world, labelled)
    assert 0 < found["kept"].mean() < 1
    peaks = labelled.peaks.set_index("name")
    for row in found.sample(60, random_state=0).itertuples():
        peak = peaks.loc[labelled.intervals["source_peak"].iat[row.row]]
        inside = sites[
            (sites["chrom"] == peak["chrom"]) & (sites["end"] > peak["start"]) & (sites["start"] < peak["end"])
        ]
        assert len(inside) and row.kept == inside[row.genome].any()


def test_near_relatives_keep_more_than_far_ones(tiny_world, labelled):
    kept = kept_sites(tiny_world, labelled).groupby("genome")["kept"].mean()
    assert kept[["panTro6", "panPan2", "gorGor4"]].mean() > kept[["mm10", "rn7", "monDom5"]].mean()


def test_real_worlds_have_no_truth(labelled):
    with pytest.raises(ValueError, match=r"^world yeast is real; which homologs have kept their site is not known$"):
        kept_sites(open_world("yeast"), labelled)


def test_peaks_at_elements_have_no_sites(tiny_world, tmp_path):
    labelled = dataset(tiny_world, "ATAC", tmp_path)
    with pytest.raises(ValueError, match=r"^ATAC is peaked at elements, not at sites$"):
        kept_sites(tiny_world, labelled)


def test_separation():
    kept = np.array([True, True, False, False])
    table = separation(kept, {"good": np.array([0.9, 0.7, 0.1, 0.3]), "blind": np.full(4, 0.5)})
    assert table.loc["good"].tolist() == pytest.approx([0.8, 0.2, 1.0])
    assert table.loc["blind"].tolist() == pytest.approx([0.5, 0.5, 0.5])
    false, true = separation_curve(kept, np.array([0.9, 0.7, 0.1, 0.3]))
    assert np.trapezoid(true, false) == 1
