import numpy as np
import pandas as pd
import pytest

from regdna.data.datasets import dataset
from regdna.data.genome import Genome
from regdna.data.motifs import best_scores
from regdna.report.truth import kept_sites, motif_ranking, planted_motif, separation, separation_curve
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
    with pytest.raises(ValueError, match=r"^world yeast is real; where its factors' sites are is not known$"):
        kept_sites(open_world("yeast"), labelled)


def test_peaks_at_elements_have_no_sites(tiny_world, tmp_path):
    labelled = dataset(tiny_world, "ATAC", tmp_path)
    with pytest.raises(ValueError, match=r"^ATAC is peaked at elements, not at sites$"):
        kept_sites(tiny_world, labelled)


def test_bins_are_ranked_by_the_planted_matrix(tiny_world, labelled):
    table, motif = labelled.intervals, planted_motif(tiny_world, "CTCF")
    assert motif.name == "CTCF"
    ranking = motif_ranking(tiny_world, labelled)
    here = table[(table["genome"] == "hg38") & (table["split"] == "test")]
    assert len(ranking) == len(here) and ranking["label"].sum() == here["label"].sum() > 0
    assert ranking["score"].is_monotonic_decreasing
    scores = best_scores(labelled.codes[here.index], motif.probabilities)
    np.testing.assert_allclose(ranking["score"], np.sort(scores)[::-1])
    assert ranking["label"].head(20).mean() > 5 * ranking["label"].mean()


def test_what_lies_at_the_best_match_is_looked_up(tiny_world, labelled):
    """By hand: find the place of the best match in each window, and the living site that overlaps it."""
    sites = pd.read_csv(tiny_world.built / "truth" / "sites.tsv.gz", sep="\t", keep_default_na=False)
    sites = sites[sites["hg38"] & (sites["start"] >= 0)]
    motif = planted_motif(tiny_world, "CTCF").probabilities
    table = labelled.intervals
    here = table[(table["genome"] == "hg38") & (table["split"] == "test")]
    genome = Genome(tiny_world.genome_path("hg38"))
    scores = best_scores(labelled.codes[here.index], motif)
    expected = []
    for row in here.iloc[np.argsort(-scores, kind="stable")].itertuples():
        window = genome.codes(row.chrom)[row.start : row.end]
        place = int(best_scores(np.lib.stride_tricks.sliding_window_view(window, len(motif)), motif).argmax())
        begin = row.start + place
        hit = sites[(sites["chrom"] == row.chrom) & (sites["start"] < begin + len(motif)) & (sites["end"] > begin)]
        if hit.empty:
            expected.append("nothing")
        else:
            site = hit.iloc[-1]
            own = "decoy" if site["kind"] == "closed" else "site"
            expected.append(own if site["factor"] == "CTCF" else site["motif"])
    found = motif_ranking(tiny_world, labelled)["holds"].tolist()
    assert np.mean([a == b for a, b in zip(found, expected)]) > 0.99  # two places can match equally well
    assert {"site", "nothing"} < set(found)


def test_separation():
    kept = np.array([True, True, False, False])
    table = separation(kept, {"good": np.array([0.9, 0.7, 0.1, 0.3]), "blind": np.full(4, 0.5)})
    assert table.loc["good"].tolist() == pytest.approx([0.8, 0.2, 1.0])
    assert table.loc["blind"].tolist() == pytest.approx([0.5, 0.5, 0.5])
    false, true = separation_curve(kept, np.array([0.9, 0.7, 0.1, 0.3]))
    assert np.trapezoid(true, false) == 1
