"""What a simulation knows and a biologist does not: which homolog has kept its site."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from regdna.training.metrics import auroc


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
    experiment = dataset.provenance["experiment"]
    if not world.simulated:
        raise ValueError(f"world {world.name} is real; which homologs have kept their site is not known")
    described = world.experiments[experiment]
    if described["at"] != "sites":
        raise ValueError(f"{experiment} is peaked at {described['at']}, not at sites")
    sites = pd.read_csv(world.built / "truth" / "sites.tsv.gz", sep="\t", keep_default_na=False)
    sites = sites[(sites["factor"] == described["motif"]) & sites[world.reference] & (sites["start"] >= 0)]
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


def separation_curve(kept, confidence):
    """Receiver operating characteristic of a confidence; returns (false positive rate, true positive rate)."""
    return roc_curve(kept, confidence)[:2]
