import dataclasses
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from handmade import SIZE, SPLIT, bed, block, handmade_world
from hypothesis import given, settings
from hypothesis import strategies as st

from regdna.data.chains import read_chains
from regdna.data.datasets import dataset
from regdna.data.examples import ExampleSource
from regdna.data.genome import Genome
from regdna.data.labels import BIN, label_bins, label_world, pseudo_bins
from regdna.data.liftover import STATUSES, lift

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


ONE_EACH = [("one", 0, 200), ("two", 0, 200), ("three", 0, 200)]


@pytest.fixture
def label(tmp_path):
    """Label a handmade world of one relative, given peaks and chains."""

    def make(peaks, chains, **more):
        return label_world(handmade_world(tmp_path, {"rel": chains}, bed(*peaks), **more), "E")

    return make


def steps(labels, name, genome="rel"):
    """In, out and what was dropped, for the steps of one name."""
    entries = [entry for entry in labels.ledger.steps if (entry["step"], entry["genome"]) == (name, genome)]
    return [(entry["in"], entry["out"], entry["dropped"]) for entry in entries]


def test_a_bin_that_two_peaks_of_one_split_hit_is_kept_once(label):
    chains = [block("one", 0, 400), block("one", 800, 400), block("two", 0, 1000)]
    labels = label([*ONE_EACH, ("one", 800, 1000)], chains)
    assert labels.pseudo.to_dict("list") == {
        "species": ["rel", "rel"],
        "chrom": ["r", "r"],
        "start": [400, 1000],
        "peak": [0, 1],
        "split": ["train", "validation"],
    }
    assert steps(labels, "selection") == [(3, 2, {"duplicate": 1})]


@pytest.mark.parametrize("other", ["two", "three"])
def test_a_bin_that_peaks_of_two_splits_hit_is_kept_for_none(label, other):
    chains = [block("one", 0, 400), block("one", 800, 400), block(other, 0, 400), block("one", 1000, 1200)]
    labels = label([*ONE_EACH, ("one", 800, 1000), ("one", 1000, 1200)], chains)
    assert labels.pseudo["start"].tolist() == [1200]
    assert labels.pseudo["split"].tolist() == ["train"]
    assert steps(labels, "selection") == [(4, 1, {"other split": 3})]


@pytest.mark.parametrize("other", ["two", "three"])
@pytest.mark.parametrize("to, kept", [(599, [600]), (600, [400, 600]), (201, [200]), (200, [200, 400])])
def test_one_base_of_a_homolog_of_another_split_is_too_much(label, other, to, kept):
    labels = label(ONE_EACH, [block("one", 0, 400), block(other, 0, to)])
    assert sorted(labels.pseudo["start"]) == kept
    assert steps(labels, "selection") == [(2, len(kept), {"other split": 1} if len(kept) == 1 else {})]


def test_a_homolog_that_fills_half_of_no_bin_bars_bins_of_other_splits_nevertheless(label):
    labels = label(ONE_EACH, [block("one", 0, 400), block("three", 150, 500, size=50)])
    assert len(labels.pseudo) == 0
    assert steps(labels, "binning") == [(2, 1, {"fills half of no bin": 1})]
    assert steps(labels, "selection") == [(1, 0, {"other split": 1})]


WINDOWS = [(200, 600, 2), (202, 600, 0), (202, 601, 1), (202, 801, 2), (1000, 999, 1), (1000, 1000, 2)]


@pytest.mark.parametrize("window, to, kept", WINDOWS)
def test_no_base_of_a_window_is_of_a_homolog_of_another_split(tmp_path, window, to, kept):
    chains = {"rel": [block("one", 0, 400), block("three", 0, to)]}
    labels = label_world(handmade_world(tmp_path, chains, bed(*ONE_EACH)), "E", window=window)
    assert len(labels.pseudo) == kept
    assert steps(labels, "selection") == [(2, kept, {"other split": 2 - kept} if kept < 2 else {})]


REACH = BIN // 2 - 1  # a window that lies by more than half inside a homolog goes so far beyond it


@pytest.mark.parametrize(
    "to, foreign, kept",
    [
        (1000, 1200 + REACH, True),
        (1000, 1200 + REACH - 1, False),
        (1000, 800 - REACH, True),
        (1000, 800 - REACH + 1, False),
        (REACH, 2000, True),
        (REACH - 1, 2000, False),
        (SIZE - 200 - REACH, 500, True),
        (SIZE - 200 - REACH + 1, 500, False),
    ],
)
def test_homologs_are_seen_at_any_phase_only_where_no_window_could_leak(label, to, foreign, kept):
    labels = label(ONE_EACH, [block("one", 0, to), block("three", 0, foreign)])
    found = labels.homologs[labels.homologs["split"] == "train"]
    assert found.to_dict("records") == kept * [
        {"species": "rel", "chrom": "r", "start": to, "end": to + 200, "peak": 0, "split": "train"}
    ]


@pytest.mark.parametrize("at, kept", [(1200 + REACH, True), (1200 + REACH - 1, False), (1100, False)])
def test_homologs_are_seen_at_any_phase_only_where_all_bases_are_known(label, at, kept):
    labels = label(ONE_EACH, [block("one", 0, 1000)], unknown_there=[("r", at, at + 1)])
    assert len(labels.homologs) == kept


@pytest.mark.parametrize("size, kept", [(100, False), (101, True)])
def test_homologs_that_fill_half_of_no_window_are_seen_at_no_phase(label, size, kept):
    labels = label(ONE_EACH, [block("one", 0, 1000, size=size)])
    assert len(labels.homologs) == kept


def test_context_keeps_homologs_of_other_splits_farther_away(tmp_path):
    chains = {"rel": [block("one", 0, 1000), block("three", 0, 1200 + REACH + 100)]}
    for window, kept in ((BIN, 2), (BIN + 2 * 100, 2), (BIN + 2 * 101, 0)):
        labels = label_world(handmade_world(tmp_path / str(window), chains, bed(*ONE_EACH)), "E", window=window)
        assert len(labels.homologs) == kept


@pytest.mark.parametrize("to, kept", [(380, False), (600, True)])
def test_pieces_that_make_no_homolog_bar_bins_of_other_splits(label, to, kept):
    """The peak's pieces lie 20 bases apart, each of 100; the base between them is no piece."""
    chains = [block("one", 0, 400), block("one", 800, 900, torn=20), block("three", 0, to, torn=20)]
    labels = label([("one", 800, 1000), *ONE_EACH], chains)
    assert labels.lifted["status"].tolist() == ["split", "lifted", "unmapped", "split"]
    assert steps(labels, "selection") == [(1, 1, {}) if kept else (1, 0, {"other split": 1})]


def test_a_homolog_on_another_chromosome_or_in_another_relative_bars_nothing(tmp_path):
    here = {"rel": [block("one", 0, 400), block("three", 0, 400, to_chrom="s")], "more": [block("three", 0, 400)]}
    labels = label_world(handmade_world(tmp_path, here, bed(*ONE_EACH)), "E")
    found = labels.pseudo[["species", "chrom", "start", "split"]].values.tolist()
    assert found == [["rel", "r", 400, "train"], ["rel", "s", 400, "test"], ["more", "r", 400, "test"]]


@st.composite
def drawn_world(draw):
    """Peaks and chains that lie on a coarse grid, so that their homologs meet often; N here and there."""
    place, size = st.integers(0, 9).map(lambda n: 50 * n), st.sampled_from([200, 250, 300, 399, 101, 100, 60])
    peaks = [draw(st.lists(st.tuples(place, size), min_size=2, max_size=4)) for _ in SPLIT]
    peaks = [(chrom, start, start + n) for chrom, some in zip(SPLIT, peaks) for start, n in some]
    shift, score = st.sampled_from([0, 1, 1, 2]), st.sampled_from([1, 2])
    torn = st.sampled_from([0, 0, 19, 20, 90])
    spans = st.tuples(st.sampled_from(peaks), place, shift, size, st.sampled_from("rrs"), st.booleans(), score, torn)
    chains = [
        block(chrom, start, to + step, n, *more)
        for (chrom, start, _), to, step, n, *more in draw(st.lists(spans, min_size=5, max_size=9))
    ]
    stretch = st.tuples(place, st.sampled_from([300, 200, 41, 40, 21, 20, 1]))
    unknown = [(chrom, at, at + n) for chrom in SPLIT for at, n in draw(st.lists(stretch, max_size=2))]
    there = [(chrom, at, at + n) for chrom in "rs" for at, n in draw(st.lists(stretch, min_size=1, max_size=2))]
    return peaks, chains, unknown, there, draw(st.sampled_from([0, 0.1, 0.2, 1])), draw(st.sampled_from([0, 0, 1, 40]))


def test_drawn_worlds_against_counting_bases(tmp_path_factory):
    reached = Counter()

    @settings(max_examples=100)
    @given(drawn_world())
    def check(drawn):
        reached.update(hold_against_bases(tmp_path_factory.mktemp("drawn"), *drawn))

    check()
    assert all(reached[what] > 10 for what in ("other split", "unknown bases", "duplicate", "kept", "positive", "torn"))


def aligned_bases(chains, chrom, start, end):
    """Where the best chain takes the bases of an interval: chromosome and forward positions."""
    for chain in sorted(chains, key=lambda chain: -chain.score):
        pairs = zip(chain.t_start, chain.q_start, chain.size)
        goes_to = {t + i: q + i for t, q, size in pairs if chain.t_name == chrom for i in range(size)}
        if places := [goes_to[base] for base in range(start, end) if base in goes_to]:
            return chain.q_name, {SIZE - 1 - place if chain.minus else place for place in places}
    return "", set()


def hold_against_bases(folder, peaks, chains, unknown, there, most, flank):
    """Find every kept bin and every number of the ledger from the homologs, by sets of bases; count what was met."""
    world = handmade_world(folder, {"rel": chains}, bed(*peaks), unknown, there, max_unknown=most)
    labels = label_world(world, "E", window=BIN + 2 * flank)

    def count_n(stretches, chrom, start):
        return len(set().union(*(range(s, e) for c, s, e in stretches if c == chrom)) & set(range(start, start + BIN)))

    tiled = [(chrom, start) for chrom in SPLIT for start in range(0, SIZE, BIN)]
    known = [place for place in tiled if count_n(unknown, *place) <= most * BIN]
    assert list(zip(labels.bins["chrom"], labels.bins["start"])) == known
    full = [any(c == chrom and 2 * shared(at, at + BIN, s, e) > BIN for c, s, e in peaks) for chrom, at in known]
    assert labels.bins["positive"].tolist() == full
    (_, out, dropped), (_, positive, _) = steps(labels, "tiling", "ref")
    assert (out, out + dropped.get("unknown bases", 0), positive) == (len(known), len(tiled), sum(full))

    homologs = labels.lifted[labels.lifted["status"] == "lifted"]
    torn, taken = 0, []  # the bases that the homologs of each split take, and the pieces of what makes none
    for row, (chrom, start, end) in zip(labels.lifted.itertuples(), peaks):
        name, bases = aligned_bases(chains, chrom, start, end)
        if row.status == "lifted":
            assert (row.to_chrom, row.to_start, row.to_end) == (name, min(bases), max(bases) + 1)
            bases = set(range(row.to_start, row.to_end))
        taken.append((name, SPLIT[chrom], bases))
        torn += row.status == "split"
    kept, reasons, seen, binned = [], Counter(), set(), set()
    for row in homologs.sort_values("to_chrom", kind="stable").itertuples():
        split = SPLIT[peaks[row.peak][0]]
        others = set().union(*(bases for name, of, bases in taken if name == row.to_chrom and of != split))
        for start in range(0, SIZE, BIN):
            if 2 * shared(start, start + BIN, row.to_start, row.to_end) <= BIN:
                continue
            binned.add(row.peak)
            if others & set(range(start - flank, start + BIN + flank)):
                reasons["other split"] += 1
            elif count_n(there, row.to_chrom, start) > most * BIN:
                reasons["unknown bases"] += 1
            elif (row.to_chrom, start) in seen:
                reasons["duplicate"] += 1
            else:
                seen.add((row.to_chrom, start))
                kept.append((row.to_chrom, start, row.peak, split))
    assert list(labels.pseudo[["chrom", "start", "peak", "split"]].itertuples(index=False, name=None)) == kept
    assert steps(labels, "selection") == [(len(kept) + reasons.total(), len(kept), dict(reasons))]
    assert [step[:2] for step in steps(labels, "binning")] == [(len(homologs), len(binned))]
    assert [step[:2] for step in steps(labels, "liftover")] == [(len(peaks), len(homologs))]
    return reasons + Counter(kept=len(kept), positive=positive, torn=torn)


@pytest.mark.parametrize("number, kept", [(20, True), (21, False)])
def test_bins_of_the_reference_with_many_unknown_bases_are_dropped_and_counted(label, number, kept):
    labels = label(ONE_EACH, [block("one", 0, 400)], unknown=[("one", 100, 100 + number), ("three", 600, 600 + number)])
    there = set(zip(labels.bins["chrom"], labels.bins["start"]))
    assert (("one", 0) in there) == (("three", 600) in there) == kept
    dropped = ({}, {}) if kept else ({"unknown bases": 2}, {"unknown bases": 1})
    assert steps(labels, "tiling", "ref") == [(45, len(labels.bins), dropped[0]), (3, 2 + kept, dropped[1])]
    assert len(labels.pseudo) == 1  # the peak's homolog is of known bases


@pytest.mark.parametrize("number, kept", [(20, True), (21, False)])
def test_bins_of_a_relative_with_many_unknown_bases_are_dropped_and_counted(label, number, kept):
    labels = label(ONE_EACH, [block("one", 0, 400), block("two", 0, 800)], unknown_there=[("r", 580, 580 + number)])
    assert labels.pseudo["start"].tolist() == [400, 800]
    labels = label(ONE_EACH, [block("one", 0, 400), block("two", 0, 800)], unknown_there=[("r", 450, 450 + number)])
    assert labels.pseudo["start"].tolist() == [400, 800][not kept :]
    assert steps(labels, "selection") == [(2, 1 + kept, {} if kept else {"unknown bases": 1})]


def test_a_bin_that_is_dropped_for_several_reasons_is_counted_once(label):
    chains = [block("one", 0, 400), block("one", 800, 400), block("three", 0, 400), *(block("one", 400, 800),) * 2]
    peaks = [*ONE_EACH, ("one", 800, 1000), ("one", 400, 600), ("one", 400, 600)]
    labels = label(peaks, chains, unknown_there=[("r", 400, 1000)])
    assert len(labels.pseudo) == 0
    assert steps(labels, "selection") == [(5, 0, {"other split": 3, "unknown bases": 2})]


def test_a_world_can_leave_chromosomes_out(tmp_path):
    peaks = [*ONE_EACH, ("one", 400, 600)]
    chains = {"rel": [block("one", 0, 400), block("three", 0, 400), block("two", 0, 1000)]}
    world = handmade_world(tmp_path, chains, bed(*peaks))
    assert label_world(world, "E").pseudo["start"].tolist() == [1000]
    labels = label_world(dataclasses.replace(world, chromosomes=("three", "two")), "E")
    assert labels.bins["chrom"].unique().tolist() == ["three", "two"]  # in the order of the description
    assert labels.peaks[["chrom", "split"]].values.tolist() == [["two", "validation"], ["three", "test"]]
    assert steps(labels, "select", "ref") == [(4, 2, {"other chromosome": 2})]
    assert sorted(labels.pseudo["start"]) == [400, 1000]  # what is left out cannot bar
    assert steps(labels, "tiling", "ref") == [(30, 30, {}), (2, 2, {})]


def test_no_peak_on_the_chromosomes_of_a_world(tmp_path):
    world = handmade_world(tmp_path, {"rel": [block("one", 0, 400)]}, bed(("one", 0, 200)))
    labels = label_world(dataclasses.replace(world, chromosomes=("two", "three")), "E")
    assert (len(labels.peaks), len(labels.lifted), len(labels.pseudo)) == (0, 0, 0)
    assert len(labels.bins) == 30 and not labels.bins["touched"].any()
    assert steps(labels, "select", "ref") == [(1, 0, {"other chromosome": 1})]
    assert steps(labels, "selection") == [(0, 0, {})]


def test_every_peak_is_accounted_for(label):
    labels = label(ONE_EACH, [block("one", 0, 400), block("two", 0, 1000)])
    assert labels.lifted[["species", "peak", "status"]].values.tolist() == [
        ["rel", 0, "lifted"],
        ["rel", 1, "lifted"],
        ["rel", 2, "unmapped"],
    ]
    assert labels.peaks["split"].tolist() == ["train", "validation", "test"]
    assert steps(labels, "liftover") == [(3, 2, {"unmapped": 1})]


@pytest.mark.parametrize("split, lost", [("train", "one"), ("validation", "two"), ("test", "three")])
def test_a_split_without_a_positive_bin_can_be_labelled_but_not_learned_from(tmp_path, split, lost):
    peaks = [peak for peak in ONE_EACH if peak[0] != lost]
    world = handmade_world(tmp_path, {"rel": [block("one", 0, 400)]}, bed(*peaks))
    labelled = dataset(world, "E", tmp_path / "datasets")
    with pytest.raises(ValueError, match=rf"^E: no {split} chromosome has a positive bin; check the peaks"):
        ExampleSource(world, labelled)


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_split_of_chromosomes_that_the_reference_lacks(tmp_path, part):
    """They would become training chromosomes without a word."""
    world = handmade_world(tmp_path, {"rel": [block("one", 0, 400)]}, bed(*ONE_EACH))
    wrong = dataclasses.replace(world, **{f"{part}_chromosomes": frozenset({"chr8", "three"})})
    message = r"world small: chr8 of its test and validation chromosomes are not in ref\.fa; it has one, two, three$"
    with pytest.raises(ValueError, match=message):
        label_world(wrong, "E")


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
    every = []
    for species, rows in labels.lifted.groupby("species"):
        lengths = Genome(tiny_world.genome_path(species)).lengths
        hits = []
        for row in rows[rows["status"] == "lifted"].itertuples():
            for start in range(row.to_start // BIN * BIN, row.to_end, BIN):
                inside = min(row.to_end, start + BIN) - max(row.to_start, start)
                if inside > BIN / 2 and start + BIN <= lengths[row.to_chrom]:
                    hits.append((species, row.to_chrom, start, row.peak))
        kept = (labels.pseudo["species"] == species).sum()
        ((lifted_in, lifted_out, lost),) = steps(labels, "liftover", species)
        assert lifted_in == len(rows) == len(labels.peaks)
        assert [lost.get(status, 0) for status in STATUSES[1:]] == [(rows["status"] == s).sum() for s in STATUSES[1:]]
        ((binned_in, binned_out, _),) = steps(labels, "binning", species)
        assert binned_in == lifted_out == (rows["status"] == "lifted").sum()
        assert binned_out == len({peak for *_, peak in hits})
        ((selected_in, selected_out, _),) = steps(labels, "selection", species)
        assert (selected_in, selected_out) == (len(hits), kept)
        every += hits
    assert set(labels.pseudo[["species", "chrom", "start", "peak"]].itertuples(index=False, name=None)) <= set(every)
    assert not labels.pseudo.duplicated(["species", "chrom", "start"]).any()
    (read_in, read_out, _), *_ = steps(labels, "select", "hg38")
    assert read_in == read_out == len(tiny_world.peaks_path("CTCF").read_text().splitlines())
    (_, bins, _), (_, positive, _) = steps(labels, "tiling", "hg38")
    assert (bins, positive) == (len(labels.bins), labels.bins["positive"].sum())
    covered = [row.end - row.start > BIN / 2 for row in labels.peaks.itertuples()]
    ((binned_in, binned_out, _),) = steps(labels, "binning", "hg38")
    assert binned_in == len(labels.peaks) and binned_out <= sum(covered)
    assert len(labels.ledger.steps) == 4 + 3 * 22


def test_tiny_world_lifts_as_liftover_does(tiny_world, labels):
    again = lift(
        read_chains(tiny_world.chain_path("mm10")), labels.peaks["chrom"], labels.peaks["start"], labels.peaks["end"]
    )
    rows = labels.lifted[labels.lifted["species"] == "mm10"].rename(columns={"peak": "interval"})
    assert rows["interval"].tolist() == list(range(len(labels.peaks)))
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
    labelled = dataset(tiny_world, "mine", tmp_path / "datasets", path)
    with pytest.raises(ValueError, match="mine: no validation chromosome has a positive bin"):
        ExampleSource(tiny_world, labelled)


def test_an_unknown_experiment(tiny_world):
    with pytest.raises(KeyError, match="world tiny has no experiment 'ctcf'; it has ATF3, ETS1"):
        label_world(tiny_world, "ctcf")
