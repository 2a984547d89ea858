"""What a simulation knows and a biologist does not: which homolog has kept its site."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from regdna.data.motifs import best_scores
from regdna.training.metrics import auroc
from regdna.worlds.elements import CLOSED
from regdna.worlds.jaspar import fetch_motifs
from regdna.worlds.snps import log_affinity


def kept_sites(world, dataset):
    """Say for each pseudo-labelled training window whether a site of the factor is still under selection there.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one.
    dataset : regdna.data.datasets.Dataset
        Of an experiment that is peaked at sites.

    Returns
    -------
    pandas.DataFrame
        Columns row (of the data set), genome, kept (bool).

    Raises
    ------
    ValueError
        If the world is not simulated, or the experiment's peaks are not at sites.
    """
    described = _at_sites(world, dataset.provenance["experiment"])
    sites = _sites(world)
    sites = sites[sites["factor"] == described["motif"]]
    peaks, relatives = dataset.peaks, list(world.relatives)
    alive = np.zeros((len(peaks), len(relatives)), bool)
    for row, peak in enumerate(peaks.itertuples()):
        inside = (sites["chrom"] == peak.chrom) & (sites["start"] < peak.end) & (sites["end"] > peak.start)
        alive[row] = sites.loc[inside, relatives].any(axis=0)
    table = dataset.intervals
    rows = np.flatnonzero((table["genome"] != world.reference) & (table["split"] == "train"))
    genome, peak = table["genome"].astype(str).to_numpy()[rows], table["source_peak"].astype(str).to_numpy()[rows]
    place = pd.Index(peaks["name"]).get_indexer(peak), pd.Index(relatives).get_indexer(genome)
    return pd.DataFrame({"row": rows, "genome": genome, "kept": alive[place]})


def planted_motif(world, experiment):
    """Get the matrix that a simulated factor binds by.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one.
    experiment : str
        Peaked at sites.

    Returns
    -------
    regdna.worlds.jaspar.Motif

    Raises
    ------
    ValueError
        If the world is not simulated, or the experiment's peaks are not at sites.
    """
    plan = world.description["simulation"]
    name = plan["factors"][_at_sites(world, experiment)["motif"]]["motif"]
    return fetch_motifs([name], plan["jaspar"])[name]


def motif_ranking(world, dataset):
    """Rank the test bins by the planted matrix alone, and say what lies where it fits best.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one.
    dataset : regdna.data.datasets.Dataset
        Of an experiment that is peaked at sites.

    Returns
    -------
    pandas.DataFrame
        One row for each test bin, the best first: label, score (log-odds in bits of the best match on either strand),
        and holds, what is under selection at the best match: ``site``, the factor's own in open chromatin; ``decoy``,
        its own where chromatin is closed in this cell type; the name of another motif; or ``nothing``.

    Raises
    ------
    ValueError
        If the world is not simulated, or the experiment's peaks are not at sites.
    """
    experiment = dataset.provenance["experiment"]
    factor, motif = _at_sites(world, experiment)["motif"], planted_motif(world, experiment).probabilities
    table = dataset.intervals
    rows = np.flatnonzero((table["genome"] == world.reference) & (table["split"] == "test"))
    codes = dataset.codes[rows]
    flank = (dataset.window - (table["end"] - table["start"]).iloc[0]) // 2
    _, place = log_affinity(codes, motif)
    begin = table["start"].to_numpy()[rows] - flank + place
    found = pd.DataFrame(
        {
            "label": table["label"].to_numpy()[rows],
            "score": best_scores(codes, motif),
            "holds": _planted_at(_sites(world), table["chrom"].astype(str).to_numpy()[rows], begin, len(motif), factor),
        }
    )
    return found.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _planted_at(sites, chrom, begin, width, factor):
    names = np.where(sites["kind"] == CLOSED, "decoy", "site")
    names = np.where(sites["factor"] == factor, names, sites["motif"])
    holds = np.full(len(begin), "nothing", object)
    for name, here in sites.assign(name=names).groupby("chrom"):
        here, on = here.sort_values("start"), np.flatnonzero(chrom == name)
        after = np.searchsorted(here["start"], begin[on] + width)  # sites never overlap each other
        last = np.maximum(after - 1, 0)
        hit = (after > 0) & (here["end"].to_numpy()[last] > begin[on])
        holds[on[hit]] = here["name"].to_numpy()[last[hit]]
    return holds


def separation(kept, confidences):
    """How well confidences tell homologs that have kept their site from those that have lost it.

    Parameters
    ----------
    kept : bool array, shape (N,)
    confidences : dict of str to float array, shape (N,)
        By teacher.

    Returns
    -------
    pandas.DataFrame
        By teacher: mean confidence where the site is ``kept`` and where it is ``lost``, and the ``AUROC`` between them.
    """
    rows = {
        name: {"kept": values[kept].mean(), "lost": values[~kept].mean(), "AUROC": auroc(kept, values)}
        for name, values in confidences.items()
    }
    return pd.DataFrame(rows).T


def _at_sites(world, experiment):
    if not world.simulated:
        raise ValueError(f"world {world.name} is real; where its factors' sites are is not known")
    described = world.experiments[experiment]
    if described["at"] != "sites":
        raise ValueError(f"{experiment} is peaked at {described['at']}, not at sites")
    return described


def _sites(world):
    """The sites under selection on the reference."""
    sites = pd.read_csv(world.built / "truth" / "sites.tsv.gz", sep="\t", keep_default_na=False)
    return sites[sites[world.reference] & (sites["start"] >= 0)]


def separation_curve(kept, confidence):
    """Receiver operating characteristic of a confidence; returns (false positive rate, true positive rate)."""
    return roc_curve(kept, confidence)[:2]
