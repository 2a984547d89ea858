"""Genes in blocks, each position of which is a donor, an acceptor or neither.

A block is so many neighboring positions of a gene, read in the direction of its transcript, with half a context of
bases on either side; a gene's last block may hang over its end. That is how SpliceAI is trained (Jaganathan et al.
2019, Cell 176:535). What is looked at of a position is no more than its context: the block only saves reading the same
bases again.

Letters: B blocks, W positions of a block, C bases of context, G genes.
"""

from dataclasses import dataclass

import numpy as np

from regdna.data import dna
from regdna.data.gene_models import read_gene_models
from regdna.data.genome import Genome
from regdna.worlds.catalogue import SPLITS

NEITHER, ACCEPTOR, DONOR, BEYOND = 0, 1, 2, -1  # labels; the last one is behind the end of a gene
KINDS = {"donor": DONOR, "acceptor": ACCEPTOR}


@dataclass(frozen=True)
class SpliceBlocks:
    """Blocks of some genes.

    Attributes
    ----------
    genome : regdna.data.genome.Genome
    chrom : array of str, shape (B,)
    start : int64 array, shape (B,)
        0-based position of the block's first base on the forward strand; on the minus strand the block is read from
        its end to there. Below 0, or beyond the chromosome, where a last block hangs over it.
    minus : bool array, shape (B,)
    labels : int8 array, shape (B, W)
        In the direction of the transcript: 0 neither, 1 acceptor, 2 donor, -1 behind the gene's end.
    gene : int64 array, shape (B,)
        Which gene a block is of; a row of its gene models.
    """

    genome: Genome
    chrom: np.ndarray
    start: np.ndarray
    minus: np.ndarray
    labels: np.ndarray
    gene: np.ndarray

    def __len__(self):
        """Count the blocks."""
        return len(self.start)

    def take(self, rows):
        """Select blocks by an int or bool array."""
        parts = (part[rows] for part in (self.chrom, self.start, self.minus, self.labels, self.gene))
        return SpliceBlocks(self.genome, *parts)

    def some_genes(self, most, rng):
        """Draw at most so many genes, with all of their blocks; SpliceBlocks."""
        return self.take(np.isin(self.gene, rng.permutation(np.unique(self.gene))[:most]))

    def codes(self, context, rows=None):
        """Read blocks with their context.

        Parameters
        ----------
        context : int
            C, even: bases on both sides together. Beyond the chromosome is N.
        rows : int array, optional
            All by default.

        Returns
        -------
        uint8 array, shape (B, W + C)
            In the direction of the transcript.
        """
        if context % 2 or context < 0:
            raise ValueError(f"a context of {context} bases cannot be halved; give an even number")
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        width = self.labels.shape[1] + context
        codes = np.empty((len(rows), width), np.uint8)
        for chrom in np.unique(self.chrom[rows]):
            here = self.chrom[rows] == chrom
            codes[here] = self.genome.windows(chrom, self.start[rows][here] - context // 2, width)
        minus = self.minus[rows]
        codes[minus] = dna.reverse_complement(codes[minus])
        return codes


def splice_blocks(world, width):
    """Cut the genes of a world into blocks, in parts by chromosome.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        With gene models.
    width : int
        W.

    Returns
    -------
    dict of str to SpliceBlocks
        ``train``, ``validation`` and ``test``: every position of every gene with an intron, once for each gene.

    Raises
    ------
    ValueError
        If the world has no gene models, or a part has no gene.
    """
    if world.genes_path is None:
        raise ValueError(f"world {world.name} has no gene models")
    genome = Genome(world.genome_path(world.reference), world.aliases)
    models = read_gene_models(world.genes_path, genome)
    parts = models.transcripts["chrom"].map(world.split).to_numpy()
    if missing := set(SPLITS) - set(parts):
        raise ValueError(f"world {world.name} has no gene on a {min(missing)} chromosome")
    return {split: cut(models, genome, np.flatnonzero(parts == split), width) for split in SPLITS}


def cut(models, genome, rows, width):
    """Cut some transcripts into blocks, each from its own first base on.

    Parameters
    ----------
    models : regdna.data.gene_models.GeneModels
    genome : regdna.data.genome.Genome
    rows : int array, shape (G,)
    width : int
        W.

    Returns
    -------
    SpliceBlocks
    """
    chroms, starts, minuses, labels, genes = [], [], [], [], []
    for row in rows:
        _, _, chrom, start, end, strand = models.transcripts.iloc[row]
        number, minus = -(-(end - start) // width), strand == "-"
        label = np.full(number * width, BEYOND, np.int8)
        label[: end - start] = NEITHER
        for kind, places in zip((DONOR, ACCEPTOR), models.sites(row)):
            label[end - 1 - places if minus else places - start] = kind
        offset = np.arange(number) * width
        chroms += [chrom] * number
        starts.append(end - offset - width if minus else start + offset)
        minuses += [minus] * number
        labels.append(label.reshape(number, width))
        genes += [row] * number
    return SpliceBlocks(
        genome,
        np.array(chroms, object),
        np.concatenate(starts),
        np.array(minuses),
        np.concatenate(labels),
        np.array(genes, np.int64),
    )
