"""Worlds whose every file is written by hand: three chromosomes, one of each split, and relatives."""

import json

import numpy as np
import yaml

from regdna.worlds.catalogue import open_world
from regdna.worlds.writers import Chain, write_chains, write_fasta

SIZE = 3000  # bases of every chromosome
SPLIT = {"one": "train", "two": "validation", "three": "test"}


def letters(seed, names, unknown=()):
    """Draw chromosomes; ``unknown`` are stretches of N as (chromosome, start, end)."""
    rng = np.random.default_rng(seed)
    genome = {name: rng.integers(0, 4, SIZE).astype(np.uint8) for name in names}
    for name, start, end in unknown:
        genome[name][start:end] = 4
    return genome


def block(chrom, start, to, size=200, to_chrom="r", minus=False, score=1, torn=0):
    """A chain of one block, or of two that lie ``torn`` bases apart in the relative; ``to`` counts on its strand."""
    half = size // 2
    two = [(start, to, half), (start + half, to + half + torn, size - half)]
    return Chain(score, chrom, SIZE, to_chrom, SIZE, minus, *np.array(two if torn else [(start, to, size)]).T)


def bed(*intervals):
    """The text of a BED file of (chromosome, start, end)."""
    return "".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in intervals)


def handmade_world(folder, chains, peaks, unknown=(), unknown_there=(), **description):
    """Write and open a world.

    ``chains`` are the chains to each relative, ``peaks`` is the text of the peaks of its experiment E, ``unknown`` and
    ``unknown_there`` are stretches of N of the reference and of the relatives, and ``description`` is what its
    description says besides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = {
        "name": "small",
        "title": "Small",
        "simulated": False,
        "jaspar": {"release": "JASPAR2024", "tax_group": "fungi"},
        "reference": "ref",
        "genomes": [{"name": name} for name in ("ref", *chains)],
        "test_chromosomes": ["three"],
        "validation_chromosomes": ["two"],
        "experiments": [{"name": "E"}],
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(text | description))
    world = open_world("small", folder, folder / "built")
    write_fasta(world.genome_path("ref"), letters(0, SPLIT, unknown))
    for number, (species, some) in enumerate(chains.items(), 1):
        write_fasta(world.genome_path(species), letters(number, ("r", "s"), unknown_there))
        write_chains(world.chain_path(species), some)
    world.peaks_path("E").parent.mkdir(exist_ok=True)
    world.peaks_path("E").write_text(peaks)
    world.ready.write_text(json.dumps({"world": "small", "fingerprint": "handmade"}))
    return world
