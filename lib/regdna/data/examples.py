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
    dataset : regdna.data.datasets.Dataset
        Of one of the world's experiments, or of any peaks on its reference.

    Raises
    ------
    ValueError
        If the training, the validation or the test chromosomes have no positive bin.
    """

    def __init__(self, world, dataset):
        self.experiment = dataset.provenance["experiment"]
        rows = dataset.intervals
        self._split, self._label = rows["split"].to_numpy(object), rows["label"].to_numpy(np.uint8)
        self._own = (rows["genome"] == world.reference).to_numpy()
        for split in SPLITS:
            if not self._label[self._own & (self._split == split)].any():
                raise ValueError(
                    f"{self.experiment}: no {split} chromosome has a positive bin; check the peaks and the split"
                )
        self.dataset = dataset
        self._reference = Genome(world.genome_path(world.reference), world.aliases)
        train = self._split == "train"
        self._positives = np.flatnonzero(self._own & train & (self._label == 1))
        self._empty = np.flatnonzero(self._own & train & (self._label == 0))
        self._homologs = {split: np.flatnonzero(~self._own & (self._split == split)) for split in SPLITS}

    @property
    def positives(self):
        """Number of positive training bins of the reference."""
        return len(self._positives)

    @property
    def positive_codes(self):
        """Positive training bins of the reference; uint8 array, shape (:attr:`positives`, window)."""
        return self.dataset.codes[self._positives]

    @property
    def pseudo_positives(self):
        """Number of pseudo-labelled positive training bins of the relatives."""
        return len(self._homologs["train"])

    def labelled(self, rng):
        """Training bins of the reference."""
        return self._balanced(self.positive_codes, rng)

    def pseudo_labelled(self, rng):
        """Homologs of the training peaks, all relatives together."""
        return self._balanced(self.dataset.codes[self._homologs["train"]], rng)

    def leaked(self, rng, equal):
        """Homologs of the training peaks and of the test peaks: what must not be trained on.

        For the experiment that measures what this mistake does; nothing else uses it.

        Parameters
        ----------
        rng : numpy.random.Generator
        equal : bool
            Draw as many as :meth:`pseudo_labelled` has, so that the number is not the reason for a difference.
        """
        rows = np.concatenate([self._homologs["train"], self._homologs["test"]])
        if equal:
            rows = rng.permutation(rows)[: self.pseudo_positives]
        return self._balanced(self.dataset.codes[np.sort(rows)], rng)

    def augmented(self, rng):
        """As many positives as :meth:`pseudo_labelled` has, from the reference alone.

        Each is a training peak seen through a window at a random phase (the peak covers more than half of the window,
        or the window lies inside the peak) and read from a random strand. Peaks too narrow to cover more than half of
        any window are left out, as they are among the bins. This is the fair control of the homologs,
        which lie on their own genome's grid of bins and so show the motif at other places of the window, too.
        """
        peaks = self.dataset.peaks[self.dataset.peaks["split"] == "train"]
        peaks = peaks[peaks["end"] - peaks["start"] > BIN // 2]
        chosen = peaks.iloc[self._spread(len(peaks), self.pseudo_positives, rng)]
        # The window starts where more than half of it still lies inside the peak.
        begin, end = chosen["start"].to_numpy(), chosen["end"].to_numpy()
        first, last = begin - (BIN // 2 - 1), end - (BIN // 2 + 1)
        length = chosen["chrom"].map(self._reference.lengths).to_numpy()
        first, last = np.maximum(first, 0), np.minimum(last, length - BIN)
        start = first + np.floor(rng.random(len(chosen)) * (np.maximum(last - first, 0) + 1)).astype(np.int64)
        windows = np.empty((len(start), self.dataset.window), np.uint8)
        for chrom, rows in chosen.groupby("chrom", sort=False).indices.items():
            at = start[rows] - (self.dataset.window - BIN) // 2
            windows[rows] = self._reference.windows(chrom, at, self.dataset.window)
        turned = rng.random(len(windows)) < 0.5
        windows[turned] = dna.reverse_complement(windows[turned])
        return self._balanced(windows, rng)

    def evaluation(self, split):
        """All bins of the reference's validation or test chromosomes, imbalanced as they are, in genome order.

        Returns
        -------
        codes : uint8 array, shape (N, window)
        labels : uint8 array, shape (N,)
        """
        if split not in ("validation", "test"):
            raise ValueError(f"split {split!r}: evaluation is on validation or test bins, never on training bins")
        rows = np.flatnonzero(self._own & (self._split == split))
        return self.dataset.codes[rows], self._label[rows]

    def _balanced(self, positives, rng):
        negatives = self.dataset.codes[self._empty[self._spread(len(self._empty), len(positives), rng)]]
        labels = np.repeat(np.array([1, 0], np.uint8), [len(positives), len(negatives)])
        return Examples(np.concatenate([positives, negatives]), labels, np.ones(len(labels), np.float32))

    def _spread(self, population, number, rng):
        """Draw row numbers so that each row is drawn equally often, up to one time."""
        if not population or not number:
            what = "no training bin is free of peaks" if number else "no training peak has a homolog in any relative"
            raise ValueError(f"{self.experiment}: {what}")
        rounds = -(-number // population)
        return np.concatenate([rng.permutation(population) for _ in range(rounds)])[:number]
