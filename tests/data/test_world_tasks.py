from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from handmade import SIZE, SPLIT, bed, block, handmade_world

from regdna.data import dna, world_tasks
from regdna.data.genome import Genome
from regdna.data.tasks import Part
from regdna.data.world_tasks import open_world_task, world_task_names
from regdna.files import write_table
from regdna.worlds.writers import write_fasta

STARTS = range(100, 2700, 400)
ELEMENTS = [
    (("promoter", "enhancer", "insulator")[i % 3], chrom, start, start + 60)
    for chrom in SPLIT
    for i, start in enumerate(STARTS)
]
CHAINS = {
    "near": [block("one", 0, 0)],
    "far": [block("three", 0, 0, 900, "s"), block("one", 0, 0, 800, "s"), block("one", 900, 0, 900, "r")],
}


@pytest.fixture
def small(tmp_path):
    """A world with seven elements and as many peaks on every chromosome, none of them over an end."""

    def make(peaks=None, chains=CHAINS, simulated=True, **description):
        peaks = peaks or bed(*(element[1:] for element in ELEMENTS))
        world = replace(handmade_world(tmp_path, chains, peaks, **description), simulated=simulated)
        table = pd.DataFrame(ELEMENTS, columns=["kind", "chrom", "start", "end"]).assign(ref=True)
        lost = pd.DataFrame([("promoter", "one", 1, 2, False), ("promoter", ".", -1, -1, True)], columns=table.columns)
        write_table(world.built / "truth" / "elements.tsv.gz", pd.concat([table, lost]))
        return world

    return make


def places(world, part, genome="ref"):
    """Where the windows of a part are from: list of (chromosome, start)."""
    genome = Genome(world.genome_path(genome))
    letters = {chrom: dna.decode(genome.codes(chrom)) for chrom in genome.lengths}
    found = []
    for window in part.sequences.strings():
        (place,) = [(chrom, text.find(window)) for chrom, text in letters.items() if window in text]
        found.append(place)
    return found


def touching(place, width, intervals):
    """The intervals that a window touches; list of (kind, start, end)."""
    chrom, start = place
    return [(k, s, e) for k, c, s, e in intervals if c == chrom and s < start + width and e > start]


def test_names(small):
    assert world_task_names(small()) == ["promoter", "enhancer", "regulatory", "species", "E"]
    assert world_task_names(small(simulated=False)) == ["species", "E"]


@pytest.mark.parametrize("name", ["promoter", "enhancer", "E"])
@pytest.mark.parametrize("width", [100, 40])
def test_windows_with_one_against_windows_without_any(small, name, width):
    world = small()
    task = open_world_task(world, name, width)
    assert task.classes == ("background", name) and task.simulated and task.group == "small" and not task.dropped
    expected = {"promoter": 3, "enhancer": 2, "E": 7}[name]
    for split, part in task.parts.items():
        assert np.bincount(part.labels).tolist() == [expected] * 2
        found = places(world, part)
        assert {SPLIT[chrom] for chrom, _ in found} == {split} and len(set(found)) == len(found)
        for label, place in zip(part.labels, found):
            here = touching(place, width, ELEMENTS)
            if label:
                ((kind, start, end),) = here
                assert name in (kind, "E") and min(place[1] + width, end) - max(place[1], start) == min(width, 60)
            else:
                assert not here


def test_neither_in_the_middle_nor_in_order(small):
    world = small()
    part = open_world_task(world, "E", 100).parts["train"]
    phases = {(start - 100) % 400 for label, (_, start) in zip(part.labels, places(world, part)) if label}
    assert len(phases) > 4 and part.labels.tolist() != sorted(part.labels, reverse=True)


def test_the_same_again_with_the_same_seed_only(small):
    world = small()
    one, two, other = (open_world_task(world, "E", 100, seed).parts["test"] for seed in (1, 1, 2))
    assert one.sequences.strings() == two.sequences.strings() and one.labels.tolist() == two.labels.tolist()
    assert one.sequences.strings() != other.sequences.strings()


def test_three_kinds_against_each_other(small):
    world = small()
    task = open_world_task(world, "regulatory", 100)
    assert task.classes == ("promoter", "enhancer", "insulator")
    assert task.dropped == {"more than another class has, or than 2000": 3}
    assert task.notes[0].startswith("Mean GC content of the test part: promoter 0.")
    for part in task.parts.values():
        assert np.bincount(part.labels).tolist() == [2, 2, 2]
        for label, place in zip(part.labels, places(world, part)):
            assert [task.classes[label]] == [kind for kind, _, _ in touching(place, 100, ELEMENTS)]


def test_species_without_homologs_of_a_part(small):
    far = [*CHAINS["far"], block("two", 0, 0, 100, "r")]  # but most of r is aligned to one
    with pytest.raises(ValueError, match="species: the validation chromosomes have no windows of ref and far, or not"):
        open_world_task(small(chains={"near": CHAINS["near"], "far": far}), "species", 100)


def test_species(small):
    far = [block(chrom, 0, 0, 900, to) for chrom, to in (("one", "r"), ("two", "s"), ("three", "t"))]
    world = small(chains={"near": CHAINS["near"], "far": [*far, block("three", 1000, 1000, 500, "s")]})
    rng = np.random.default_rng(9)
    write_fasta(world.genome_path("far"), {name: rng.integers(0, 4, SIZE).astype(np.uint8) for name in "rstu"})
    task = open_world_task(world, "species", 100)
    assert task.classes == ("ref", "far") and not task.dropped
    for split, part in task.parts.items():
        rows = [np.flatnonzero(part.labels == label) for label in (0, 1)]
        ours, theirs = (type(part)(part.sequences.take(row), part.labels[row]) for row in rows)
        assert len(rows[0]) == len(rows[1]) >= 29
        assert {SPLIT[chrom] for chrom, _ in places(world, ours)} == {split}
        assert {dict(r="train", s="validation", t="test")[chrom] for chrom, _ in places(world, theirs, "far")} == {
            split
        }


def test_gc_content_is_matched_as_far_as_there_are_windows(small):
    world = small()
    genome = {name: np.random.default_rng(3).integers(0, 4, SIZE).astype(np.uint8) for name in SPLIT}
    for _, chrom, start, end in ELEMENTS:
        genome[chrom][start - 20 : end + 20] = 3  # AT only
    for codes in genome.values():
        codes[2750:2950] = 0
    write_fasta(world.genome_path("ref"), genome)
    task = open_world_task(world, "promoter", 60)
    for part in task.parts.values():
        gc = np.isin(part.sequences.padded()[0], (1, 2)).mean(1)
        assert gc[part.labels == 1].tolist() == [0] * 3
        assert sorted(gc[part.labels == 0])[:2] == [0, 0]  # of 200 bases without G and C there are two windows at least
    assert "GC content alone separates them with an AUROC of " in task.notes[0]


def test_matching_takes_the_nearest_that_is_left():
    def windows(*numbers):
        return np.array([[1] * number + [0] * (10 - number) for number in numbers], np.uint8)

    codes, others = world_tasks._matched(windows(5, 5, 9, 0), windows(4, 7, 5, 8, 2))
    assert (codes == 1).sum(1).tolist() == [5, 5, 9, 0] and (others == 1).sum(1).tolist() == [5, 4, 8, 2]
    codes, others = world_tasks._matched(windows(5, 5, 9), windows(1, 2))
    assert (codes == 1).sum(1).tolist() == [5, 5] and (others == 1).sum(1).tolist() == [2, 1]


def test_every_peak_is_accounted_for(small, monkeypatch):
    monkeypatch.setattr(world_tasks, "MOST", 3)
    elements = [("promoter", "one", 0, 300), ("promoter", "one", 2990, 3000), *ELEMENTS]
    peaks = bed(*(element[1:] for element in elements))
    world = small(peaks, unknown=[("two", 100, 160)], chromosomes=["one", "two", "three"])
    lost = {"over the end of a chromosome": 0, "too much N": 0, "more than another class has, or than 2000": 0}
    for seed in range(10):
        task = open_world_task(world, "E", 100, seed)
        assert sum(task.dropped.values()) + task.counts()["E"].sum() == len(elements)
        assert task.counts()["E"].tolist() == [3, 3, 3]
        lost = {reason: number + task.dropped.get(reason, 0) for reason, number in lost.items()}
    assert lost["too much N"] == 10 and 0 < lost["over the end of a chromosome"] <= 10


def test_peaks_elsewhere_are_accounted_for(small):
    world = small(bed(*(element[1:] for element in ELEMENTS), ("four", 5, 65)), chromosomes=list(SPLIT))
    genome = Genome(world.genome_path("ref"))
    write_fasta(world.genome_path("ref"), {c: genome.codes(c) for c in genome.lengths} | {"four": genome.codes("one")})
    assert open_world_task(world, "E", 100).dropped == {"on no chromosome of the world's split": 1}


def test_points_are_widened_as_the_world_says(small):
    world = small(bed(*((c, s + 30, s + 31) for _, c, s, _ in ELEMENTS)), peak_width=60)
    part = open_world_task(world, "E", 60).parts["train"]
    starts = sorted(start for label, (_, start) in zip(part.labels, places(world, part)) if label)
    assert starts == [*STARTS]


def test_what_cannot_be_opened(small):
    world = small()
    with pytest.raises(ValueError, match=r"world small has no task 'H9'; it has promoter, .*species, E"):
        open_world_task(world, "H9")
    with pytest.raises(ValueError, match="task E: the train chromosomes have no windows of background and E"):
        open_world_task(world, "E", 2000)
    world.ready.unlink()
    with pytest.raises(ValueError, match="world small is not built; run: regdna world small"):
        open_world_task(world, "E")


def test_the_simulated_world(tiny_world):
    for name in ("promoter", "enhancer", "regulatory", "species", "ATAC"):
        task = open_world_task(tiny_world, name)
        assert task.simulated and {len(set(row)) for row in task.counts().to_numpy().tolist()} == {1}


def test_driving_sites_against_shuffles(cells_world):
    truth = {
        name: pd.read_csv(cells_world.built / "truth" / f"{name}.tsv.gz", sep="\t")
        for name in ("accessibility", "programs", "sites")
    }
    opened, sites = truth["accessibility"], truth["sites"]
    driving = truth["programs"].loc[truth["programs"]["cell_type"] == "Microglia", "factor"]
    sites = sites[sites["hg38"] & (sites["kind"] == "enhancer") & sites["motif"].isin(driving)]
    task = open_world_task(cells_world, "TFBS/Microglia", 100)
    assert task.classes == ("shuffled", "bound") and "AUROC of 0.500" in task.notes[0]
    assert world_task_names(cells_world)[-18:-16] == ["TFBS", "TFBS/Astrocytes"]
    found = set()
    for split, part in task.parts.items():
        bound = part.sequences.take(part.labels == 1)
        for chrom, start in places(cells_world, Part(bound, np.ones(len(bound), int)), "hg38"):
            assert cells_world.split(chrom) == split
            here = sites[(sites["chrom"] == chrom) & (sites["start"] >= start) & (sites["end"] <= start + 100)]
            regions = opened[(opened["chrom"] == chrom) & opened["Microglia"]]
            regions = {r.name for r in regions.itertuples() for s in here.itertuples() if r.start <= s.start < r.end}
            assert regions
            found |= regions
        assert Counter(map(sorted_pairs, bound.strings())) == Counter(
            map(sorted_pairs, part.sequences.take(part.labels == 0).strings())
        )
    assert len(found) >= task.counts()["bound"].sum() + sum(task.dropped.values()) > 10
    every = open_world_task(cells_world, "TFBS", 100).counts()["bound"].sum()
    assert every > task.counts()["bound"].sum()


def sorted_pairs(string):
    return "".join(sorted(a + b for a, b in pairwise(string)))
