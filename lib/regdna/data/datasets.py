"""A labelled data set as one folder: windows as codes, where each comes from, and how they were made."""

import hashlib
import json
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from regdna import __version__
from regdna.data.genome import Genome
from regdna.data.intervals import covered_bins
from regdna.data.labels import BIN, label_world
from regdna.data.ledger import Ledger
from regdna.data.liftover import MERGE_GAP
from regdna.files import alone, atomic_folder, check_name, sha256, write_table, write_text

NEGATIVES = 2_000_000  # training negatives that are kept, drawn at random: more than a regime draws at a time
TABLES = ("intervals.tsv.gz", "peaks.tsv.gz", "homologs.tsv.gz")
CATEGORIES = ("genome", "chrom", "split", "source_peak", "source_chrom")


@dataclass(frozen=True)
class Dataset:
    """The labelled windows of one experiment.

    Attributes
    ----------
    folder : pathlib.Path
    codes : uint8 array, shape (N, window)
        Mapped into memory from ``codes.npy``: a row is read when it is asked for.
    intervals : pandas.DataFrame
        One row for each window: genome, chrom, start, end (0-based half-open, of the bin that is labelled; a window
        wider than its bin is centered on it), label (1 positive, 0 negative), split, and where the label comes from:
        source_peak and source_chrom, the peak of the reference and its chromosome ("" for a negative). Bins of the
        reference come first, in genome order, then the pseudo-labelled bins of each relative.
    peaks : pandas.DataFrame
        On the reference: chrom, start, end, name, split.
    homologs : pandas.DataFrame
        Homologous peaks of the relatives that may be seen at any phase: genome, chrom, start, end, split, source_peak.
    provenance : dict
        World, experiment, rules, hashes, versions, and the ledger of the labelling.
    """

    folder: Path
    codes: np.ndarray
    intervals: pd.DataFrame
    peaks: pd.DataFrame
    homologs: pd.DataFrame
    provenance: dict

    @property
    def window(self):
        """Width of a window in bases."""
        return self.codes.shape[1]


def dataset(world, experiment, folder, peaks_path=None, window=BIN):
    """Open the data set of an experiment, and make it first if it is not there or was made from other inputs.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A built one.
    experiment : str
    folder : path
        Where data sets lie; this one is ``<folder>/<experiment>-<window>``.
    peaks_path : path, optional
        Peaks of a factor that the world does not name.
    window : int
        In bases: 200 for the bin alone, 1000 for its context as DeepSEA sees it.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError, FileNotFoundError
        If the world is not built, the window is no bin with equal flanks, a folder of that name holds something else,
        or as :func:`regdna.data.labels.label_world` raises them.
    """
    check_name(experiment)
    if window < BIN or (window - BIN) % 2:
        raise ValueError(f"window {window}: it must be a bin of {BIN} bases with equal flanks")
    path = Path(folder) / f"{experiment}-{window}"
    fingerprint = dataset_fingerprint(world, experiment, peaks_path, window)
    if not _is_made(path, fingerprint):
        with alone(path):
            if not _is_made(path, fingerprint):  # by another process, while this one waited
                _make(world, label_world(world, experiment, peaks_path, window), path, peaks_path, window, fingerprint)
    return open_dataset(path)


def open_dataset(folder):
    """Open a data set that is there.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the folder holds no data set, or a part of it is missing or damaged or does not fit the others.
    """
    folder = Path(folder)
    provenance = _provenance(folder)
    text = dict.fromkeys((*CATEGORIES, "experiment"), "category")
    try:
        intervals = pd.read_csv(folder / "intervals.tsv.gz", sep="\t", dtype=text, keep_default_na=False)
        names = {"chrom": str, "name": str}
        peaks = pd.read_csv(folder / "peaks.tsv.gz", sep="\t", dtype=names, keep_default_na=False)
        names = {"genome": str, "chrom": str, "source_peak": str}
        homologs = pd.read_csv(folder / "homologs.tsv.gz", sep="\t", dtype=names, keep_default_na=False)
        codes = np.load(folder / "codes.npy", mmap_mode="r", allow_pickle=False)
    except (EOFError, KeyError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"{folder} is damaged ({error}); delete it and make it again") from error
    for name in TABLES:  # the codes are large, and read where they are needed
        if sha256(folder / name) != provenance["sha256"][name]:
            raise ValueError(f"{folder / name} is not what was made; delete {folder} and make it again")
    rows, window = provenance["rows"], provenance["rules"]["window"]
    if codes.shape != (rows, window) or len(intervals) != rows:
        raise ValueError(
            f"{folder}: {' by '.join(map(str, codes.shape))} codes, {len(intervals)} intervals, and by its provenance "
            f"{rows} windows of {window} bases; delete it and make it again"
        )
    return Dataset(folder, codes, intervals, peaks, homologs, provenance)


def dataset_fingerprint(world, experiment, peaks_path=None, window=BIN):
    """Hash what a data set depends on: the world, the peaks and the rules; returns a hexadecimal SHA-256 digest."""
    rules = _rules(world, experiment, peaks_path, window)
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def _provenance(folder):
    """Read what tells that a folder is a data set."""
    path = folder / "provenance.json"
    try:
        provenance = json.loads(path.read_text())
        if {"fingerprint", "rows", "rules"} <= provenance.keys():
            return provenance
    except (AttributeError, OSError, ValueError):
        pass
    raise ValueError(f"{folder} is no data set; move it away or delete it")


def _is_made(folder, fingerprint):
    return folder.exists() and _provenance(folder)["fingerprint"] == fingerprint


def _rules(world, experiment, peaks_path, window):
    if not world.ready.exists():
        raise ValueError(f"world {world.name} is not built; run: regdna world {world.name}")
    peaks = Path(peaks_path or world.peaks_path(experiment))
    if not peaks.exists():
        raise FileNotFoundError(f"peak file {peaks} does not exist")
    return ({"unhashed": world.unhashed} if world.unhashed else {}) | {
        "regdna": __version__,
        "world": json.loads(world.ready.read_text()),
        "experiment": experiment,
        "peaks_sha256": sha256(peaks),
        "aliases": world.aliases,
        "test_chromosomes": sorted(world.test_chromosomes),
        "validation_chromosomes": sorted(world.validation_chromosomes),
        "chromosomes": world.chromosomes,
        "peak_width": world.peak_width,
        "max_unknown": world.max_unknown,
        "merge_gap": MERGE_GAP,
        "bin": BIN,
        "window": window,
        "negatives": NEGATIVES,
    }


def _make(world, labels, path, peaks_path, window, fingerprint):
    intervals = _intervals(world, labels)
    ledger = Ledger([*labels.ledger.steps])
    in_set, touching = (intervals["genome"] == world.reference).sum(), _touching(labels.bins).sum()
    beyond = len(labels.bins) - touching - in_set
    dropped = {"touches a peak": touching, "beyond the limit": beyond}
    ledger.add("sampling", world.reference, "bins", len(labels.bins), in_set, dropped)
    with atomic_folder(path) as folder:
        shape = (len(intervals), window)
        codes = np.lib.format.open_memmap(folder / "codes.npy", "w+", np.uint8, shape)
        for name, rows in intervals.groupby("genome", sort=False, observed=True).indices.items():
            genome = Genome(world.genome_path(name))
            here = intervals.iloc[rows]
            for chrom, places in here.groupby("chrom", sort=False, observed=True).indices.items():
                start = here["start"].to_numpy()[places] - (window - BIN) // 2
                codes[rows[places]] = genome.windows(chrom, start, window)
        codes.flush()
        del codes
        write_table(folder / "intervals.tsv.gz", intervals)
        write_table(folder / "peaks.tsv.gz", labels.peaks[["chrom", "start", "end", "name", "split"]])
        write_table(folder / "homologs.tsv.gz", _homologs(labels))
        provenance = {
            "fingerprint": fingerprint,
            "world": world.name,
            "simulated": world.simulated,
            "experiment": labels.experiment,
            "reference": world.reference,
            "rows": len(intervals),
            "rules": _rules(world, labels.experiment, peaks_path, window),
            "sha256": {name: sha256(folder / name) for name in ("codes.npy", *TABLES)},
            "versions": {"regdna": __version__, "numpy": version("numpy"), "pandas": version("pandas")},
            "ledger": ledger.steps,
        }
        write_text(folder / "provenance.json", json.dumps(provenance, indent=1))


def _intervals(world, labels):
    """List the windows, with the source of each label."""
    bins, peaks = labels.bins, labels.peaks
    positive, train = bins["positive"].to_numpy(), (bins["split"] == "train").to_numpy()
    empty = np.flatnonzero(train & ~bins["touched"].to_numpy())
    if len(empty) > NEGATIVES:
        empty = np.random.default_rng(0).choice(empty, NEGATIVES, replace=False)
    kept = positive | ~train
    kept[empty] = True
    reference = bins[kept]
    source = np.full(len(reference), -1)
    source[positive[kept]] = _source_peaks(bins[positive], peaks)
    parts = [_part(world.reference, reference, source, peaks)]
    for species, here in labels.pseudo.groupby("species", sort=False):
        parts.append(_part(species, here, here["peak"].to_numpy(), peaks))
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "experiment", labels.experiment)
    return table


def _homologs(labels):
    table = labels.homologs.rename(columns={"species": "genome"})
    table["source_peak"] = labels.peaks["name"].to_numpy(object)[table.pop("peak")]
    return table


def _touching(bins):
    """Training bins that touch a peak but lie by no more than half inside: neither positive nor negative."""
    return (bins["split"] == "train") & bins["touched"] & ~bins["positive"]


def _part(genome, bins, source, peaks):
    """The windows of one genome; ``source`` is the row of the peak a positive label comes from, -1 for a negative."""
    names, chroms = (np.append(peaks[column].to_numpy(object), "") for column in ("name", "chrom"))
    start = bins["start"].to_numpy()
    return pd.DataFrame(
        {
            "genome": genome,
            "chrom": bins["chrom"].astype(object).to_numpy(),
            "start": start,
            "end": start + BIN,
            "label": (source >= 0).astype(np.uint8),
            "split": bins["split"].astype(object).to_numpy(),
            "source_peak": names[source],
            "source_chrom": chroms[source],
        }
    )


def _source_peaks(bins, peaks):
    """Find for each positive bin a peak that covers more than half of it; returns rows of ``peaks``."""
    source = np.full(len(bins), -1)
    for chrom, rows in bins.groupby("chrom", sort=False, observed=True).indices.items():
        here = np.flatnonzero(peaks["chrom"] == chrom)
        start, end = peaks["start"].to_numpy()[here], peaks["end"].to_numpy()[here]
        peak, number = covered_bins(start, end, BIN, int(end.max()) + BIN)
        number, first = np.unique(number, return_index=True)
        at = np.searchsorted(number, bins["start"].to_numpy()[rows] // BIN)
        source[rows] = here[peak[first[at]]]
    return source
