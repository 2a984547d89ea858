"""Tables of the book, as data frames."""

import numpy as np
import pandas as pd

from regdna.data import dna
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import expand
from regdna.data.labels import label_world
from regdna.data.liftover import STATUSES
from regdna.data.motifs import best_scores, log_odds

NEAR = 50  # bases on either side of a peak's center that are searched for its motif
AWAY = 1000  # bases from the center where the same search should find nothing special


def experiment_table(world):
    """Count peaks and bins of every experiment (Table 1 of Phan et al. 2024, for this world).

    Returns
    -------
    pandas.DataFrame
        By experiment: peaks, positive bins in all and per split, the share of all bins that is positive, and
        pseudo-labelled training bins.
    """
    rows = []
    for experiment in world.experiments:
        labels = label_world(world, experiment)
        positive = labels.bins[labels.bins["positive"]]
        by_split = positive["split"].value_counts()
        rows.append(
            {
                "experiment": experiment,
                "peaks": len(labels.peaks),
                "positive bins": len(positive),
                **{split: int(by_split.get(split, 0)) for split in ("train", "validation", "test")},
                "% of bins": 100 * len(positive) / len(labels.bins),
                "pseudo-labelled (train)": int((labels.pseudo["split"] == "train").sum()),
            }
        )
    return pd.DataFrame(rows).set_index("experiment")


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
        here = read_chains(world.chain_path(species)).on(chrom)
        genome = Genome(world.genome_path(species))
        row, item = expand(here.block_size)
        chain = here.block_chain[row]
        at, to = here.block_start[row] + item, here.block_to[row] + item
        to = np.where(here.minus[chain], here.q_size[chain] - 1 - to, to)
        other = np.empty(len(to), np.uint8)
        for name in np.unique(here.q_name[chain]):
            there = here.q_name[chain] == name
            other[there] = genome.codes(name)[to[there]]
        other = np.where(here.minus[chain], dna.COMPLEMENT[other], other)
        aligned = np.zeros(len(reference), bool)
        aligned[at] = True
        rows[species] = {"aligned": aligned.mean(), "identical": (other == reference[at]).mean()}
    table = pd.DataFrame(rows).T
    if world.distances:
        table.insert(0, "distance", pd.Series(world.distances))
    return table


def yield_table(labels, world):
    """Count what became of each peak in each relative (Table S1 of Phan et al. 2024, for this world).

    Returns
    -------
    pandas.DataFrame
        By species, nearest first: one column per liftover status, and ``pseudo-labelled`` bins. The statuses of a row
        add up to the number of peaks.
    """
    counts = labels.lifted.groupby("species")["status"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(index=world.relatives, columns=STATUSES, fill_value=0)
    counts["pseudo-labelled"] = labels.pseudo["species"].value_counts().reindex(world.relatives, fill_value=0)
    if world.distances:
        counts.insert(0, "distance", pd.Series(world.distances))
    return counts.rename_axis(None, axis=1)


def motif_table(labels, world, motif, share=0.7):
    """Ask in which share of homologs the motif is still there.

    Parameters
    ----------
    labels : regdna.data.labels.Labels
    world : regdna.worlds.catalogue.World
    motif : regdna.worlds.jaspar.Motif
    share : float
        A window has the motif if its best score reaches this share of the highest possible one.

    Returns
    -------
    pandas.DataFrame
        By species, the reference first: ``at the peak`` (share with the motif within 50 b of the center), ``1 kb away``
        (the same search beside it).
    """
    threshold = share * log_odds(motif.probabilities).max(axis=1).sum()
    homologs = labels.lifted[labels.lifted["status"] == "lifted"]
    places = {world.reference: labels.peaks[["chrom", "start", "end"]]}
    for species in world.relatives:
        here = homologs[homologs["species"] == species]
        places[species] = here[["to_chrom", "to_start", "to_end"]].set_axis(["chrom", "start", "end"], axis=1)
    rows = {}
    for species, table in places.items():
        genome = Genome(world.genome_path(species))
        center = (table["start"] + table["end"]).to_numpy() // 2
        rows[species] = {
            name: _share_with_motif(genome, table["chrom"].to_numpy(), center + shift, motif, threshold)
            for name, shift in (("at the peak", 0), ("1 kb away", AWAY))
        }
    return pd.DataFrame(rows).T


def _share_with_motif(genome, chrom, center, motif, threshold):
    found = 0
    for name in np.unique(chrom.astype(str)):
        windows = genome.windows(name, center[chrom == name] - NEAR, 2 * NEAR)
        found += int((best_scores(windows, motif.probabilities) >= threshold).sum())
    return found / len(center)


def survival_table(labels, world, factor):
    """Ask the simulation's truth in which share of homologs the factor's site is still under selection.

    Parameters
    ----------
    labels : regdna.data.labels.Labels
    world : regdna.worlds.catalogue.World
        A simulated one.
    factor : str
        As the truth table names it.

    Returns
    -------
    pandas.Series
        By species, nearest first: alive sites as a share of the lifted peaks that hold a site of the factor.
    """
    sites = pd.read_csv(world.built / "truth" / "sites.tsv.gz", sep="\t")
    sites = sites[(sites["factor"] == factor) & (sites["kind"] != "closed") & sites[world.reference]]
    sites = sites.sort_values("start")
    sites["center"] = (sites["start"] + sites["end"]) // 2
    peaks = labels.peaks.assign(
        peak=np.arange(len(labels.peaks)), center=(labels.peaks["start"] + labels.peaks["end"]) // 2
    )
    near = pd.merge_asof(
        peaks.sort_values("center"),
        sites.drop(columns=["start", "end"]),
        on="center",
        by="chrom",
        direction="nearest",
        tolerance=60,
    ).set_index("peak")
    lifted = labels.lifted[labels.lifted["status"] == "lifted"]
    share = {}
    for species in world.relatives:
        alive = near.loc[lifted.loc[lifted["species"] == species, "peak"], species].dropna()
        share[species] = float(alive.astype(bool).mean())
    return pd.Series(share, name="site alive")


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
