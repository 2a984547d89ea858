from dataclasses import replace

import numpy as np
import pytest

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.unlabeled import held_out_windows, unlabeled_windows

WIDTH = 50


def rng(seed=0):
    return np.random.default_rng(seed)


def kmers(world, species, splits=("train", "validation", "test")):
    """All words of WIDTH letters of some chromosomes, of both strands."""
    genome, found = Genome(world.genome_path(species)), set()
    for chrom in genome.lengths:
        if species != world.reference or world.split(chrom) in splits:
            for codes in (genome.codes(chrom), dna.reverse_complement(genome.codes(chrom))):
                text = dna.decode(codes)
                found.update(text[at : at + WIDTH] for at in range(len(text) - WIDTH + 1))
    return found


@pytest.fixture(scope="module")
def pair(tiny_world):
    """The tiny world with one relative, a distant one."""
    return replace(tiny_world, relatives=tiny_world.relatives[-1:])


def test_from_all_genomes_but_held_out_chromosomes(pair):
    texts = [dna.decode(row) for row in unlabeled_windows(pair, 400, WIDTH, rng())]
    train, relative = kmers(pair, pair.reference, ["train"]), kmers(pair, pair.relatives[0])
    own, other = sum(text in train for text in texts), sum(text in relative for text in texts)
    assert all(text in train or text in relative for text in texts)
    bases = {name: sum(Genome(pair.genome_path(name)).lengths.values()) for name in (pair.reference, pair.relatives[0])}
    lengths = Genome(pair.genome_path(pair.reference)).lengths
    bases[pair.reference] = sum(length for chrom, length in lengths.items() if pair.split(chrom) == "train")
    expected = 400 * bases[pair.reference] / sum(bases.values())
    assert abs(own - expected) < 60 and own + other >= 400


def test_held_out(pair):
    texts = [dna.decode(row) for row in held_out_windows(pair, 50, WIDTH, rng())]
    assert set(texts) <= kmers(pair, pair.reference, ["validation"])


def test_both_strands(pair):
    """Windows of one strand would all be found on it."""
    genome = Genome(pair.genome_path(pair.reference))
    forward = {chrom: dna.decode(genome.codes(chrom)) for chrom in genome.lengths}
    texts = [dna.decode(row) for row in held_out_windows(pair, 200, WIDTH, rng())]
    assert 60 < sum(any(text in whole for whole in forward.values()) for text in texts) < 140


def test_seed(pair):
    one, same, other = (unlabeled_windows(pair, 30, WIDTH, rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and one.dtype == np.uint8 and one.shape == (30, WIDTH)


def made(world, folder, sequence):
    """The world with a reference of one validation chromosome and no more."""
    (folder / "genomes").mkdir()
    chrom = min(world.validation_chromosomes)
    (folder / "genomes" / f"{world.reference}.fa").write_text(f">{chrom}\n{sequence}\n")
    return replace(world, built=folder)


def test_windows_of_n_are_left_out(tiny_world, tmp_path):
    world = made(tiny_world, tmp_path, "ACGT" * 50 + "N" * 200 + "TTGA" * 50)
    windows = held_out_windows(world, 100, WIDTH, rng())
    assert ((windows == 4).mean(1) <= world.max_unknown).all() and len(windows) == 100


@pytest.mark.parametrize(
    "sequence, message", [("N" * 500, "too full of N"), ("ACGT", "no validation chromosome has 50")]
)
def test_nothing_to_draw(tiny_world, tmp_path, sequence, message):
    with pytest.raises(ValueError, match=message):
        held_out_windows(made(tiny_world, tmp_path, sequence), 5, WIDTH, rng())


def test_named_chromosomes_only(pair):
    lengths = Genome(pair.genome_path(pair.reference)).lengths
    train = [chrom for chrom in lengths if pair.split(chrom) == "train"]
    alone = replace(pair, relatives=(), chromosomes=tuple(train[:1]))
    genome = Genome(pair.genome_path(pair.reference))
    both = [dna.decode(genome.codes(train[0])), dna.decode(dna.reverse_complement(genome.codes(train[0])))]
    texts = [dna.decode(row) for row in unlabeled_windows(alone, 20, WIDTH, rng())]
    assert all(any(text in strand for strand in both) for text in texts)
