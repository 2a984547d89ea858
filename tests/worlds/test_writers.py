import gzip
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyfaidx import Faidx, Fasta
from scipy import sparse

from regdna.data import dna
from regdna.worlds.liability import CohortTruth
from regdna.worlds.single_cells import Cells
from regdna.worlds.writers import (
    LINE,
    Chain,
    chain_name,
    write_cells,
    write_chains,
    write_cohort,
    write_fasta,
    write_narrowpeak,
    write_reads,
    write_vcf,
)


def test_chain_names_are_those_of_ucsc():
    assert chain_name("hg38", "mm10") == "hg38ToMm10.over.chain.gz"
    assert chain_name("sacCer3", "CBS432") == "sacCer3ToCBS432.over.chain.gz"


def test_fasta_exact(tmp_path):
    write_fasta(tmp_path / "g.fa", {"a": np.tile(dna.encode("ACGTN"), 13), "b": dna.encode("TT")})
    text = (tmp_path / "g.fa").read_text()
    assert text == ">a\n" + "ACGTN" * 12 + "\nACGTN\n>b\nTT\n"
    assert (tmp_path / "g.fa.fai").read_text() == "a\t65\t3\t60\t61\nb\t2\t73\t60\t61\n"


@given(st.lists(st.integers(1, 3 * LINE + 2), min_size=1, max_size=4))
def test_fasta_and_index_against_pyfaidx(tmp_path_factory, lengths):
    folder = tmp_path_factory.mktemp("fasta")
    rng = np.random.default_rng(sum(lengths))
    sequences = {f"chr{i}": rng.integers(0, 5, length).astype(np.uint8) for i, length in enumerate(lengths)}
    write_fasta(folder / "g.fa", sequences)
    fasta = Fasta(str(folder / "g.fa"))
    assert list(fasta.keys()) == list(sequences)
    for name, codes in sequences.items():
        assert str(fasta[name]) == dna.decode(codes)
        assert str(fasta[name][len(codes) // 2 :]) == dna.decode(codes[len(codes) // 2 :])
    shutil.copy(folder / "g.fa", folder / "own.fa")
    own = Faidx(str(folder / "own.fa")).index  # pyfaidx makes its own index here
    ours = Faidx(str(folder / "g.fa")).index
    for name, codes in sequences.items():
        assert (own[name].rlen, own[name].offset) == (ours[name].rlen, ours[name].offset)
        assert ours[name].rlen == len(codes) and ours[name].lenc == LINE and ours[name].lenb == LINE + 1


def chain(score, t_name, minus, t_start, q_start, size):
    return Chain(score, t_name, 1000, "x", 900, minus, np.array(t_start), np.array(q_start), np.array(size))


def test_chains_exact(tmp_path):
    worse = chain(5, "b", True, [0], [7], [3])
    better = chain(70, "a", False, [10, 45, 95], [20, 50, 100], [30, 40, 20])
    write_chains(tmp_path / "c.chain", [worse, better])
    text = (
        "chain 70 a 1000 + 10 115 x 900 + 20 120 1\n30\t5\t0\n40\t10\t10\n20\n\n"
        "chain 5 b 1000 + 0 3 x 900 - 7 10 2\n3\n\n"
    )
    assert (tmp_path / "c.chain").read_text() == text
    write_chains(tmp_path / "c.chain.gz", iter([worse, better]))
    assert gzip.decompress((tmp_path / "c.chain.gz").read_bytes()).decode() == text


def test_chains_of_equal_scores_keep_their_order(tmp_path):
    write_chains(tmp_path / "c.chain", [chain(5, name, False, [0], [0], [3]) for name in "zay"])
    headers = [line.split()[2] for line in (tmp_path / "c.chain").read_text().splitlines() if line[:5] == "chain"]
    assert headers == ["z", "a", "y"]


def test_narrowpeak_exact(tmp_path):
    write_narrowpeak(
        tmp_path / "p.narrowPeak", ["chr1", "chr2"], [10, 0], [210, 200], ["X_1", "X_2"], [9.1234, 12.0], [100, 37]
    )
    assert (tmp_path / "p.narrowPeak").read_text() == (
        "chr1\t10\t210\tX_1\t912\t.\t9.123\t-1\t-1\t100\nchr2\t0\t200\tX_2\t1000\t.\t12.000\t-1\t-1\t37\n"
    )


def test_reads_exact(tmp_path):
    reads = pd.DataFrame({"strand": ["+", "-"], "chrom": ["chr2", "chr1"], "start": [5, 0], "end": [55, 50], "more": 1})
    for name in ("r.bed", "r.bed.gz"):
        write_reads(tmp_path / name, reads.astype({"chrom": "category"}))
    text = "chr2\t5\t55\t.\t0\t+\nchr1\t0\t50\t.\t0\t-\n"
    assert (tmp_path / "r.bed").read_text() == gzip.decompress((tmp_path / "r.bed.gz").read_bytes()).decode() == text


def test_narrowpeaks_of_the_tiny_world_have_the_ten_columns(tiny_world):
    """BED6+4 of ENCODE: https://genome.ucsc.edu/FAQ/FAQformat.html#format12"""
    fasta = Fasta(str(tiny_world.genome_path("hg38")))
    lines = tiny_world.peaks_path("CTCF").read_text().splitlines()
    assert len(lines) > 5
    for number, line in enumerate(lines, 1):
        chrom, start, end, name, score, strand, signal, p, q, summit = line.split("\t")
        assert 0 <= int(start) < int(end) <= len(fasta[chrom])
        assert name == f"CTCF_{number}"
        assert 0 <= int(score) <= 1000 and float(signal) > 0
        assert (strand, p, q) == (".", "-1", "-1")
        assert 0 <= int(summit) < int(end) - int(start)


def test_the_fasta_of_the_tiny_world_has_its_index(tiny_world):
    for species in ("hg38", "monDom5"):
        path = tiny_world.genome_path(species)
        lines = path.with_name(path.name + ".fai").read_text().splitlines()
        assert [line.split("\t")[0] for line in lines] == [f"chr{i}" for i in range(1, 11)]
        for line in lines:
            name, length, offset, *_ = line.split("\t")
            content = path.read_bytes()
            assert content[: int(offset)].endswith(f">{name}\n".encode())
            assert int(length) > 0


@pytest.mark.parametrize("length", [LINE - 1, LINE, LINE + 1, 2 * LINE])
def test_no_line_is_empty(tmp_path, length):
    write_fasta(tmp_path / "g.fa", {"a": np.zeros(length, np.uint8), "b": np.zeros(1, np.uint8)})
    lines = (tmp_path / "g.fa").read_text().split("\n")
    assert lines[-1] == "" and all(lines[:-1])


def test_vcf_and_cohort_exact(tmp_path):
    codes = {"ref": np.array([0, 3], np.uint8), "alt": np.array([2, 1], np.uint8)}
    variants = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [9, 0], "id": ["a", "b"]} | codes)
    head = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=50>\n##contig=<ID=chr2,length=7>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    lines = "chr1\t10\ta\tA\tG\t.\t.\t.", "chr2\t1\tb\tT\tC\t.\t.\t."
    write_vcf(tmp_path / "v.vcf", variants, {"chr1": 50, "chr2": 7})
    assert (tmp_path / "v.vcf").read_text() == head + columns + "\n" + "\n".join(lines) + "\n"
    people = pd.DataFrame({"person": ["p1", "p2", "p3"], "status": [1, 0, 0], "genetic": 0.5, "liability": 1.0})
    dosages = np.array([[0, 1, 2], [2, 0, 0]], np.int8)
    write_cohort(tmp_path, CohortTruth(variants, dosages, None, people), {"chr1": 50, "chr2": 7})
    text = gzip.decompress((tmp_path / "genotypes.vcf.gz").read_bytes()).decode()
    assert text == (
        head
        + '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        + f"{columns}\tFORMAT\tp1\tp2\tp3\n{lines[0]}\tGT\t0/0\t0/1\t1/1\n{lines[1]}\tGT\t1/1\t0/0\t0/0\n"
    )
    assert (tmp_path / "phenotypes.tsv").read_text() == "person\tstatus\np1\t1\np2\t0\np3\t0\n"


def test_cells_exact(tmp_path):
    regions = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [5, 0], "end": [9, 7]})
    counts = sparse.csc_array([[0, 2, 1], [3, 0, 0]])
    cells = Cells(regions, ["AA", "AC", "AG"], ["x", "y z", "x"], counts, None, None, None)
    write_cells(tmp_path / "cells", cells)
    text = gzip.decompress((tmp_path / "cells" / "matrix.mtx.gz").read_bytes()).decode().splitlines()
    assert text[0] == "%%MatrixMarket matrix coordinate integer general"
    assert [line for line in text if line[0] != "%"] == ["2 3 3", "2 1 3", "1 2 2", "1 3 1"]
    assert (tmp_path / "cells" / "peaks.bed").read_text() == "chr1\t5\t9\nchr2\t0\t7\n"
    assert gzip.decompress((tmp_path / "cells" / "barcodes.tsv.gz").read_bytes()) == b"AA\nAC\nAG\n"
    assert (tmp_path / "cells" / "cell_types.tsv").read_text() == "barcode\tcell_type\nAA\tx\nAC\ty z\nAG\tx\n"
