import gzip

import numpy as np
import pytest

from regdna.data.gene_models import DROPPED, read_gene_models
from regdna.data.genome import Genome
from regdna.worlds.writers import write_fasta


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "x.fa"
    write_fasta(path, {name: np.zeros(length, np.uint8) for name, length in (("chr2", 500), ("chr1", 1000))})
    return Genome(path, {"1": "chr1"})


def line(start, end, chrom="chr1", strand="+", gene="G", transcript="T", feature="exon", more=""):
    attributes = f'gene_id "{gene}"; gene_name "gene_id x"; transcript_id "{transcript}";{more}'
    return "\t".join([chrom, "x", feature, str(start), str(end), ".", strand, ".", attributes]) + "\n"


@pytest.fixture
def write(tmp_path):
    def make(*lines, zipped=False):
        path = tmp_path / ("x.gtf.gz" if zipped else "x.gtf")
        text = "#!genome\n" + "".join(lines)
        path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
        return path

    return make


@pytest.mark.parametrize("zipped", [False, True])
def test_positions_of_both_strands(write, genome, zipped):
    """1-based ends of the file, 0-based positions of sites: last base before an intron, first one after it."""
    exons = [line(101, 200), line(301, 400), line(501, 600)]
    minus = [line(a, b, "chr2", "-", "H", "U") for a, b in ((201, 300), (51, 100))]
    models = read_gene_models(write(line(1, 999, feature="gene"), *exons, *minus, zipped=zipped), genome)
    assert models.transcripts.to_numpy().tolist() == [
        ["H", "U", "chr2", 50, 300, "-"],
        ["G", "T", "chr1", 100, 600, "+"],
    ]
    assert [part.tolist() for part in models.sites(1)] == [[199, 399], [300, 500]]
    assert [part.tolist() for part in models.sites(0)] == [[200], [99]]
    assert models.exons[0].tolist() == [[50, 100], [200, 300]] and len(models) == 2


def test_one_transcript_for_each_gene(write, genome):
    two = [line(1, 50, transcript="two"), line(101, 150, transcript="two")]
    long = [line(1, 90, transcript="long"), line(101, 150, transcript="long")]
    three = [line(a, a + 9, transcript="three") for a in (1, 101, 201)]

    def chosen(*lines):
        return read_gene_models(write(*lines), genome).transcripts["transcript"].tolist()

    assert chosen(*two, *three, *long) == ["three"] and chosen(*two, *long) == ["long"]
    tagged = [text.replace('"two";', '"two"; tag "basic"; tag "Ensembl_canonical";') for text in two]
    assert chosen(*three, *long, *tagged) == ["two"]
    assert chosen(*two, *[text.replace("two", "again") for text in two]) == ["two"]


def test_what_is_dropped_is_counted(write, genome):
    lines = [line(1, 50), line(101, 150), line(1, 9, gene="S", transcript="S1")]
    lines += [line(a, a + 5, "chrUn", gene=gene, transcript=gene) for gene in "AB" for a in (1, 10)]
    models = read_gene_models(write(*lines), genome)
    assert len(models) == 1 and models.dropped == dict(zip(DROPPED, (2, 1)))


def test_aliases(write, genome):
    assert read_gene_models(write(line(1, 5, "1"), line(9, 20, "1")), genome).transcripts["chrom"].tolist() == ["chr1"]


@pytest.mark.parametrize(
    "lines, problem",
    [
        (["chr1\tx\texon\n"], r"x\.gtf line 2: 3 tab-separated field"),
        ([line("1,000", 2000)], r"line 2: start '1,000' is not a position"),
        ([line(0, 5)], r"line 2: an exon from 0 to 5"),
        ([line(9, 5)], r"line 2: an exon from 9 to 5"),
        ([line(1, 5), line(9, 1001)], r"line 3: end 1001 is beyond chr1, which has 1000 bases"),
        ([line(1, 5, strand=".")], r"line 2: strand '\.'"),
        ([line(1, 5).replace("transcript_id", "Parent")], r"line 2: no transcript_id among the attributes"),
        ([line(1, 50), line(40, 90)], r"line 3: an exon of T overlaps or touches"),
        ([line(1, 50), line(51, 90)], r"line 3: an exon of T overlaps or touches"),
        ([line(1, 50), line(80, 90, strand="-")], r"the transcript T has exons of more than one strand"),
        ([line(1, 50), line(80, 90, "chr2")], r"the transcript T has exons of more than one chrom"),
        ([line(1, 50)], r"holds no gene with an intron on a chromosome of x\.fa"),
        ([], "holds no gene"),
    ],
)
def test_bad_input_is_named_with_its_place(write, genome, lines, problem):
    with pytest.raises(ValueError, match=problem):
        read_gene_models(write(*lines), genome)


def test_absent_and_damaged_files(write, genome, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.gtf do not exist"):
        read_gene_models(tmp_path / "none.gtf", genome)
    path = write(line(1, 5), line(9, 12), zipped=True)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(ValueError, match=r"x\.gtf\.gz: truncated"):
        read_gene_models(path, genome)


def test_the_simulated_genes(tiny_world):
    models = read_gene_models(tiny_world.genes_path, Genome(tiny_world.genome_path("hg38")))
    genome = Genome(tiny_world.genome_path("hg38"))
    assert len(models) > 2 and set(models.dropped.values()) == {0}
    for row in range(len(models)):
        _, _, chrom, _, _, strand = models.transcripts.iloc[row]
        codes, (donors, acceptors) = genome.codes(chrom), models.sites(row)
        first, last = ((1, 3), (-2, 0)) if strand == "+" else ((-2, 0), (1, 3))
        pairs = {(*codes[at + first[0] : at + first[1]],) for at in donors}
        assert pairs == {(2, 3) if strand == "+" else (0, 1)}  # GT, or AC
        assert {(*codes[at + last[0] : at + last[1]],) for at in acceptors} == {(0, 2) if strand == "+" else (1, 3)}
