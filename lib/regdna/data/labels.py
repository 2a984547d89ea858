"""Labels of bins: measured on the reference, carried to the relatives."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import covered_bins, touched
from regdna.data.liftover import lift
from regdna.data.peaks import read_peaks, widen

BIN = 200  # bases (Phan et al. 2024, Methods)


@dataclass(frozen=True)
class Labels:
    """Everything that is known about one experiment of a world.

    Attributes
    ----------
    experiment : str
    peaks : pandas.DataFrame
        On the reference: chrom, start, end (0-based half-open), name, split (train, validation or test, by chromosome).
    bins : pandas.DataFrame
        All whole bins of the reference: chrom (categorical), start, positive (more than half inside a peak), touched
        (shares a base with a peak), split. A negative is drawn among the bins that are not touched.
    lifted : pandas.DataFrame
        One row per relative and peak, whatever became of it: species, peak (row of ``peaks``), then the columns of
        :class:`regdna.data.liftover.Lifted`.
    pseudo : pandas.DataFrame
        Pseudo-labelled positive bins of the relatives: species, chrom, start, peak (row of ``peaks``), split.
    dropped : dict of str to int
        Bins that two homologs hit: ``duplicate`` (same split, kept once) and ``mixed`` (peaks of different splits; kept
        for none, since a homolog of a test peak must not be trained on).
    """

    experiment: str
    peaks: pd.DataFrame
    bins: pd.DataFrame
    lifted: pd.DataFrame
    pseudo: pd.DataFrame
    dropped: dict

    def __post_init__(self):
        inherited = self.peaks["split"].to_numpy()[self.pseudo["peak"]]
        if not np.array_equal(inherited, self.pseudo["split"].to_numpy()):
            row = int(np.argmax(inherited != self.pseudo["split"].to_numpy()))
            raise ValueError(
                f"leakage: pseudo-label {row} is used for {self.pseudo['split'].iat[row]}, but its peak "
                f"{self.peaks['name'].iat[self.pseudo['peak'].iat[row]]} is on a {inherited[row]} chromosome"
            )


def label_world(world, experiment, peaks_path=None):
    """Label the bins of the reference and of all relatives.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    experiment : str
        Of the world, or any name if ``peaks_path`` is given.
    peaks_path : path, optional
        A BED or narrowPeak file on the reference, instead of the world's own.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError, FileNotFoundError
        As the readers of peaks, genomes and chains raise them.
    """
    reference = Genome(world.genome_path(world.reference), world.aliases)
    peaks = read_peaks(peaks_path or world.peaks_path(experiment), reference)
    if world.peak_width:
        peaks = widen(peaks, world.peak_width, reference.lengths)
    peaks["split"] = peaks["chrom"].map(world.split)
    bins = label_bins(peaks, reference.lengths)
    bins["split"] = bins["chrom"].astype(object).map(world.split)
    lifted, pseudo = [], []
    for species in world.relatives:
        result = lift(read_chains(world.chain_path(species)), peaks["chrom"], peaks["start"], peaks["end"])
        table = pd.DataFrame(result._asdict())
        table.insert(0, "species", species)
        table.insert(1, "peak", np.arange(len(peaks)))
        lifted.append(table)
        pseudo.append(pseudo_bins(table, Genome(world.genome_path(species)).lengths))
    pseudo = pd.concat(pseudo, ignore_index=True)
    pseudo["split"] = peaks["split"].to_numpy()[pseudo["peak"]]
    pseudo, dropped = _one_split_each(pseudo)
    return Labels(experiment, peaks, bins, pd.concat(lifted, ignore_index=True), pseudo, dropped)


def label_bins(peaks, lengths, width=BIN):
    """Tile a genome and label each bin.

    Parameters
    ----------
    peaks : pandas.DataFrame
        Columns chrom, start, end.
    lengths : dict of str to int
        Chromosome lengths in bases; an incomplete last bin does not exist.
    width : int
        In bases.

    Returns
    -------
    pandas.DataFrame
        Columns chrom (categorical), start (int64), positive (bool: more than half inside one peak), touched (bool:
        shares a base with a peak).
    """
    count = np.array([length // width for length in lengths.values()])
    first = dict(zip(lengths, np.cumsum(count) - count))
    start = np.concatenate([np.arange(n, dtype=np.int64) * width for n in count])
    positive, near = np.zeros(len(start), bool), np.zeros(len(start), bool)
    for chrom, here in peaks.groupby("chrom", sort=False):
        begin, end = here["start"].to_numpy(), here["end"].to_numpy()
        positive[first[chrom] + covered_bins(begin, end, width, lengths[chrom])[1]] = True
        rows = slice(first[chrom], first[chrom] + lengths[chrom] // width)
        near[rows] = touched(start[rows], start[rows] + width, begin, end)
    chrom = pd.Categorical.from_codes(np.repeat(np.arange(len(count)), count), categories=list(lengths))
    return pd.DataFrame({"chrom": chrom, "start": start, "positive": positive, "touched": near})


def pseudo_bins(lifted, lengths, width=BIN):
    """Find the bins of a relative that lie by more than half inside a homologous peak.

    Parameters
    ----------
    lifted : pandas.DataFrame
        Rows of one species, as in :attr:`Labels.lifted`.
    lengths : dict of str to int
        Chromosome lengths of the relative in bases.

    Returns
    -------
    pandas.DataFrame
        Columns species, chrom, start, peak.
    """
    parts = []
    for chrom, here in lifted[lifted["status"] == "lifted"].groupby("to_chrom", sort=True):
        if chrom not in lengths:
            raise ValueError(
                f"the chains to {here['species'].iat[0]} lead to {chrom!r}, which its genome lacks; "
                "chains and genome are of different assemblies"
            )
        row, number = covered_bins(here["to_start"].to_numpy(), here["to_end"].to_numpy(), width, lengths[chrom])
        parts.append(
            pd.DataFrame(
                {
                    "species": here["species"].to_numpy()[row],
                    "chrom": chrom,
                    "start": number * width,
                    "peak": here["peak"].to_numpy()[row],
                }
            )
        )
    columns = {"species": object, "chrom": object, "start": np.int64, "peak": np.int64}
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns)).astype(columns)


def _one_split_each(pseudo):
    place = ["species", "chrom", "start"]
    mixed = pseudo.groupby(place, sort=False)["split"].transform("nunique") > 1
    duplicate = pseudo.duplicated(place) & ~mixed
    kept = pseudo[~mixed & ~duplicate].reset_index(drop=True)
    return kept, {"duplicate": int(duplicate.sum()), "mixed": int(mixed.sum())}
