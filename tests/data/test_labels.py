import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regdna.data.chains import read_chains
from regdna.data.examples import ExampleSource
from regdna.data.genome import Genome
from regdna.data.labels import BIN, label_bins, label_world, pseudo_bins
from regdna.data.liftover import lift
from regdna.worlds.catalogue import open_world
from regdna.worlds.writers import Chain, write_chains, write_fasta

LENGTHS = {"a": 95, "b": 60, "c": 7}
WIDTH = 10

drawn_peaks = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 55), st.integers(1, 30)).map(
        lambda drawn: (drawn[0], drawn[1], min(drawn[1] + drawn[2], LENGTHS[drawn[0]]))
    ),
    max_size=8,
)


def shared(start, end, other_start, other_end):
    return len(set(range(start, end)) & set(range(other_start, other_end)))


@given(drawn_peaks)
def test_label_bins_against_counting_bases(drawn):
    peaks = pd.DataFrame(drawn, columns=["chrom", "start", "end"]).astype({"start": int, "end": int})
    bins = label_bins(peaks, LENGTHS, WIDTH)
    expected = []
    for chrom, length in LENGTHS.items():
        for start in range(0, length - WIDTH + 1, WIDTH):
            inside = [shared(start, start + WIDTH, s, e) for c, s, e in drawn if c == chrom]
            expected.append((chrom, start, any(n > WIDTH / 2 for n in inside), any(n > 0 for n in inside)))
    assert list(bins.itertuples(index=False, name=None)) == expected
    assert bins["start"].dtype == np.int64 and bins["positive"].dtype == bins["touched"].dtype == bool
    assert list(bins["chrom"].cat.categories) == list(LENGTHS)


drawn_lifted = st.lists(
    st.tuples(
        st.sampled_from(["lifted", "lifted", "split", "deleted", "unmapped"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 55),
        st.integers(1, 30),
    ),
    max_size=8,
)


def lifted_table(drawn):
    rows = []
    for peak, (status, chrom, start, size) in enumerate(drawn):
        end = min(start + size, LENGTHS[chrom])
        rows.append(("mouse", peak, status, *((chrom, start, end) if status == "lifted" else ("", -1, -1))))
    columns = ["species", "peak", "status", "to_chrom", "to_start", "to_end"]
    return pd.DataFrame(rows, columns=columns)


@given(drawn_lifted)
def test_pseudo_bins_against_counting_bases(drawn):
    table = lifted_table(drawn)
    found = pseudo_bins(table, LENGTHS, WIDTH)
    assert list(found.columns) == ["species", "chrom", "start", "peak"]
    expected = [
        ("mouse", row.to_chrom, start, row.peak)
        for row in table[table["status"] == "lifted"].itertuples()
        for start in range(0, LENGTHS[row.to_chrom] - WIDTH + 1, WIDTH)
        if shared(start, start + WIDTH, row.to_start, row.to_end) > WIDTH / 2
    ]
    assert sorted(found.itertuples(index=False, name=None)) == sorted(expected)


def test_chains_to_a_chromosome_that_the_genome_lacks():
    table = lifted_table([("lifted", "b", 0, 30)])
    with pytest.raises(ValueError, match="the chains to mouse lead to 'b', which its genome lacks"):
        pseudo_bins(table, {"a": 100})


@pytest.fixture
def small_world(tmp_path):
    """Three chromosomes, one of each split, and one relative to which all of them lead."""

    def make(peaks, blocks):
        description = {
            "name": "small",
            "title": "Small",
            "simulated": False,
            "jaspar": {"release": "JASPAR2024", "tax_group": "fungi"},
            "reference": "ref",
            "genomes": [{"name": "ref"}, {"name": "rel"}],
            "test_chromosomes": ["three"],
            "validation_chromosomes": ["two"],
            "experiments": [{"name": "E"}],
        }
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(description))
        world = open_world("small", tmp_path, tmp_path / "built")
        rng = np.random.default_rng(1)
        genome = {name: rng.integers(0, 4, 2000).astype(np.uint8) for name in ("one", "two", "three")}
        write_fasta(world.genome_path("ref"), genome)
        write_fasta(world.genome_path("rel"), {"r": rng.integers(0, 4, 2000).astype(np.uint8)})
        size = np.array([200])
        chains = [Chain(1, chrom, 2000, "r", 2000, False, np.array([t]), np.array([q]), size) for chrom, t, q in blocks]
        write_chains(world.chain_path("rel"), chains)
        text = "".join(f"{chrom}\t{start}\t{start + 200}\n" for chrom, start in peaks)
        world.peaks_path("E").parent.mkdir()
        world.peaks_path("E").write_text(text)
        return world

    return make


ONE_EACH = [("one", 0), ("two", 0), ("three", 0)]


def test_a_bin_that_two_peaks_of_one_split_hit_is_kept_once(small_world):
    world = small_world([*ONE_EACH, ("one", 800)], [("one", 0, 400), ("one", 800, 400), ("two", 0, 1000)])
    labels = label_world(world, "E")
    assert labels.pseudo.to_dict("list") == {
        "species": ["rel", "rel"],
        "chrom": ["r", "r"],
        "start": [400, 1000],
        "peak": [0, 1],
        "split": ["train", "validation"],
    }
    assert labels.dropped == {"duplicate": 1, "mixed": 0}


@pytest.mark.parametrize("other", ["two", "three"])
def test_a_bin_that_peaks_of_two_splits_hit_is_kept_for_none(small_world, other):
    blocks = [("one", 0, 400), ("one", 800, 400), (other, 0, 400), ("one", 1000, 1200)]
    labels = label_world(small_world([*ONE_EACH, ("one", 800), ("one", 1000)], blocks), "E")
    assert labels.pseudo["start"].tolist() == [1200]
    assert labels.pseudo["split"].tolist() == ["train"]
    assert labels.dropped == {"duplicate": 0, "mixed": 3}


def test_every_peak_is_accounted_for(small_world):
    labels = label_world(small_world(ONE_EACH, [("one", 0, 400), ("two", 0, 1000)]), "E")
    assert labels.lifted[["species", "peak", "status"]].values.tolist() == [
        ["rel", 0, "lifted"],
        ["rel", 1, "lifted"],
        ["rel", 2, "unmapped"],
    ]
    assert labels.peaks["split"].tolist() == ["train", "validation", "test"]


@pytest.mark.parametrize("split, lost", [("train", "one"), ("validation", "two"), ("test", "three")])
def test_a_split_without_a_positive_bin_can_be_labelled_but_not_learned_from(small_world, split, lost):
    world = small_world([place for place in ONE_EACH if place[0] != lost], [("one", 0, 400)])
    labels = label_world(world, "E")
    with pytest.raises(ValueError, match=rf"^E: no {split} chromosome has a positive bin; check the peaks"):
        ExampleSource(world, labels)


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


def test_tiny_world_bins(tiny_world, labels):
    reference = Genome(tiny_world.genome_path("hg38"))
    assert len(labels.bins) == sum(length // BIN for length in reference.lengths.values())
    assert labels.bins["positive"].sum() > 10
    assert not (labels.bins["positive"] & ~labels.bins["touched"]).any()
    of = {"chr6": "validation", "chr7": "validation", "chr8": "test", "chr9": "test"}
    assert labels.bins["split"].tolist() == [of.get(chrom, "train") for chrom in labels.bins["chrom"]]


def test_tiny_world_pseudo_labels_inherit_the_split_of_their_peak(tiny_world, labels):
    split_of_peak = [tiny_world.split(chrom) for chrom in labels.peaks["chrom"]]
    assert labels.pseudo["split"].tolist() == [split_of_peak[peak] for peak in labels.pseudo["peak"]]
    assert set(labels.pseudo["split"]) == {"train", "validation", "test"}


def test_tiny_world_keeps_or_counts_every_bin(tiny_world, labels):
    """What goes in comes out or is counted: each lifted peak's bins by hand, against kept and dropped."""
    assert len(labels.lifted) == len(labels.peaks) * 22
    assert labels.lifted["species"].unique().tolist() == list(tiny_world.relatives)
    hits = []
    for species, rows in labels.lifted.groupby("species"):
        lengths = Genome(tiny_world.genome_path(species)).lengths
        for row in rows[rows["status"] == "lifted"].itertuples():
            for start in range(row.to_start // BIN * BIN, row.to_end, BIN):
                inside = min(row.to_end, start + BIN) - max(row.to_start, start)
                if inside > BIN / 2 and start + BIN <= lengths[row.to_chrom]:
                    hits.append((species, row.to_chrom, start, row.peak))
    assert len(hits) == len(labels.pseudo) + labels.dropped["duplicate"] + labels.dropped["mixed"]
    assert set(labels.pseudo[["species", "chrom", "start", "peak"]].itertuples(index=False, name=None)) <= set(hits)
    assert not labels.pseudo.duplicated(["species", "chrom", "start"]).any()


def test_tiny_world_lifts_as_liftover_does(tiny_world, labels):
    again = lift(
        read_chains(tiny_world.chain_path("mm10")), labels.peaks["chrom"], labels.peaks["start"], labels.peaks["end"]
    )
    rows = labels.lifted[labels.lifted["species"] == "mm10"]
    for column, values in again._asdict().items():
        assert rows[column].tolist() == values.tolist()


def test_most_peaks_have_homologs_in_the_nearest_relative(labels):
    status = labels.lifted.groupby("species")["status"].agg(lambda s: (s == "lifted").mean())
    assert status["panTro6"] > 0.9
    assert status["panTro6"] >= status["monDom5"]


def test_labels_whose_split_was_tampered_with_are_refused(labels):
    row = int(np.flatnonzero(labels.pseudo["split"] == "test")[0])
    tampered = labels.pseudo.copy()
    tampered.loc[row, "split"] = "train"
    name = labels.peaks["name"][tampered["peak"][row]]
    message = f"leakage: pseudo-label {row} is used for train, but its peak {name} is on a test chromosome"
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(labels, pseudo=tampered)


def test_labels_whose_peaks_were_exchanged_are_refused(labels):
    tampered = labels.pseudo.copy()
    train, test = (int(np.flatnonzero(labels.peaks["split"] == split)[0]) for split in ("train", "test"))
    row = int(np.flatnonzero(labels.pseudo["split"] == "train")[0])
    assert dataclasses.replace(labels, pseudo=tampered.assign(peak=labels.pseudo["peak"])) is not None
    tampered.loc[row, "peak"] = train
    dataclasses.replace(labels, pseudo=tampered)
    tampered.loc[row, "peak"] = test
    with pytest.raises(ValueError, match=f"leakage: pseudo-label {row} "):
        dataclasses.replace(labels, pseudo=tampered)


def test_peaks_of_the_reader(tiny_world, tmp_path):
    path = tmp_path / "own.bed"
    path.write_text("".join(f"chr{i}\t1000\t1400\tp{i}\n" for i in (1, 6, 8)))
    labels = label_world(tiny_world, "mine", path)
    assert labels.experiment == "mine"
    positive = labels.bins[labels.bins["positive"]]
    expected = itertools.product(("chr1", "chr6", "chr8"), (1000, 1200))
    assert list(zip(positive["chrom"], positive["start"])) == list(expected)


def test_point_peaks_are_widened_to_the_width_of_the_world(tiny_world, tmp_path):
    path = tmp_path / "own.bed"
    path.write_text("".join(f"chr{i}\t1100\t1101\n" for i in (1, 6, 8)))
    labels = label_world(dataclasses.replace(tiny_world, peak_width=200), "mine", path)
    assert (labels.peaks["start"] == 1000).all() and (labels.peaks["end"] == 1200).all()
    assert labels.bins["positive"].sum() == 3


def test_peaks_on_train_chromosomes_only(tiny_world, tmp_path):
    path = tmp_path / "own.bed"
    path.write_text("chr1\t1000\t1400\n")
    with pytest.raises(ValueError, match="mine: no validation chromosome has a positive bin"):
        ExampleSource(tiny_world, label_world(tiny_world, "mine", path))


def test_an_unknown_experiment(tiny_world):
    with pytest.raises(KeyError, match="world tiny has no experiment 'ctcf'; it has ATF3, ETS1"):
        label_world(tiny_world, "ctcf")
