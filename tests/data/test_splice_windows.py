import dataclasses

import numpy as np
import pytest

from regdna.data import dna
from regdna.data.gene_models import read_gene_models
from regdna.data.genome import Genome
from regdna.data.splice_windows import ACCEPTOR, BEYOND, DONOR, cut, splice_blocks
from regdna.worlds.catalogue import open_world
from regdna.worlds.writers import write_fasta

LENGTHS = {"a": 400, "b": 230}
EXONS = {"P": ("a", "+", [(5, 60), (100, 150), (210, 333)]), "M": ("b", "-", [(20, 70), (120, 229)])}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genes")
    rng = np.random.default_rng(0)
    write_fasta(folder / "x.fa", {name: rng.integers(0, 4, size).astype(np.uint8) for name, size in LENGTHS.items()})
    lines = [
        f'{chrom}\tx\texon\t{a + 1}\t{b}\t.\t{strand}\t.\tgene_id "{gene}"; transcript_id "{gene}1";\n'
        for gene, (chrom, strand, spans) in EXONS.items()
        for a, b in spans
    ]
    (folder / "x.gtf").write_text("".join(lines))
    genome = Genome(folder / "x.fa")
    return genome, read_gene_models(folder / "x.gtf", genome)


@pytest.mark.parametrize("width", [1, 7, 64, 1000])
@pytest.mark.parametrize("context", [0, 30])
def test_every_position_of_a_gene_once_with_its_surroundings(made, width, context):
    """Held against positions taken one by one from the chromosome, padded with N."""
    genome, models = made
    for row, (chrom, strand, spans) in enumerate(EXONS[gene] for gene in models.transcripts["gene"]):
        blocks = cut(models, genome, [row], width)
        labels, codes = blocks.labels.reshape(-1), blocks.codes(context)
        assert codes.shape == (len(blocks), width + context) and set(blocks.gene) == {row}
        start, end = spans[0][0], spans[-1][1]
        assert (labels[end - start :] == BEYOND).all() and BEYOND not in labels[: end - start]
        donors, acceptors = {b - 1 for _, b in spans[:-1]}, {a for a, _ in spans[1:]}
        if strand == "-":
            donors, acceptors = {a for a, _ in spans[1:]}, {b - 1 for _, b in spans[:-1]}
        padded = np.pad(genome.codes(chrom), 2000, constant_values=4)
        for offset in range(end - start):
            at = start + offset if strand == "+" else end - 1 - offset
            assert labels[offset] == (DONOR if at in donors else ACCEPTOR if at in acceptors else 0)
            around = padded[at + 2000 - context // 2 : at + 2000 + context // 2 + 1]
            around = around if strand == "+" else dna.reverse_complement(around)
            block, place = divmod(offset, width)
            assert (codes[block, place : place + context + 1] == around).all()


def test_some_rows(made):
    genome, models = made
    blocks = cut(models, genome, [0, 1], 50)
    some = blocks.take(np.array([9, 2]))
    assert len(some) == 2 and (some.labels == blocks.labels[[9, 2]]).all() and set(blocks.chrom) == {"a", "b"}
    assert (some.codes(10) == blocks.codes(10)[[9, 2]]).all() and (blocks.codes(10, [2]) == some.codes(10)[1:]).all()
    with pytest.raises(ValueError, match="a context of 81 bases cannot be halved"):
        blocks.codes(81)


def test_some_genes_whole(made):
    genome, models = made
    blocks = cut(models, genome, [0, 1], 20)
    drawn = {tuple(np.unique(blocks.some_genes(1, np.random.default_rng(seed)).gene)) for seed in range(20)}
    assert drawn == {(0,), (1,)}
    one = blocks.some_genes(1, np.random.default_rng(0))
    assert len(one) == (blocks.gene == one.gene[0]).sum() and len(blocks.some_genes(9, np.random.default_rng(0))) == 28


def test_parts_of_a_world(tiny_world):
    world = dataclasses.replace(tiny_world, test_chromosomes=frozenset({"chr1"}))
    world = dataclasses.replace(world, validation_chromosomes=frozenset({"chr2"}))
    parts = splice_blocks(world, 400)
    assert list(parts) == ["train", "validation", "test"]
    assert set(parts["test"].chrom) == {"chr1"} and set(parts["validation"].chrom) == {"chr2"}
    genes = read_gene_models(world.genes_path, Genome(world.genome_path("hg38")))
    assert sum(len(set(part.gene)) for part in parts.values()) == len(genes)
    spans = genes.transcripts["end"] - genes.transcripts["start"]
    assert sum((part.labels != BEYOND).sum() for part in parts.values()) == spans.sum()


def test_a_world_without_genes(tiny_world):
    with pytest.raises(ValueError, match="world yeast has no gene models"):
        splice_blocks(open_world("yeast"), 400)
    nowhere = dataclasses.replace(tiny_world, test_chromosomes=frozenset())
    with pytest.raises(ValueError, match="world tiny has no gene on a test chromosome"):
        splice_blocks(nowhere, 400)
