"""Called peaks against the sites that a simulated world has planted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from regdna.data.intervals import touched
from regdna.data.peaks import read_narrowpeak
from regdna.worlds.elements import CLOSED


class Comparison(NamedTuple):
    """Called peaks and planted sites, held against each other.

    A peak is true if a planted site lies in it; a site is found if it lies in a peak.

    Attributes
    ----------
    called : pandas.DataFrame
        As from :func:`regdna.data.peaks.read_narrowpeak`, and ``true`` (bool).
    planted : pandas.DataFrame
        As from :func:`planted_sites`, and of the peak it lies in: ``log_q`` and ``distance`` (of the summit from the
        site, in bases); NaN for a site that is not found.
    """

    called: pd.DataFrame
    planted: pd.DataFrame

    @property
    def precision(self):
        """Share of the called peaks that are true."""
        return float(self.called["true"].mean())

    @property
    def recall(self):
        """Share of the planted sites that are found."""
        return float(self.planted["log_q"].notna().mean())


def planted_sites(world, experiment):
    """List the places that an experiment's protein or mark sits on in truth.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one, built.
    experiment : str

    Returns
    -------
    pandas.DataFrame
        chrom, position (0-based center of the site or element), signal (occupancy); in order of position. What is
        alive on the reference, open, and bound.
    """
    described = world.experiments[experiment]
    if described["at"] == "sites":
        truth = pd.read_csv(world.built / "truth" / "sites.tsv.gz", sep="\t", keep_default_na=False)
        truth = truth[(truth["factor"] == described["motif"]) & (truth["kind"] != CLOSED)]
    else:
        truth = pd.read_csv(world.built / "truth" / "elements.tsv.gz", sep="\t")
        truth = truth[truth["kind"].isin(described["kinds"])]
    truth = truth[truth[world.reference] & (truth["start"] >= 0)]
    truth = truth.assign(position=(truth["start"] + truth["end"]) // 2)[["chrom", "position"]].sort_values("position")
    bound = read_narrowpeak(world.peaks_path(experiment))[["chrom", "summit", "signal"]].sort_values("summit")
    near = pd.merge_asof(
        truth,
        bound,
        left_on="position",
        right_on="summit",
        by="chrom",
        direction="nearest",
        tolerance=described.get("jitter", 5),  # the summit of a true peak lies so near its site
    )
    return near.dropna(subset="signal").drop(columns="summit").reset_index(drop=True)


def compare_peaks(called, planted):
    """Hold called peaks against planted sites.

    Parameters
    ----------
    called : pandas.DataFrame
        As from :func:`regdna.data.peaks.read_narrowpeak`; peaks must not overlap, as those of macs3 do not.
    planted : pandas.DataFrame
        As from :func:`planted_sites`.

    Returns
    -------
    Comparison
    """
    columns = called[["chrom", "start", "end", "log_q", "summit"]].sort_values("start")
    near = pd.merge_asof(
        planted.sort_values("position"), columns, left_on="position", right_on="start", by="chrom", direction="backward"
    )
    inside = near["position"] < near["end"]
    planted = near[["chrom", "position", "signal"]].assign(
        log_q=near["log_q"].where(inside), distance=(near["summit"] - near["position"]).where(inside)
    )
    return Comparison(called.assign(true=_touched(called, planted["chrom"], planted["position"])), planted)


def _touched(peaks, chrom, start, end=None):
    end = start + 1 if end is None else end
    hit = np.zeros(len(peaks), bool)
    for name, rows in peaks.groupby("chrom").indices.items():
        there = (chrom == name).to_numpy()
        here = peaks.iloc[rows]
        hit[rows] = touched(here["start"], here["end"], start[there], end[there])
    return hit


def precision_recall(comparison):
    """Follow precision and recall down the list of called peaks, the surest first.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    pandas.DataFrame
        A row for each q-value that occurs, ascending: q_value, peaks (called at it), precision, recall.
    """
    called, planted = comparison.called["log_q"].to_numpy(), comparison.planted["log_q"].to_numpy()
    cutoff = np.unique(called)[::-1]
    peaks = (called >= cutoff[:, None]).sum(axis=1)
    true = (called[comparison.called["true"]] >= cutoff[:, None]).sum(axis=1)
    found = (planted >= cutoff[:, None]).sum(axis=1)
    return pd.DataFrame(
        {"q_value": 10.0**-cutoff, "peaks": peaks, "precision": true / peaks, "recall": found / len(planted)}
    )


def recall_by_signal(comparison, parts=5):
    """Measure the recall of weak and of strong sites.

    Parameters
    ----------
    comparison : Comparison
    parts : int
        Into so many parts of equal size the sites are cut, by signal.

    Returns
    -------
    pandas.DataFrame
        By part, the weakest first: weakest and strongest signal in it, sites, found, recall.
    """
    planted = comparison.planted
    groups = planted.groupby(pd.qcut(planted["signal"], parts, labels=range(1, parts + 1)), observed=True)
    table = groups["signal"].agg(weakest="min", strongest="max", sites="size")
    table["found"] = groups["log_q"].count()
    return table.assign(recall=table["found"] / table["sites"]).rename_axis("part")


def peak_places(world, comparison):
    """Say where the called peaks lie.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A simulated one, built.
    comparison : Comparison

    Returns
    -------
    pandas.Series of str
        For each called peak: ``at a planted site``, else ``in open chromatin`` (it shares a base with an open element)
        or ``elsewhere``.
    """
    called = comparison.called
    elements = pd.read_csv(world.built / "truth" / "elements.tsv.gz", sep="\t")
    opened = elements[elements[world.reference] & (elements["kind"] != CLOSED)]
    in_open = _touched(called, opened["chrom"], opened["start"], opened["end"])
    place = np.where(called["true"], "at a planted site", np.where(in_open, "in open chromatin", "elsewhere"))
    return pd.Series(place, index=called.index, name="place")


def agreement_table(called, true):
    """Compare the positive bins of two sets of labels of one world.

    Parameters
    ----------
    called, true : regdna.data.labels.Labels

    Returns
    -------
    pandas.DataFrame
        For bins of the reference and for pseudo-labelled bins of the relatives: both, called only, true only (numbers
        of bins), precision and recall of the called ones.
    """
    rows = {}
    for name, bins in (("reference", _reference_bins), ("relatives", _pseudo_bins)):
        ours, theirs = bins(called), bins(true)
        both = len(ours & theirs)
        rows[name] = {
            "both": both,
            "called only": len(ours) - both,
            "true only": len(theirs) - both,
            "precision": both / len(ours),
            "recall": both / len(theirs),
        }
    table = pd.DataFrame(rows).T
    counts = ["both", "called only", "true only"]
    return table.astype(dict.fromkeys(counts, int))


def _reference_bins(labels):
    return set(np.flatnonzero(labels.bins["positive"]).tolist())


def _pseudo_bins(labels):
    return set(zip(*(labels.pseudo[column].tolist() for column in ("species", "chrom", "start"))))
