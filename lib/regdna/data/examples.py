"""From labels to what a network is trained and tested on: codes, labels, weights."""

from typing import NamedTuple

import numpy as np

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.labels import BIN
from regdna.worlds.catalogue import SPLITS


class Examples(NamedTuple):
    """Labelled windows.

    Attributes
    ----------
    codes : uint8 array, shape (N, L)
    labels : uint8 array, shape (N,)
        1 positive, 0 negative.
    weights : float32 array, shape (N,)
    """

    codes: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


class ExampleSource:
    """Draws training examples of one experiment, and holds its validation and test bins.

    Every set that is trained on is balanced: as many negatives as positives, drawn from the training bins of the
    reference that no peak touches (with replacement only where there are too few).

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    labels : regdna.data.labels.Labels

    Raises
    ------
    ValueError
        If the training, the validation or the test chromosomes have no positive bin.
    """

    def __init__(self, world, labels):
        for split in SPLITS:
            if not labels.bins["positive"][labels.bins["split"] == split].any():
                raise ValueError(
                    f"{labels.experiment}: no {split} chromosome has a positive bin; check the peaks and the split"
                )
        self.world, self.labels = world, labels
        self._reference = Genome(world.genome_path(world.reference), world.aliases)
        bins = labels.bins
        self._positives = self._cut(bins[(bins["split"] == "train") & bins["positive"]])
        self._empty = bins[(bins["split"] == "train") & ~bins["touched"]]
        self._homologs = self._cut_homologs(labels.pseudo[labels.pseudo["split"] == "train"])

    @property
    def positives(self):
        """Number of positive training bins of the reference."""
        return len(self._positives)

    @property
    def positive_codes(self):
        """Positive training bins of the reference; uint8 array, shape (:attr:`positives`, L)."""
        return self._positives

    @property
    def pseudo_positives(self):
        """Number of pseudo-labelled positive training bins of the relatives."""
        return len(self._homologs)

    def labelled(self, rng):
        """Training bins of the reference."""
        return self._balanced(self._positives, rng)

    def pseudo_labelled(self, rng):
        """Homologs of the training peaks, all relatives together."""
        return self._balanced(self._homologs, rng)

    def augmented(self, rng):
        """As many positives as :meth:`pseudo_labelled` has, from the reference alone.

        Each is a training peak seen through a window at a random phase (the peak covers more than half of the window,
        or the window lies inside the peak) and read from a random strand. Peaks too narrow to cover more than half of
        any window are left out, as they are among the bins. This is the fair control of the homologs,
        which lie on their own genome's grid of bins and so show the motif at other places of the window, too.
        """
        peaks = self.labels.peaks[self.labels.peaks["split"] == "train"]
        peaks = peaks[peaks["end"] - peaks["start"] > BIN // 2]
        chosen = peaks.iloc[self._spread(len(peaks), self.pseudo_positives, rng)]
        # The window starts where more than half of it still lies inside the peak.
        begin, end = chosen["start"].to_numpy(), chosen["end"].to_numpy()
        first, last = begin - (BIN // 2 - 1), end - (BIN // 2 + 1)
        length = chosen["chrom"].map(self._reference.lengths).to_numpy()
        first, last = np.maximum(first, 0), np.minimum(last, length - BIN)
        start = first + np.floor(rng.random(len(chosen)) * (np.maximum(last - first, 0) + 1)).astype(np.int64)
        windows = self._windows(self._reference, chosen["chrom"].to_numpy(), start)
        turned = rng.random(len(windows)) < 0.5
        windows[turned] = dna.reverse_complement(windows[turned])
        return self._balanced(windows, rng)

    def evaluation(self, split):
        """All bins of the reference's validation or test chromosomes, imbalanced as they are.

        Returns
        -------
        codes : uint8 array, shape (N, L)
        labels : uint8 array, shape (N,)
        """
        if split not in ("validation", "test"):
            raise ValueError(f"split {split!r}: evaluation is on validation or test bins, never on training bins")
        bins = self.labels.bins[self.labels.bins["split"] == split]
        return self._cut(bins), bins["positive"].to_numpy(np.uint8)

    def _balanced(self, positives, rng):
        negatives = self._cut(self._empty.iloc[self._spread(len(self._empty), len(positives), rng)])
        labels = np.repeat(np.array([1, 0], np.uint8), [len(positives), len(negatives)])
        return Examples(np.concatenate([positives, negatives]), labels, np.ones(len(labels), np.float32))

    def _spread(self, population, number, rng):
        """Draw row numbers so that each row is drawn equally often, up to one time."""
        if not population or not number:
            what = "no training bin is free of peaks" if number else "no training peak has a homolog in any relative"
            raise ValueError(f"{self.labels.experiment}: {what}")
        rounds = -(-number // population)
        return np.concatenate([rng.permutation(population) for _ in range(rounds)])[:number]

    def _cut(self, bins):
        return self._windows(self._reference, bins["chrom"].to_numpy(), bins["start"].to_numpy())

    def _cut_homologs(self, pseudo):
        windows = np.empty((len(pseudo), BIN), np.uint8)
        for species, rows in pseudo.groupby("species", sort=False).indices.items():
            genome, here = Genome(self.world.genome_path(species)), pseudo.iloc[rows]
            windows[rows] = self._windows(genome, here["chrom"].to_numpy(), here["start"].to_numpy())
        return windows

    @staticmethod
    def _windows(genome, chrom, start):
        windows = np.empty((len(start), BIN), np.uint8)
        chrom = np.asarray(chrom, object)
        for name in dict.fromkeys(chrom):
            rows = np.flatnonzero(chrom == name)
            windows[rows] = genome.windows(name, start[rows], BIN)
        return windows
