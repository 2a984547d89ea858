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
        self.world, self._genome = world, rows["genome"].to_numpy(object)

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

    def repeated(self, rng):
        """Positive training bins of the reference, repeated until they are as many as :meth:`pseudo_labelled` has.

        The negatives are not repeated while there are others, so this tells what more negatives are worth.
        """
        rows = self._positives[self._spread(self.positives, self.pseudo_positives, rng)]
        return self._balanced(self.dataset.codes[rows], rng)

    def pseudo_labelled(self, rng, relatives=None, number=None):
        """Homologs of the training peaks.

        Parameters
        ----------
        rng : numpy.random.Generator
        relatives : sequence of str, optional
            Those to take; all by default.
        number : int, optional
            How many to draw at random; all by default.

        Raises
        ------
        ValueError
            If the training peaks have no homolog there, or fewer than ``number``.
        """
        rows = self.homologs_of(relatives)
        if number is not None and number > len(rows):
            raise ValueError(f"{self.experiment}: {number} homologs are asked for, and there are {len(rows)}")
        if number is not None:
            rows = np.sort(rng.permutation(rows)[:number])
        return self._balanced(self.dataset.codes[rows], rng)

    def nearest(self, rng, number):
        """Homologs in the nearest relatives; ``number`` is that of relatives."""
        if not 1 <= number <= len(self.world.relatives):
            raise ValueError(f"nearest {number}: {self.world.name} has {len(self.world.relatives)} relatives")
        return self.pseudo_labelled(rng, self.world.relatives[:number])

    def copies(self, rng):
        """Homologs in the near-identical relatives, as many as both these and the diverged ones have."""
        return self._matched(rng, near_identical=True)

    def diverged(self, rng):
        """Homologs in the relatives that are not near-identical, as many as both these and the others have."""
        return self._matched(rng, near_identical=False)

    def _matched(self, rng, near_identical):
        if not self.world.near_identical:
            raise ValueError(f"the description of world {self.world.name} names no near_identical relatives")
        near = set(self.world.near_identical)
        group = [name for name in self.world.relatives if (name in near) == near_identical]
        number = min(len(self.homologs_of(near)), len(self.homologs_of(set(self.world.relatives) - near)))
        return self.pseudo_labelled(rng, group, number)

    def homologs_of(self, relatives=None):
        """Rows of the data set that are homologs of training peaks in some relatives (all by default); int array."""
        rows = self._homologs["train"]
        return rows if relatives is None else rows[np.isin(self._genome[rows], list(relatives))]

    def pseudo_augmented(self, rng):
        """As many homologs as :meth:`pseudo_labelled` has, each seen at a random phase and strand.

        A homologous peak is drawn as often as any other; windows as in :meth:`augmented`, around homologs none of whose
        windows could hold anything of a peak of another split.
        """
        homologs = self.dataset.homologs[self.dataset.homologs["split"] == "train"].reset_index(drop=True)
        chosen = homologs.iloc[self._spread(len(homologs), self.pseudo_positives, rng)].reset_index(drop=True)
        windows = np.empty((len(chosen), self.dataset.window), np.uint8)
        for name, rows in chosen.groupby("genome", sort=False).indices.items():
            windows[rows] = self._any_phase(Genome(self.world.genome_path(name)), chosen.iloc[rows], rng)
        return self._balanced(_any_strand(windows, rng), rng)

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
        return self._balanced(_any_strand(self._any_phase(self._reference, chosen, rng), rng), rng)

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

    def _any_phase(self, genome, intervals, rng):
        """Codes of a window for each interval, at a random phase."""
        # The bin starts where more than half of it still lies inside the interval.
        first, last = intervals["start"].to_numpy() - (BIN // 2 - 1), intervals["end"].to_numpy() - (BIN // 2 + 1)
        length = intervals["chrom"].map(genome.lengths).to_numpy()
        first, last = np.maximum(first, 0), np.minimum(last, length - BIN)
        start = first + np.floor(rng.random(len(intervals)) * (np.maximum(last - first, 0) + 1)).astype(np.int64)
        windows = np.empty((len(start), self.dataset.window), np.uint8)
        for chrom, rows in intervals.groupby("chrom", sort=False).indices.items():
            at = start[rows] - (self.dataset.window - BIN) // 2
            windows[rows] = genome.windows(chrom, at, self.dataset.window)
        return windows

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


def _any_strand(windows, rng):
    turned = rng.random(len(windows)) < 0.5
    windows[turned] = dna.reverse_complement(windows[turned])
    return windows
