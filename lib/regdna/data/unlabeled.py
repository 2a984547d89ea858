"""Windows of a world's genomes without any label, to pretrain on."""

import numpy as np

from regdna.data import dna
from regdna.data.genome import Genome

ROUNDS = 20  # draws before a genome counts as too full of N


def unlabeled_windows(world, number, width, rng):
    """Draw windows from all genomes of a world, test and validation chromosomes of the reference left out.

    Every place of every genome is drawn as often, on either strand. The homologs of the chromosomes that are left out
    cannot be: in a relative they lie anywhere. They are drawn, without a label.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    number : int
    width : int
        In bases.
    rng : numpy.random.Generator

    Returns
    -------
    uint8 array, shape (number, width)
        Codes, in random order; at most ``world.max_unknown`` of a window is N.

    Raises
    ------
    ValueError
        If no chromosome is so long, or the genomes are too full of N.
    FileNotFoundError
        If a genome is absent.
    """
    return _draw(world, (world.reference, *world.relatives), "train", number, width, rng)


def held_out_windows(world, number, width, rng):
    """Draw windows from the reference's validation chromosomes; as :func:`unlabeled_windows` in all else."""
    return _draw(world, (world.reference,), "validation", number, width, rng)


def _draw(world, species, split, number, width, rng):
    genomes = {name: _chromosomes(world, name, split, width) for name in species}
    places = {name: sum(lengths.values()) for name, lengths in genomes.items()}
    if not sum(places.values()):
        raise ValueError(f"{world.name}: no {split} chromosome has {width} bases")
    share = np.array(list(places.values())) / sum(places.values())
    numbers = rng.multinomial(number, share)
    # One genome after the other, so that no two of them are in memory.
    parts = [_windows(world, name, genomes[name], many, width, rng) for name, many in zip(genomes, numbers) if many]
    windows = rng.permutation(np.concatenate([np.zeros((0, width), np.uint8), *parts]))
    turned = rng.random(number) < 0.5
    windows[turned] = dna.reverse_complement(windows[turned])
    return windows


def _open(world, name):
    return Genome(world.genome_path(name), world.aliases if name == world.reference else None)


def _chromosomes(world, name, split, width):
    """Number of places for a window on each chromosome; dict of str to int."""
    lengths = _open(world, name).lengths
    if name == world.reference:
        own = {other: world.split(other) for other in world.chromosomes or lengths}
        lengths = {other: lengths[other] for other, part in own.items() if part == split}
    return {other: length - width + 1 for other, length in lengths.items() if length >= width}


def _windows(world, name, places, number, width, rng):
    genome, kept, missing = _open(world, name), [], number
    share = np.array(list(places.values())) / sum(places.values())
    for _ in range(ROUNDS):
        for chrom, many in zip(places, rng.multinomial(missing, share)):
            windows = genome.windows(chrom, rng.integers(0, places[chrom], many), width)
            kept.append(windows[(windows == dna.N_CODE).mean(1) <= world.max_unknown])
        missing = number - sum(map(len, kept))
        if not missing:
            return np.concatenate(kept)
    raise ValueError(f"{genome.path}: too full of N; {number} windows of {width} bases were asked for")
