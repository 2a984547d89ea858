"""Tables about labels: how many, where they come from, and whether they are right."""

import numpy as np
import pandas as pd

from regdna.data import dna
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import expand
from regdna.data.labels import BIN
from regdna.data.liftover import STATUSES, aligned_pieces
from regdna.data.motifs import best_scores, log_odds
from regdna.worlds.catalogue import SPLITS

NEAR = 50  # bases on either side of a peak's center that are searched for its motif
AWAY = 1000  # bases from the center where the same search should find nothing special


def experiment_table(labelled):
    """Count peaks and bins of experiments (Table 1 of Phan et al. 2024, for this world).

    Parameters
    ----------
    labelled : dict of str to regdna.data.labels.Labels
        By experiment.

    Returns
    -------
    pandas.DataFrame
        By experiment: peaks, positive bins in all and per split, the share of all bins that is positive,
        pseudo-labelled bins, and ``increase``: how many times as many positives there are with them as without.
    """
    rows = {}
    for experiment, labels in labelled.items():
        positive = labels.bins[labels.bins["positive"]]
        by_split = positive["split"].value_counts()
        rows[experiment] = {
            "peaks": len(labels.peaks),
            "positive bins": len(positive),
            **{split: int(by_split.get(split, 0)) for split in SPLITS},
            "% of bins": 100 * len(positive) / len(labels.bins),
            "pseudo-labelled": len(labels.pseudo),
            "increase": 1 + len(labels.pseudo) / max(len(positive), 1),
        }
    table = pd.DataFrame(rows).T
    counts = [column for column in table if column not in ("% of bins", "increase")]
    return table.astype(dict.fromkeys(counts, int))


def pseudo_table(labelled, world):
    """Count pseudo-labelled bins by relative and experiment (Table S1 of Phan et al. 2024, for this world).

    Parameters
    ----------
    labelled : dict of str to regdna.data.labels.Labels
        By experiment.
    world : regdna.worlds.catalogue.World

    Returns
    -------
    pandas.DataFrame
        By species, the reference (its positive bins) first, then nearest first; one column for each experiment.
    """
    columns = {}
    for experiment, labels in labelled.items():
        counts = labels.pseudo["species"].value_counts().reindex(world.relatives, fill_value=0)
        own = pd.Series({world.reference: int(labels.bins["positive"].sum())})
        columns[experiment] = pd.concat([own, counts])
    return pd.DataFrame(columns)


def yield_table(labels, world):
    """Count what became of each peak of one experiment in each relative.

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


def identity_table(labels, world):
    """Measure how alike pseudo-labelled bins and their source peaks are, along the chains.

    Parameters
    ----------
    labels : regdna.data.labels.Labels
    world : regdna.worlds.catalogue.World

    Returns
    -------
    pandas.DataFrame
        By species, nearest first: ``bins``, mean over the pseudo-labelled bins of ``aligned`` (share of the bin's bases
        that a base of the peak is aligned to) and ``identical`` (share of these that are the same letter).
    """
    reference = Genome(world.genome_path(world.reference), world.aliases)
    peaks, rows = labels.peaks, {}
    for species in world.relatives:
        bins = labels.pseudo[labels.pseudo["species"] == species]
        bases = _aligned_bases(
            read_chains(world.chain_path(species)), peaks, reference, Genome(world.genome_path(species))
        )
        by_bin = bases.groupby(["peak", "chrom", "start"])["same"].agg(["size", "mean"]).reset_index()
        found = bins.merge(by_bin, how="left", on=["peak", "chrom", "start"])
        aligned = found["size"].fillna(0).mean() / BIN
        rows[species] = {"bins": len(bins), "aligned": aligned, "identical": found["mean"].mean()}
    return pd.DataFrame(rows).T.astype({"bins": int})


def _aligned_bases(chains, peaks, reference, other):
    """One row for each aligned base of each peak: the peak, its bin there (chrom, start), whether it is the same."""
    pieces = aligned_pieces(chains, peaks["chrom"], peaks["start"], peaks["end"])
    piece, item = expand(pieces.size)
    peak, chain = pieces.interval[piece], pieces.chain[piece]
    at, to = pieces.start[piece].astype(np.int64) + item, pieces.to[piece].astype(np.int64) + item
    minus, q_chrom = chains.minus[chain], chains.q_chrom[chain]
    to = np.where(minus, chains.q_sizes[q_chrom] - 1 - to, to)
    here, there = np.empty((2, len(at)), np.uint8)
    chroms = peaks["chrom"].to_numpy(object)[peak]
    for name in np.unique(peaks["chrom"].to_numpy(object)):
        rows = chroms == name
        here[rows] = reference.codes(name)[at[rows]]
    for number in np.unique(q_chrom):
        rows = q_chrom == number
        there[rows] = other.codes(chains.q_names[number])[to[rows]]
    there = np.where(minus, dna.COMPLEMENT[there], there)
    names = chains.q_names.astype(object)
    return pd.DataFrame({"peak": peak, "chrom": names[q_chrom], "start": to // BIN * BIN, "same": here == there})


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
    return found / len(center) if len(center) else float("nan")


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
