"""Labels of bins: measured on the reference, carried to the relatives."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import bin_coverage, covered_bins, touched
from regdna.data.ledger import Ledger
from regdna.data.liftover import STATUSES, aligned_pieces, lift
from regdna.data.peaks import read_peaks, widen
from regdna.worlds.catalogue import SPLITS

BIN = 200  # bases (Phan et al. 2024, Methods)


@dataclass(frozen=True)
class Labels:
    """Everything that is known about one experiment of a world.

    Attributes
    ----------
    experiment : str
    peaks : pandas.DataFrame
        On the reference: chrom, start, end (0-based half-open), name (where names are not unique, with the place),
        split (train, validation or test, by chromosome).
    bins : pandas.DataFrame
        Bins of the reference: chrom (categorical), start, positive (more than half inside a peak), touched (shares a
        base with a peak), split (categorical). A negative is drawn among the bins that are not touched.
    lifted : pandas.DataFrame
        One row per relative and peak, whatever became of it: species, peak (row of ``peaks``), then the columns of
        :class:`regdna.data.liftover.Lifted`.
    pseudo : pandas.DataFrame
        Pseudo-labelled positive bins of the relatives: species, chrom, start, peak (row of ``peaks``), split.
    homologs : pandas.DataFrame
        Homologous peaks that may be seen through a window at any phase: species, chrom, start, end, peak, split. They
        are wider than half a bin, have no unknown base near them and nothing that comes from a peak of another split.
    ledger : regdna.data.ledger.Ledger
        What became of peaks, homologs and bins at each step. Bins of relatives are dropped as ``duplicate`` (a second
        homolog of the same split hits them; kept once), ``other split`` (a homolog of a peak of another split, or a
        piece of one that is torn, shares a base with their window: what a test peak has become must not be trained on)
        and ``unknown bases``.
    """

    experiment: str
    peaks: pd.DataFrame
    bins: pd.DataFrame
    lifted: pd.DataFrame
    pseudo: pd.DataFrame
    homologs: pd.DataFrame
    ledger: Ledger

    def __post_init__(self):
        inherited = self.peaks["split"].to_numpy()[self.pseudo["peak"]]
        if not np.array_equal(inherited, self.pseudo["split"].to_numpy()):
            row = int(np.argmax(inherited != self.pseudo["split"].to_numpy()))
            raise ValueError(
                f"leakage: pseudo-label {row} is used for {self.pseudo['split'].iat[row]}, but its peak "
                f"{self.peaks['name'].iat[self.pseudo['peak'].iat[row]]} is on a {inherited[row]} chromosome"
            )


def label_world(world, experiment, peaks_path=None, window=BIN):
    """Label the bins of the reference and of all relatives.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    experiment : str
        Of the world, or any name if ``peaks_path`` is given.
    peaks_path : path, optional
        A BED or narrowPeak file on the reference, instead of the world's own.
    window : int
        Bases around a bin that a model will see; no homolog of another split may share one with them.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError, FileNotFoundError
        As the readers of peaks, genomes and chains raise them; or if chains and genomes are of different assemblies.
    """
    reference = Genome(world.genome_path(world.reference), world.aliases)
    if strange := sorted((world.test_chromosomes | world.validation_chromosomes) - set(reference.lengths)):
        raise ValueError(
            f"world {world.name}: {', '.join(strange)} of its test and validation chromosomes are not in "
            f"{reference.path.name}; it has {', '.join(list(reference.lengths)[:8])}"
        )
    lengths = {name: reference.lengths[name] for name in map(reference.name, world.chromosomes or reference.lengths)}
    ledger = Ledger()
    peaks = read_peaks(peaks_path or world.peaks_path(experiment), reference)
    if world.peak_width:
        peaks = widen(peaks, world.peak_width, reference.lengths)
    used = peaks["chrom"].isin(set(lengths)).to_numpy()
    ledger.add("select", world.reference, "peaks", len(peaks), used.sum(), {"other chromosome": (~used).sum()})
    peaks = peaks[used].reset_index(drop=True)
    if peaks["name"].duplicated().any():  # a label must lead back to one place
        peaks["name"] += "@" + peaks["chrom"] + ":" + peaks["start"].astype(str) + "-" + peaks["end"].astype(str)
    peaks["split"] = peaks["chrom"].map(world.split)
    bins = label_bins(peaks, lengths)
    bins["split"] = _splits(bins["chrom"], world.split)
    positive = [covered_bins(here["start"], here["end"], BIN, lengths[c])[0] for c, here in peaks.groupby("chrom")]
    binned = sum(len(np.unique(rows)) for rows in positive)
    ledger.add("binning", world.reference, "peaks", len(peaks), binned, {"fills half of no bin": len(peaks) - binned})
    bins = _known_bins(bins, reference, lengths, world, ledger)
    lifted, pseudo, any_phase = [], [], []
    for species in world.relatives:
        genome = Genome(world.genome_path(species))
        chains = read_chains(world.chain_path(species))
        chains.check_genomes(reference.lengths, genome.lengths, world.chain_path(species))
        table = pd.DataFrame(lift(chains, peaks["chrom"], peaks["start"], peaks["end"])._asdict())
        table = table.rename(columns={"interval": "peak"})
        table.insert(0, "species", species)
        counts = table["status"].value_counts().reindex(STATUSES, fill_value=0)
        ledger.add("liftover", species, "peaks", len(peaks), counts.pop("lifted"), counts.to_dict())
        found = pseudo_bins(table, genome.lengths)
        found["split"] = peaks["split"].to_numpy()[found["peak"]]
        homologs, binned = int((table["status"] == "lifted").sum()), found["peak"].nunique()
        ledger.add("binning", species, "homologs", homologs, binned, {"fills half of no bin": homologs - binned})
        lifted.append(table)
        places = _places(table, chains, peaks)
        kept, dropped = _selected(found, places, genome, world.max_unknown, (window - BIN) // 2)
        ledger.add("selection", species, "bins", len(found), len(kept), dropped)
        pseudo.append(kept)
        any_phase.append(_any_phase(table, places, peaks, genome, window))
    tables = (pd.concat(parts, ignore_index=True) for parts in (lifted, pseudo, any_phase))
    return Labels(experiment, peaks, bins, *tables, ledger)


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
    count = np.array([length // width for length in lengths.values()], np.int64)
    first = dict(zip(lengths, np.cumsum(count) - count))
    start = np.concatenate([np.arange(n, dtype=np.int64) * width for n in count])
    positive, near = np.zeros(len(start), bool), np.zeros(len(start), bool)
    for chrom, here in peaks.groupby("chrom", sort=False):
        begin, end = here["start"].to_numpy(), here["end"].to_numpy()
        positive[first[chrom] + covered_bins(begin, end, width, lengths[chrom])[1]] = True
        rows = slice(first[chrom], first[chrom] + lengths[chrom] // width)
        near[rows] = bin_coverage(begin, end, width, lengths[chrom]) > 0
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


def _splits(chrom, split):
    """The split of each bin, as a categorical: a word for each of millions of bins would take gigabytes."""
    of = np.array([SPLITS.index(split(name)) for name in chrom.cat.categories], np.int8)
    return pd.Categorical.from_codes(of[chrom.cat.codes], categories=list(SPLITS))


def _known_bins(bins, genome, lengths, world, ledger):
    """Drop the bins of the reference with more unknown bases than allowed."""
    covered = [bin_coverage(*genome.unknown(chrom), BIN, length) for chrom, length in lengths.items()]
    known = np.concatenate(covered) <= world.max_unknown * BIN
    for what, rows in (("bins", np.ones(len(bins), bool)), ("positive bins", bins["positive"].to_numpy())):
        dropped = {"unknown bases": (rows & ~known).sum()}
        ledger.add("tiling", world.reference, what, rows.sum(), (rows & known).sum(), dropped)
    return bins if known.all() else bins[known].reset_index(drop=True)


def _places(lifted, chains, peaks):
    """Where the peaks have gone, on the forward strand: homologs, and the pieces of those that make no homolog."""
    whole = lifted[lifted["status"] == "lifted"]
    torn = peaks.iloc[lifted.index[lifted["status"].isin(("split", "partial"))]]
    pieces = aligned_pieces(chains, torn["chrom"], torn["start"], torn["end"])
    of, minus = chains.q_chrom[pieces.chain], chains.minus[pieces.chain]
    start = np.where(minus, chains.q_sizes[of] - pieces.to - pieces.size, pieces.to)
    split = peaks["split"].to_numpy(object)
    return pd.DataFrame(
        {
            "chrom": np.append(whole["to_chrom"].to_numpy(object), chains.q_names.astype(object)[of]),
            "start": np.append(whole["to_start"].to_numpy(), start),
            "end": np.append(whole["to_end"].to_numpy(), start + pieces.size),
            "split": np.append(split[whole["peak"]], torn["split"].to_numpy(object)[pieces.interval]),
        }
    )


def _any_phase(lifted, places, peaks, genome, window):
    """The homologs around which any window that lies by more than half inside is of their split and of known bases."""
    whole = lifted[lifted["status"] == "lifted"]
    table = whole[["species", "to_chrom", "to_start", "to_end", "peak"]].set_axis(
        ["species", "chrom", "start", "end", "peak"], axis=1
    )
    table["split"] = peaks["split"].to_numpy()[table["peak"]]
    table = table[table["end"] - table["start"] > BIN // 2].reset_index(drop=True)
    usable = np.zeros(len(table), bool)
    around = BIN // 2 - 1 + (window - BIN) // 2
    for (chrom, split), rows in table.groupby(["chrom", "split"], sort=False).indices.items():
        foreign = places[(places["chrom"] == chrom) & (places["split"] != split)]
        start, end = table["start"].to_numpy()[rows] - around, table["end"].to_numpy()[rows] + around
        near = touched(start, end, foreign["start"].to_numpy(), foreign["end"].to_numpy())
        unknown = touched(start, end, *genome.unknown(chrom))
        usable[rows] = ~near & ~unknown & (start >= 0) & (end <= genome.lengths[chrom])
    return table[usable].reset_index(drop=True)


def _selected(found, places, genome, max_unknown, flank):
    """Keep each bin of a relative once, for one split, and only if its bases are known; count the others by reason."""
    other, unknown = np.zeros(len(found), bool), np.zeros(len(found), bool)
    for chrom, rows in found.groupby("chrom", sort=False).indices.items():
        start, split = found["start"].to_numpy()[rows], found["split"].to_numpy()[rows]
        here = places[places["chrom"] == chrom]
        for mine in np.unique(split):
            own, begin = rows[split == mine], start[split == mine]
            foreign = here[here["split"] != mine]
            reach = begin - flank, begin + BIN + flank
            other[own] = touched(*reach, foreign["start"].to_numpy(), foreign["end"].to_numpy())
        n = bin_coverage(*genome.unknown(chrom), BIN, genome.lengths[chrom])
        unknown[rows] = n[start // BIN] > max_unknown * BIN
    unknown &= ~other
    duplicate = found.duplicated(["chrom", "start"]).to_numpy() & ~other & ~unknown
    kept = ~(other | unknown | duplicate)
    dropped = {"duplicate": duplicate.sum(), "other split": other.sum(), "unknown bases": unknown.sum()}
    return found[kept].reset_index(drop=True), dropped
