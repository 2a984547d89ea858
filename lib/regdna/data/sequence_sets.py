"""Labelled sequences without a genome: windows as codes, labels, and a split by chromosome."""

from dataclasses import dataclass

import numpy as np
from Bio.SeqIO.FastaIO import SimpleFastaParser

from regdna.data import dna
from regdna.data.examples import Examples


@dataclass(frozen=True)
class SequenceSet:
    """Labelled sequences of one length.

    Attributes
    ----------
    codes : uint8 array, shape (N, L)
    labels : uint8 array, shape (N,)
        1 positive, 0 negative.
    chrom : object array of str, shape (N,)
        Chromosome that each comes from.
    """

    codes: np.ndarray
    labels: np.ndarray
    chrom: np.ndarray

    def on(self, chromosomes):
        """The part from some chromosomes; returns a SequenceSet."""
        here = np.isin(self.chrom.astype(str), sorted(chromosomes))
        return SequenceSet(self.codes[here], self.labels[here], self.chrom[here])

    def examples(self, both_strands=False):
        """All sequences as training examples, each on the other strand, too, if wanted; returns Examples."""
        codes, labels = self.codes, self.labels
        if both_strands:
            codes, labels = np.concatenate([codes, dna.reverse_complement(codes)]), np.concatenate([labels, labels])
        return Examples(codes, labels, np.ones(len(labels), np.float32))


def read_labelled_fasta(bound, unbound):
    """Read a set from two FASTA files whose records are named ``<chromosome>_<number>``.

    Parameters
    ----------
    bound, unbound : path
        Positives and negatives.

    Returns
    -------
    SequenceSet

    Raises
    ------
    ValueError
        If a file holds no record, a record has another name or another length than the first, or is not DNA; the file
        and the record are named.
    """
    codes, labels, chroms = [], [], []
    for label, path in ((1, bound), (0, unbound)):
        before = len(codes)
        with open(path) as file:
            for title, sequence in SimpleFastaParser(file):
                chrom, _, number = title.rpartition("_")
                if not chrom or not number.isdigit():
                    raise ValueError(f"{path}: record {title!r} is not named <chromosome>_<number>")
                try:
                    codes.append(dna.encode(sequence))
                except ValueError as error:
                    raise ValueError(f"{path}, record {title}: {error}") from error
                if len(codes[-1]) != len(codes[0]):
                    raise ValueError(f"{path}, record {title}: {len(codes[-1])} bases, the first has {len(codes[0])}")
                labels.append(label)
                chroms.append(chrom)
        if len(codes) == before:
            raise ValueError(f"{path}: holds no FASTA record")
    return SequenceSet(np.stack(codes), np.array(labels, np.uint8), np.array(chroms, object))
