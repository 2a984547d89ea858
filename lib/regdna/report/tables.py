"""Tables of the book, as data frames."""

import numpy as np
import pandas as pd

from regdna.data import dna
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import expand


def divergence_table(world, chrom):
    """Measure how far the relatives are, on one chromosome of the reference.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    chrom : str

    Returns
    -------
    pandas.DataFrame
        By species, nearest first: ``aligned`` (share of the chromosome's bases in a block of a chain), ``identical``
        (share of the aligned bases that are the same letter) and, where the world has a tree, ``distance``.
    """
    reference = Genome(world.genome_path(world.reference), world.aliases).codes(chrom)
    rows = {}
    for species in world.relatives:
        chains = read_chains(world.chain_path(species))
        here = chains.on(chrom)
        genome = Genome(world.genome_path(species))
        row, item = expand(here.end - here.start)
        at, to, chain = here.start[row] + item, here.to[row] + item, here.chain[row]
        minus, of = chains.minus[chain], chains.q_chrom[chain]
        to = np.where(minus, chains.q_sizes[of] - 1 - to, to)
        other = np.empty(len(to), np.uint8)
        for number in np.unique(of):
            there = of == number
            other[there] = genome.codes(chains.q_names[number])[to[there]]
        other = np.where(minus, dna.COMPLEMENT[other], other)
        aligned = np.zeros(len(reference), bool)
        aligned[at] = True
        rows[species] = {"aligned": aligned.mean(), "identical": (other == reference[at]).mean()}
    table = pd.DataFrame(rows).T
    if world.distances:
        table.insert(0, "distance", pd.Series(world.distances))
    return table


def regime_table(runs):
    """Summarize runs by regime.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns as in :data:`regdna.training.runs.METRICS`, of one experiment and model.

    Returns
    -------
    pandas.DataFrame
        By regime, in order of appearance: mean and standard deviation (n - 1) of AUPR and AUROC over seeds, number of
        seeds, gradient steps and mean seconds.
    """
    groups = runs.groupby("regime", sort=False)
    return pd.DataFrame(
        {
            "AUPR": groups["aupr"].mean(),
            "± sd": groups["aupr"].std(),
            "AUROC": groups["auroc"].mean(),
            "± sd ": groups["auroc"].std(),
            "seeds": groups.size(),
            "steps": groups["steps"].first(),
            "seconds": groups["seconds"].mean(),
        }
    )
