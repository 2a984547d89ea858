import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regdna.worlds.reads import CONTROL, simulate_reads

LENGTHS = {"chr1": 600_000, "chr2": 400_000}
MEGABASES = sum(LENGTHS.values()) / 1e6
PLAIN = {
    "experiments": ["X"],
    "background_per_mb": 20_000,
    "open_excess": 0.0,
    "antibody_excess": 0.0,
    "per_signal": 0.0,
    "fragment": {"mean": 200, "sd": 30},
    "length": 50,
    "duplicates": 0.0,
}
AT_SITES = {"name": "X", "at": "sites"}
AT_ELEMENTS = {"name": "X", "at": "elements"}
ELEMENTS = pd.DataFrame(
    [("promoter", "chr1", 100_000, 100_500), ("enhancer", "chr2", 50_000, 50_300), ("closed", "chr2", 90_000, 90_060)],
    columns=["kind", "chrom", "start", "end"],
)
NO_ELEMENTS = ELEMENTS[:0]
PEAKS = pd.DataFrame(
    {"chrom": ["chr1", "chr2"], "start": [1000, 5000], "end": [1400, 5400], "summit": [150, 200], "signal": [4.0, 12.0]}
)
NO_PEAKS = PEAKS[:0]


def simulate(elements=NO_ELEMENTS, peaks=NO_PEAKS, experiment=AT_SITES, seed=1, **settings):
    """The reads of each library, with the 5' end of each read."""
    libraries = dict(simulate_reads(PLAIN | settings, seed, [experiment], {"X": peaks}, elements, LENGTHS))
    for reads in libraries.values():
        reads["five"] = np.where(reads["strand"] == "+", reads["start"], reads["end"] - 1)
    return libraries


def in_element(reads, element):
    middle = (reads["start"] + reads["end"]) / 2
    return (reads["chrom"] == element.chrom) & middle.between(element.start - 150, element.end + 150)


def test_the_background_has_its_number_of_reads_everywhere_on_both_strands():
    for reads in simulate().values():
        assert len(reads) == 20_000 * MEGABASES
        assert stats.binomtest((reads["strand"] == "+").sum(), len(reads)).pvalue > 1e-3
        tenths = np.histogram(reads.loc[reads["chrom"] == "chr1", "start"], 10, (0, LENGTHS["chr1"]))[0]
        assert stats.chisquare(tenths).pvalue > 1e-3
        assert stats.binomtest((reads["chrom"] == "chr1").sum(), len(reads), 0.6).pvalue > 1e-3


def test_reads_are_of_one_length_inside_their_chromosome_and_sorted():
    for reads in simulate(ELEMENTS, PEAKS, duplicates=0.2, per_signal=5.0).values():
        assert list(reads.columns[:4]) == ["chrom", "start", "end", "strand"]
        assert (reads["end"] - reads["start"] == 50).all()
        assert reads["start"].min() >= 0
        assert (reads["end"] <= reads["chrom"].astype(object).map(LENGTHS)).all()
        place = reads["chrom"].cat.codes * 1e9 + reads["start"]
        assert place.is_monotonic_increasing
        assert reads["chrom"].cat.categories.tolist() == list(LENGTHS)


def test_a_site_is_inside_its_fragments():
    """Plus reads begin at or before the summit, minus reads at or after it, uniformly over a fragment's length."""
    libraries = simulate(peaks=PEAKS, background_per_mb=0, per_signal=1000.0, fragment={"mean": 200, "sd": 0})
    assert len(libraries[CONTROL]) == 0
    reads = libraries["X"]
    summit = reads["chrom"].astype(object).map({"chr1": 1150, "chr2": 5200})
    offset = (reads["five"] - summit).to_numpy()
    plus = (reads["strand"] == "+").to_numpy()
    assert (offset[plus].min(), offset[plus].max()) == (-199, 0)
    assert (offset[~plus].min(), offset[~plus].max()) == (0, 199)
    assert stats.kstest((200 - 1 + offset[plus] + 0.5) / 200, "uniform").pvalue > 1e-3


def test_fragment_lengths():
    """Where both strands begin at one summit's fragments of spread length, their distance from it spreads as well."""
    reads = simulate(peaks=PEAKS, background_per_mb=0, per_signal=2000.0, fragment={"mean": 300, "sd": 40})["X"]
    here = reads[reads["chrom"] == "chr2"]
    left = 5200 - here.loc[here["strand"] == "+", "five"]
    # A fragment of length L begins at 0 to L - 1 bases left of the summit: half of L on the average.
    assert left.mean() == pytest.approx((300 - 1) / 2, rel=0.03)
    assert 380 < left.max() < 300 + 6 * 40


def test_fragments_are_not_shorter_than_a_read():
    reads = simulate(peaks=PEAKS, background_per_mb=0, per_signal=500.0, fragment={"mean": 10, "sd": 1})["X"]
    summit = reads["chrom"].astype(object).map({"chr1": 1150, "chr2": 5200})
    assert ((reads["start"] <= summit) & (reads["end"] > summit)).all()  # the read is the whole fragment


def test_the_number_of_fragments_follows_the_signal():
    counts = [simulate(peaks=PEAKS, background_per_mb=0, per_signal=8.0, seed=seed)["X"] for seed in range(150)]
    by_site = np.array([reads["chrom"].value_counts()[["chr1", "chr2"]].to_numpy() for reads in counts])
    mean, expected = by_site.mean(axis=0), 8.0 * PEAKS["signal"].to_numpy()
    assert np.abs(mean - expected).max() < 4 * np.sqrt(expected.max() / len(counts))
    np.testing.assert_allclose(by_site.var(axis=0) / mean, 1, atol=0.4)  # Poisson


def test_a_mark_covers_its_peak():
    reads = simulate(
        peaks=PEAKS, experiment=AT_ELEMENTS, background_per_mb=0, per_signal=500.0, fragment={"mean": 100, "sd": 0}
    )["X"]
    plus = reads[(reads["chrom"] == "chr1") & (reads["strand"] == "+")]
    assert plus["start"].min() < 1000 - 80  # contains the peak's first base and begins far before it
    assert 1380 < plus["start"].max() < 1400
    inner = plus["start"].between(1000, 1299)
    assert stats.kstest((plus.loc[inner, "start"] - 1000 + 0.5) / 300, "uniform").pvalue > 1e-3


def test_open_elements_give_more_in_treatment_and_control():
    excess = {"open_excess": 30.0, "background_per_mb": 50_000}
    libraries = simulate(ELEMENTS, **excess)
    for reads in libraries.values():
        assert len(reads) == 50_000 * MEGABASES  # the depth is a choice of the sequencing
        for element in ELEMENTS.itertuples():
            expected = 50_000 * (element.end - element.start + 300) / 1e6
            if element.kind == "closed":
                assert in_element(reads, element).sum() < 2 * expected
            else:
                assert in_element(reads, element).sum() > 3 * expected
    # One draw for each element, which holds for every library.
    for element in ELEMENTS[:2].itertuples():
        treatment, control = (in_element(reads, element).sum() for reads in libraries.values())
        assert abs(treatment - control) < 5 * np.sqrt(treatment + control)


def test_an_antibody_drags_open_elements_along_which_the_control_does_not_show():
    many = pd.DataFrame({"kind": "enhancer", "chrom": "chr1", "start": np.arange(5000, 595_000, 5000)})
    many["end"] = many["start"] + 300
    libraries = simulate(many, antibody_excess=5.0)
    share = {name: sum(in_element(r, e).sum() for e in many.itertuples()) for name, r in libraries.items()}
    flat = 20_000 * len(many) * 600 / 1e6
    assert share[CONTROL] == pytest.approx(flat, rel=0.1)
    assert share["X"] > 2 * flat


def test_a_share_of_the_reads_are_copies():
    reads = simulate(duplicates=0.25)["X"]
    assert len(reads) == round(20_000 * MEGABASES / 0.75)
    own = simulate()["X"]
    place = ["chrom", "start", "strand"]
    assert len(reads.drop_duplicates(place)) == len(own.drop_duplicates(place))  # a copy begins where its read does


def test_the_same_seed_gives_the_same_reads():
    settings = {"open_excess": 2.0, "antibody_excess": 1.0, "per_signal": 5.0, "duplicates": 0.1}
    one, two, other = (simulate(ELEMENTS, PEAKS, seed=seed, **settings) for seed in (1, 1, 2))
    for name in one:
        pd.testing.assert_frame_equal(one[name], two[name])
        assert not one[name]["start"].equals(other[name]["start"])
    assert not one["X"]["start"].equals(one[CONTROL]["start"])


def test_a_library_does_not_depend_on_the_others():
    experiments = [{"name": name, "at": "sites"} for name in ("X", "Y")]
    both, alone = (
        dict(
            simulate_reads(
                PLAIN | {"experiments": names}, 1, experiments, dict.fromkeys("XY", PEAKS), ELEMENTS, LENGTHS
            )
        )
        for names in (["Y", "X"], ["X"])
    )
    assert list(both) == [CONTROL, "Y", "X"] and list(alone) == [CONTROL, "X"]
    for name in alone:
        pd.testing.assert_frame_equal(both[name], alone[name])
    assert not both["X"]["start"].equals(both["Y"]["start"])


def test_nothing_to_sequence_gives_no_control():
    assert simulate(experiments=[]) == {}


def test_an_unknown_experiment():
    with pytest.raises(ValueError, match=r"reads of Z are to be simulated; the experiments are X$"):
        simulate(experiments=["X", "Z"])
