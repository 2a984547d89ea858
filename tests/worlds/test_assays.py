import numpy as np
import pandas as pd

from regdna.worlds.assays import true_peaks

SITES = pd.DataFrame(
    [
        ("promoter", "CTCF", "chr10", 1000, 1020),
        ("enhancer", "CTCF", "chr2", 5000, 5020),
        ("closed", "CTCF", "chr2", 100, 120),
        ("promoter", "AR", "chr2", 3000, 3015),
        ("insulator", "CTCF", "chr2", 30, 50),
        ("promoter", "", "chr1", 7000, 7010),
    ],
    columns=["kind", "factor", "chrom", "start", "end"],
)
ELEMENTS = pd.DataFrame(
    [
        ("promoter", "chr2", 1000, 1500),
        ("enhancer", "chr1", 2000, 2300),
        ("insulator", "chr1", 3000, 3250),
        ("closed", "chr1", 4000, 4060),
    ],
    columns=["kind", "chrom", "start", "end"],
)
AT_SITES = {"name": "X", "at": "sites", "motif": "CTCF", "width": 200}
AT_ELEMENTS = {"name": "Y", "at": "elements", "kinds": {"promoter": 1.0, "insulator": 1.0}, "width": 300}

LENGTHS = {"chr1": 20_000, "chr2": 20_000, "chr10": 20_000}


def peaks_of(experiment, sites=SITES, elements=ELEMENTS, seed=1):
    return true_peaks([experiment], elements, sites, LENGTHS, np.random.default_rng(seed))[experiment["name"]]


def test_open_sites_of_the_factor_are_bound_in_genome_order():
    peaks = peaks_of(AT_SITES | {"jitter": 0})
    assert list(peaks["chrom"]) == ["chr2", "chr2", "chr10"]
    assert list(peaks["start"]) == [0, 4910, 910]
    assert list(peaks["end"]) == [200, 5110, 1110]
    assert list(peaks["summit"]) == [40, 100, 100]
    assert list(peaks["name"]) == ["X_1", "X_2", "X_3"]
    assert (peaks["signal"] > 0).all()


def test_decoys_are_not_bound():
    closed = SITES.assign(kind="closed")
    assert len(peaks_of(AT_SITES, closed)) == 0


def test_open_elements_of_the_kinds_are_bound():
    peaks = peaks_of(AT_ELEMENTS | {"jitter": 0})
    assert list(zip(peaks["chrom"], peaks["start"], peaks["end"])) == [("chr1", 2975, 3275), ("chr2", 1100, 1400)]


def test_peaks_are_centered_within_the_jitter():
    many = pd.concat([SITES[1:2]] * 500)
    for jitter, experiment in ((15, AT_SITES | {"jitter": 15}), (5, AT_SITES)):
        peaks = peaks_of(experiment, many)
        shift = peaks["start"] + peaks["summit"] - 5010
        assert shift.min() == -jitter and shift.max() == jitter
        assert (peaks["end"] - peaks["start"] == 200).all()


def test_a_share_of_the_sites_is_bound():
    many = pd.concat([SITES[:1]] * 1000)
    assert len(peaks_of(AT_SITES | {"share": 0.0}, many)) == 0
    assert len(peaks_of(AT_SITES, many)) == 1000
    assert 630 < len(peaks_of(AT_SITES | {"share": 0.7}, many)) < 770


def test_a_share_of_each_kind_is_bound():
    many = pd.concat([ELEMENTS] * 1000)
    peaks = peaks_of(AT_ELEMENTS | {"kinds": {"promoter": 1.0, "enhancer": 0.25}}, elements=many)
    number = peaks["chrom"].value_counts()
    assert number["chr2"] == 1000  # the promoters
    assert 190 < number["chr1"] < 310


def test_a_peak_never_starts_before_its_chromosome():
    peaks = peaks_of(AT_SITES | {"width": 1000, "jitter": 0})
    first = peaks[peaks["chrom"] == "chr2"].iloc[0]
    assert (first["start"], first["summit"]) == (0, 40)


def test_every_experiment_has_its_own_table():
    peaks = true_peaks([AT_SITES, AT_ELEMENTS], ELEMENTS, SITES, LENGTHS, np.random.default_rng(1))
    assert list(peaks) == ["X", "Y"]
    assert list(peaks["X"].columns) == list(peaks["Y"].columns)
    assert set(peaks["X"].columns) == {"chrom", "start", "end", "name", "signal", "summit"}


def test_nothing_alive_gives_no_peaks():
    assert len(peaks_of(AT_SITES, SITES[:0])) == len(peaks_of(AT_ELEMENTS, elements=ELEMENTS[:0])) == 0
