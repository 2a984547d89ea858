import dataclasses
from collections import Counter

import numpy as np
import pytest

from regdna.data import dna
from regdna.data.datasets import dataset
from regdna.data.examples import ExampleSource
from regdna.data.genome import Genome
from regdna.data.labels import BIN, label_world


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def source(tiny_world, folder):
    return ExampleSource(tiny_world, dataset(tiny_world, "CTCF", folder))


@pytest.fixture(scope="module")
def wide_source(tiny_world, folder):
    """The same with 400 bases of context on either side."""
    return ExampleSource(tiny_world, dataset(tiny_world, "CTCF", folder, window=1000))


def draw(source, kind):
    """Draw a set of one kind from seed 1."""
    method, *more = KINDS[kind]
    return getattr(source, method)(np.random.default_rng(1), *more)


KINDS = {
    "labelled": ("labelled",),
    "pseudo_labelled": ("pseudo_labelled",),
    "augmented": ("augmented",),
    "leaked": ("leaked", False),
    "leaked, equal": ("leaked", True),
    "repeated": ("repeated",),
    "pseudo_augmented": ("pseudo_augmented",),
    "nearest": ("nearest", 5),
    "copies": ("copies",),
    "diverged": ("diverged",),
}
SMALLER = ("nearest", "copies", "diverged")  # sets that need not be as large as that of all relatives


@pytest.fixture(scope="module")
def reference(tiny_world):
    genome = Genome(tiny_world.genome_path("hg38"))
    return {name: dna.decode(genome.codes(name)) for name in genome.lengths}


def texts(codes):
    return [dna.decode(row) for row in codes]


def cut(sequences, bins):
    return [sequences[chrom][start : start + BIN] for chrom, start in zip(bins["chrom"], bins["start"])]


def find(sequences, window):
    """Find a window on either strand; it must be there once."""
    turned = dna.decode(dna.reverse_complement(dna.encode(window)))
    places = [(chrom, text.find(w)) for chrom, text in sequences.items() for w in (window, turned) if w in text]
    assert len(places) == 1
    return places[0]


def cut_homologs(world, pseudo):
    texts = []
    for species, rows in pseudo.groupby("species"):
        genome = Genome(world.genome_path(species))
        texts += cut({name: dna.decode(genome.codes(name)) for name in genome.lengths}, rows)
    return texts


@pytest.mark.parametrize("kind", KINDS)
def test_sets_are_balanced(source, labels, kind):
    examples = draw(source, kind)
    number = source.positives if kind == "labelled" else source.pseudo_positives
    number += (labels.pseudo["split"] == "test").sum() if kind == "leaked" else 0
    number = int(examples.labels.sum()) if kind in SMALLER else number
    assert number > 5
    assert examples.codes.shape == (2 * number, BIN) and examples.codes.dtype == np.uint8
    assert examples.labels.dtype == np.uint8 and examples.weights.dtype == np.float32
    assert examples.labels.sum() == number
    assert (examples.weights == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_negatives_are_untouched_training_bins(source, labels, reference, kind):
    examples = draw(source, kind)
    bins = labels.bins
    allowed = set(cut(reference, bins[~bins["touched"] & (bins["split"] == "train")]))
    others = set(cut(reference, bins[bins["touched"] | (bins["split"] != "train")]))
    assert not allowed & others
    assert set(texts(examples.codes[examples.labels == 0])) <= allowed


def test_negatives_repeat_only_where_there_are_too_few(source, labels):
    bins = labels.bins
    number = (~bins["touched"] & (bins["split"] == "train")).sum()
    assert number > source.positives
    examples = source.labelled(np.random.default_rng(1))
    negatives = texts(examples.codes[examples.labels == 0])
    assert len(set(negatives)) == len(negatives)


def test_labelled_positives_are_the_positive_training_bins(source, labels, reference):
    examples = source.labelled(np.random.default_rng(1))
    bins = labels.bins
    expected = cut(reference, bins[bins["positive"] & (bins["split"] == "train")])
    assert sorted(texts(examples.codes[examples.labels == 1])) == sorted(expected)
    assert source.positives == len(expected)


def test_pseudo_labelled_positives_are_the_bins_of_the_relatives(source, labels, tiny_world):
    train = labels.pseudo[labels.pseudo["split"] == "train"]
    examples = source.pseudo_labelled(np.random.default_rng(1))
    assert sorted(texts(examples.codes[examples.labels == 1])) == sorted(cut_homologs(tiny_world, train))
    assert source.pseudo_positives == len(train)


def test_leaked_positives_are_those_and_the_homologs_of_test_peaks(source, labels, tiny_world):
    train, test = (cut_homologs(tiny_world, labels.pseudo[labels.pseudo["split"] == s]) for s in ("train", "test"))
    every = draw(source, "leaked")
    assert sorted(texts(every.codes[every.labels == 1])) == sorted(train + test)
    equal = draw(source, "leaked, equal")
    positives = Counter(texts(equal.codes[equal.labels == 1]))
    assert positives.total() == len(train)
    assert not positives - Counter(train + test)
    leaked = sum(number for text, number in positives.items() if text not in set(train))
    share = len(test) / len(train + test)
    assert abs(leaked / len(train) - share) < 4 * np.sqrt(share / len(train))  # drawn from both alike


def test_repeated_positives_are_those_of_the_reference_each_equally_often(source, labels, reference):
    examples = draw(source, "repeated")
    bins = labels.bins
    own = cut(reference, bins[bins["positive"] & (bins["split"] == "train")])
    counts = Counter(texts(examples.codes[examples.labels == 1]))
    assert set(counts) == set(own) and max(counts.values()) - min(counts.values()) <= 1
    assert counts.total() == source.pseudo_positives
    negatives = texts(examples.codes[examples.labels == 0])
    assert len(set(negatives)) == min(len(negatives), len(source._empty))


def train_homologs(world, labels, species):
    pseudo = labels.pseudo
    return cut_homologs(world, pseudo[(pseudo["split"] == "train") & pseudo["species"].isin(list(species))])


@pytest.mark.parametrize("number", [1, 5, 22])
def test_homologs_of_the_nearest_relatives(source, labels, tiny_world, number):
    examples = source.nearest(np.random.default_rng(1), number)
    expected = train_homologs(tiny_world, labels, tiny_world.relatives[:number])
    assert sorted(texts(examples.codes[examples.labels == 1])) == sorted(expected)


@pytest.mark.parametrize("number", [0, 23])
def test_more_relatives_than_there_are(source, number):
    with pytest.raises(ValueError, match=f"^nearest {number}: tiny has 22 relatives$"):
        source.nearest(np.random.default_rng(1), number)


def test_copies_and_diverged_homologs_are_of_their_relatives_and_equally_many(source, labels, tiny_world):
    near = set(tiny_world.near_identical)
    assert near == {"panTro6", "panPan2", "gorGor4"}
    groups = {"copies": near, "diverged": set(tiny_world.relatives) - near}
    pools = {kind: Counter(train_homologs(tiny_world, labels, group)) for kind, group in groups.items()}
    smaller = min(pool.total() for pool in pools.values())
    for kind, pool in pools.items():
        examples = draw(source, kind)
        found = Counter(texts(examples.codes[examples.labels == 1]))
        assert found.total() == smaller and not found - pool


def test_a_world_without_near_identical_relatives(source, tiny_world):
    other = ExampleSource(dataclasses.replace(tiny_world, near_identical=()), source.dataset)
    with pytest.raises(ValueError, match=r"^the description of world tiny names no near_identical relatives$"):
        draw(other, "copies")


def test_more_homologs_than_there_are(source):
    with pytest.raises(ValueError, match=r"^CTCF: 1000000 homologs are asked for, and there are \d+$"):
        source.pseudo_labelled(np.random.default_rng(1), number=1_000_000)


def test_augmented_homologs_lie_by_more_than_half_in_a_homolog_of_a_training_peak(source, labels, tiny_world):
    examples = draw(source, "pseudo_augmented")
    windows = texts(examples.codes[examples.labels == 1])
    assert len(windows) == source.pseudo_positives
    homologs = labels.homologs[labels.homologs["split"] == "train"]
    found, phases, turned = 0, set(), 0
    for species, here in homologs.groupby("species"):
        genome = Genome(tiny_world.genome_path(species))
        sequences = {name: dna.decode(genome.codes(name)) for name in genome.lengths}
        around = {
            (chrom, start): sequences[chrom][start - BIN : end + BIN]
            for chrom, start, end in zip(here["chrom"], here["start"], here["end"])
        }
        for window in windows:
            back = dna.decode(dna.reverse_complement(dna.encode(window)))
            for (chrom, start), text in around.items():
                for strand, word in enumerate((window, back)):
                    if (at := text.find(word)) >= 0:
                        begin = start - BIN + at
                        ends = here.loc[(here["chrom"] == chrom) & (here["start"] == start), "end"]
                        assert max(np.minimum(ends, begin + BIN) - max(start, begin)) > BIN / 2
                        found, turned = found + 1, turned + strand
                        phases.add(begin % BIN)
    assert found >= len(windows)  # near-identical relatives hold some of them twice
    assert len(phases) > 50 and 0.3 < turned / found < 0.7


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pseudo_augmented"])  # of fewer homologs if wide
def test_wide_windows_have_the_narrow_ones_in_their_middle(source, wide_source, kind):
    narrow, wide = draw(source, kind), draw(wide_source, kind)
    assert wide.codes.shape == (len(narrow.codes), 1000)
    np.testing.assert_array_equal(wide.codes[:, 400:600], narrow.codes)
    np.testing.assert_array_equal(wide.labels, narrow.labels)


def test_wide_augmented_windows_are_of_the_reference(wide_source, reference):
    examples = draw(wide_source, "augmented")
    known = [text for text in texts(examples.codes[examples.labels == 1]) if "N" not in text]
    assert len(known) > 0.8 * wide_source.pseudo_positives
    for text in known:
        find(reference, text)


def overlap(peaks, chrom, start):
    here = peaks[peaks["chrom"] == chrom]
    return max(np.minimum(here["end"], start + BIN) - np.maximum(here["start"], start), default=0)


def test_augmented_windows_lie_by_more_than_half_in_a_training_peak(source, labels, reference):
    examples = source.augmented(np.random.default_rng(1))
    peaks = labels.peaks[labels.peaks["split"] == "train"]
    windows = texts(examples.codes[examples.labels == 1])
    assert len(windows) == source.pseudo_positives
    places = [find(reference, window) for window in windows]
    assert all(overlap(peaks, chrom, start) > BIN / 2 for chrom, start in places)
    assert len({start % BIN for _, start in places}) > 50  # off the grid of bins
    turned = [window not in reference[chrom] for window, (chrom, _) in zip(windows, places)]
    assert 0.3 < np.mean(turned) < 0.7


def test_augmented_windows_reach_every_phase_of_wide_peaks_at_chromosome_ends(tiny_world, tmp_path, reference):
    size = len(reference["chr1"])
    path = tmp_path / "wide.bed"
    path.write_text(f"chr1\t0\t500\nchr1\t{size - 500}\t{size}\nchr6\t1000\t1200\nchr8\t1000\t1200\n")
    labels = label_world(tiny_world, "wide", path)
    labelled = dataset(tiny_world, "wide", tmp_path / "datasets", path)
    examples = ExampleSource(tiny_world, labelled).augmented(np.random.default_rng(1))
    windows = examples.codes[examples.labels == 1]
    assert (windows < 4).all()  # none hangs over an end
    peaks = labels.peaks[labels.peaks["split"] == "train"]
    assert all(overlap(peaks, *find(reference, window)) > BIN / 2 for window in texts(windows))


def test_peaks_too_narrow_for_a_positive_bin_are_not_augmented(tiny_world, tmp_path, reference):
    path = tmp_path / "narrow.bed"
    narrow = "".join(f"chr1\t{start}\t{start + 60}\n" for start in range(9000, 12000, 500))
    path.write_text(narrow + "".join(f"chr{i}\t1000\t1400\n" for i in (1, 6, 8)))
    labels = label_world(tiny_world, "narrow", path)
    labelled = dataset(tiny_world, "narrow", tmp_path / "datasets", path)
    examples = ExampleSource(tiny_world, labelled).augmented(np.random.default_rng(1))
    peaks = labels.peaks[labels.peaks["split"] == "train"]
    windows = texts(examples.codes[examples.labels == 1])
    assert all(overlap(peaks, *find(reference, window)) > BIN / 2 for window in windows)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_bytes(source, kind):
    method, *more = KINDS[kind]
    one, same, other = (getattr(source, method)(np.random.default_rng(seed), *more) for seed in (1, 1, 2))
    assert [part.tobytes() for part in one] == [part.tobytes() for part in same]
    assert one.codes.tobytes() != other.codes.tobytes()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluation_holds_all_bins_of_a_split(source, labels, reference, split):
    codes, truth = source.evaluation(split)
    bins = labels.bins[labels.bins["split"] == split]
    assert texts(codes) == cut(reference, bins)
    assert truth.dtype == np.uint8
    assert truth.tolist() == bins["positive"].astype(int).tolist()
    assert 0 < truth.mean() < 0.5


@pytest.mark.parametrize("split", ["train", "Test", ""])
def test_evaluation_on_training_bins_is_refused(source, split):
    with pytest.raises(ValueError, match=f"split '{split}': evaluation is on validation or test bins, never"):
        source.evaluation(split)


def test_an_experiment_without_a_homolog_is_named(tiny_world, source):
    own = (source.dataset.intervals["genome"] == "hg38").to_numpy()
    few = dataclasses.replace(
        source.dataset, codes=source.dataset.codes[own], intervals=source.dataset.intervals[own].reset_index(drop=True)
    )
    alone = ExampleSource(tiny_world, few)
    assert alone.pseudo_positives == 0
    for kind in ("pseudo_labelled", "augmented"):
        with pytest.raises(ValueError, match=r"^CTCF: no training peak has a homolog in any relative$"):
            draw(alone, kind)


def test_an_experiment_without_a_training_bin_free_of_peaks_is_named(tiny_world, source):
    rows = source.dataset.intervals
    free = ((rows["genome"] == "hg38") & (rows["split"] == "train") & (rows["label"] == 0)).to_numpy()
    few = dataclasses.replace(
        source.dataset, codes=source.dataset.codes[~free], intervals=rows[~free].reset_index(drop=True)
    )
    with pytest.raises(ValueError, match=r"^CTCF: no training bin is free of peaks$"):
        draw(ExampleSource(tiny_world, few), "labelled")
