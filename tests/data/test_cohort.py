import gzip
import logging

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regdna.data import dna
from regdna.data.cohort import Cohort, place_on_genome, read_cohort
from regdna.data.genome import Genome
from regdna.worlds.liability import CohortTruth
from regdna.worlds.writers import write_cohort, write_fasta

HEAD = """\
##fileformat=VCFv4.3
##contig=<ID=chr1,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tann\tbob\tcat\tdan
"""
LINES = """\
chr1\t10\trs1\tA\tC,G\t.\t.\t.\tGT:DP\t0|2:5\t1/1:7\t./.:.\t1|2:3
chr1\t20\trs2\tG\tT\t.\t.\t.\tGT\t0/0\t0|1\t.\t0/.
chr1\t30\trs3\tG\tGT\t.\t.\t.\tGT\t0/0\t0|1\t1/1\t0/1
chr1\t40\trs4\tG\tA,*\t.\t.\t.\tGT\t0/2\t0|1\t1/1\t2/2
chr1\t50\trs5\tG\tA\t.\t.\t.\tGT\t0/1\t1\t1/1\t0/1
"""
TABLE = "person\tage\tstatus\ncat\t3\t1\nann\t5\t0\nbob\t7\t1\ndan\t9\t0\n"


@pytest.fixture
def write(tmp_path):
    def write_files(vcf=HEAD + LINES, table=TABLE):
        (tmp_path / "c.vcf").write_text(vcf)
        (tmp_path / "p.tsv").write_text(table)
        return tmp_path / "c.vcf", tmp_path / "p.tsv"

    return write_files


def test_genotypes_and_account(write, caplog):
    paths = write()
    with caplog.at_level(logging.WARNING):
        cohort = read_cohort(*paths)
    assert cohort.people == ("ann", "bob", "cat", "dan") and cohort.status.tolist() == [0, 1, 1, 0]
    rows = [tuple(row) for row in cohort.variants.itertuples(index=False)]
    assert rows == [
        ("chr1", 9, "rs1", "A", "C"),
        ("chr1", 9, "rs1", "A", "G"),
        ("chr1", 19, "rs2", "G", "T"),
        ("chr1", 39, "rs4", "G", "A"),
    ]
    assert cohort.dosages.dtype == np.int8
    assert cohort.dosages.tolist() == [[0, 2, -1, 1], [1, 0, -1, 1], [0, 1, -1, -1], [0, 1, 2, 0]]
    assert cohort.missing == 4
    assert cohort.dropped == {"variants: not an SNV": 2, "variants: genotypes that are not diploid": 1}
    assert "left out: 2 variants: not an SNV, 1 variants: genotypes that are not diploid" in caplog.text
    np.testing.assert_allclose(cohort.filled()[:3], [[0, 2, 1, 1], [1, 0, 2 / 3, 1], [0, 1, 0.5, 0.5]])
    unknown = Cohort(cohort.variants[:1], np.full((1, 4), -1, np.int8), cohort.people, cohort.status)
    assert unknown.filled().tolist() == [[0, 0, 0, 0]]


def test_the_account_adds_up(write):
    """Records of the file: an alternative allele is one."""
    cohort = read_cohort(*write())
    assert len(cohort.variants) + sum(cohort.dropped.values()) == 7


@pytest.mark.parametrize("zipped", ["plain", "gzip", "bcf"])
def test_formats(write, tmp_path, zipped):
    vcf, table = write()
    expected = read_cohort(vcf, table)
    path = tmp_path / "other"
    if zipped == "gzip":
        path.write_bytes(gzip.compress(vcf.read_bytes()))
    elif zipped == "bcf":
        with pysam.VariantFile(str(vcf)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as target:
            for record in source:
                target.write(record)
    else:
        path.write_bytes(vcf.read_bytes())
    found = read_cohort(path, table)
    assert found.people == expected.people and found.dropped == expected.dropped
    np.testing.assert_array_equal(found.dosages, expected.dosages)


def test_people_of_one_file_only_are_counted(write):
    vcf, _ = write()
    table = vcf.with_name("t.tsv")
    table.write_text("IID\tpheno\nbob\t1\neve\t0\ndan\t0\nann\tNA\nfay\t1\n")
    cohort = read_cohort(vcf, table)
    assert cohort.people == ("bob", "dan") and cohort.status.tolist() == [1, 0]
    assert cohort.dosages.tolist() == [[2, 1], [0, 1], [1, -1], [1, 0]]
    people = {reason: number for reason, number in cohort.dropped.items() if reason.startswith("people")}
    assert people == {"people without phenotype": 1, "people without genotypes": 2, "people without status": 1}


def test_haploid_genotypes_of_people_who_are_left_out_do_not_count(write):
    vcf, table = write(table=TABLE.replace("bob\t7\t1\n", ""))
    assert read_cohort(vcf, table).variants["id"].tolist() == ["rs1", "rs1", "rs2", "rs4", "rs5"]


def test_plinks_coding_is_asked_for(write):
    vcf, table = write(table="#IID\tphenotype\nann\t1\nbob\t2\ncat\t-9\ndan\t0\n")
    cohort = read_cohort(vcf, table, coding="1/2")
    assert cohort.people == ("ann", "bob") and cohort.status.tolist() == [0, 1]
    assert cohort.dropped["people without status"] == 2
    with pytest.raises(ValueError, match=r"p\.tsv line 3: the status of bob is '2'; .* is coded 1/2, say coding='1/2'"):
        read_cohort(vcf, table)
    with pytest.raises(ValueError, match="coding 'plink': choose one of 0/1, 1/2"):
        read_cohort(vcf, table, coding="plink")


NO_GT = LINES.replace("GT:DP\t0|2:5\t1/1:7\t./.:.\t1|2:3", "DP\t5\t7\t.\t3")


@pytest.mark.parametrize(
    ("vcf", "table", "problem"),
    [
        (HEAD + LINES, TABLE.replace("7\t1", "7\tcase"), r"p\.tsv line 4: the status of bob is 'case'"),
        (HEAD + LINES, TABLE.replace("7\t1", "7\t"), r"p\.tsv line 4: the status of bob is ''"),
        (HEAD + LINES, TABLE.replace("bob\t7\t1", "bob\t1"), r"p\.tsv line 4: 2 tab-separated fields, expected 3"),
        (HEAD + LINES, TABLE + "ann\t5\t0\n", r"p\.tsv line 6: ann is listed twice"),
        (HEAD + LINES, TABLE.replace("status", "disease"), r"p\.tsv: its header has the columns person, age, disease"),
        (HEAD + LINES, TABLE.replace("\t", " "), r"p\.tsv: its header has the columns person age status"),
        (HEAD + LINES, "", r"p\.tsv: is empty"),
        (HEAD + LINES, "person\tstatus\neve\t1\n", r"nobody of .*c\.vcf \(ann, bob, .*\) has a status in .* \(eve\)"),
        (HEAD + LINES, TABLE.replace("\t1\n", "\t0\n"), r"p\.tsv: all 4 people with genotypes are controls"),
        (HEAD.replace("cat", "ann") + LINES, TABLE, r"c\.vcf: ann twice among the people"),
        (HEAD + NO_GT, TABLE, r"c\.vcf: record 1 \(chr1:10\) has no GT"),
        (HEAD + LINES.splitlines()[2] + "\n", TABLE, r"c\.vcf: no variant is left; dropped: 1 variants: not an SNV"),
        (HEAD, TABLE, r"c\.vcf: no variant is left; dropped: nothing"),
        (HEAD.replace("\tFORMAT\tann\tbob\tcat\tdan", ""), TABLE, r"c\.vcf: has no genotypes of anybody"),
        (HEAD + LINES.replace("\t20\t", "\tx\t"), TABLE, r"what follows record 1 \(chr1:10\) cannot be read"),
        ("chrom\tstart\tend\n", TABLE, r"c\.vcf: genotypes are read from VCF or BCF, and this is neither"),
    ],
)
def test_bad_files(write, vcf, table, problem):
    with pytest.raises(ValueError, match=problem):
        read_cohort(*write(vcf, table))


def test_absent_files(write, tmp_path):
    vcf, table = write()
    for paths in ((tmp_path / "no", table), (vcf, tmp_path / "no")):
        with pytest.raises(FileNotFoundError, match="no does not exist"):
            read_cohort(*paths)


@given(arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(2, 7)), elements=st.integers(0, 2)))
def test_what_is_written_is_read(tmp_path_factory, dosages):
    folder = tmp_path_factory.mktemp("cohort")
    number, size = dosages.shape
    codes = {"ref": np.arange(number, dtype=np.uint8) % 4, "alt": (np.arange(number, dtype=np.uint8) + 1) % 4}
    variants = pd.DataFrame({"chrom": "chr1", "start": np.arange(number) * 7, "id": "."} | codes)
    people = pd.DataFrame({"person": [f"p{i}" for i in range(size)], "status": np.arange(size) % 2})
    write_cohort(folder, CohortTruth(variants, dosages, None, people), {"chr1": 100})
    cohort = read_cohort(folder / "genotypes.vcf.gz", folder / "phenotypes.tsv")
    np.testing.assert_array_equal(cohort.dosages, dosages)
    assert cohort.variants["start"].tolist() == variants["start"].tolist() and cohort.dropped == {}
    assert "".join(cohort.variants["alt"]) == dna.decode(variants["alt"].to_numpy())
    assert cohort.status.tolist() == people["status"].tolist()


class TestOnAGenome:
    @pytest.fixture
    def genome(self, tmp_path):
        codes = np.tile(dna.encode("ACGT"), 100)
        write_fasta(tmp_path / "g.fa", {"chr1": codes})
        return Genome(tmp_path / "g.fa")

    def cohort(self, rows):
        table = pd.DataFrame(rows, columns=["chrom", "start", "id", "ref", "alt"])
        dosages = np.tile(np.array([0, 1, 2, -1], np.int8), (len(rows), 1))
        return Cohort(table, dosages, ("a", "b", "c", "d"), np.array([0, 1, 0, 1]), {"people without status": 3})

    def test_alleles_are_exchanged_and_so_are_dosages(self, genome):
        rows = [("chr1", 100, "match", "A", "G"), ("1", 101, "swapped", "T", "C"), ("chr1", 102, "flipped", "C", "T")]
        rows += [("chr1", 103, "both", "G", "A")]
        found = place_on_genome(self.cohort(rows), genome, 20)
        assert found.variants["status"].tolist() == ["match", "swapped", "strand-flipped", "swapped and strand-flipped"]
        assert found.variants["genome_ref"].tolist() == [0, 1, 2, 3]
        assert found.dosages.tolist() == [[0, 1, 2, -1], [2, 1, 0, -1], [0, 1, 2, -1], [2, 1, 0, -1]]
        assert found.dosages.dtype == np.int8 and found.dropped == {"people without status": 3}

    def test_what_cannot_be_read_is_counted(self, genome):
        rows = [("chr1", 100, "a", "A", "G"), ("chr1", 100, "again", "A", "G"), ("chr1", 5, "end", "C", "T")]
        rows += [("chr1", 104, "wrong", "C", "G"), ("chr9", 104, "outside", "C", "G")]
        found = place_on_genome(self.cohort(rows), genome, 20)
        assert found.variants["id"].tolist() == ["a"] and found.dosages.shape == (1, 4)
        expected = {"duplicate": 1, "too near an end": 1, "mismatch": 1, "outside": 1}
        assert found.dropped == {"people without status": 3} | {f"variants: {k}": v for k, v in expected.items()}
        with pytest.raises(ValueError, match=r"no variant can be read on g\.fa; dropped: 1 variants: mismatch"):
            place_on_genome(self.cohort(rows[3:4]), genome, 20)

    def test_another_assembly_is_noticed(self, genome):
        rows = [("chr1", 100 + 4 * i, f"v{i}", "C", "G") for i in range(30)]
        with pytest.raises(ValueError, match="neither allele of 30 of 30 variants"):
            place_on_genome(self.cohort(rows), genome, 20)


def test_the_cohort_of_the_tiny_world(tiny_world):
    folder, truth = tiny_world.cohort_path, tiny_world.built / "truth"
    cohort = read_cohort(folder / "genotypes.vcf.gz", folder / "phenotypes.tsv")
    planted = pd.read_csv(truth / "liability.tsv.gz", sep="\t")
    assert cohort.people == tuple(planted["person"]) and (cohort.status == planted["status"]).all()
    effects = pd.read_csv(truth / "cohort.tsv.gz", sep="\t")
    assert cohort.variants["id"].tolist() == effects["id"].tolist() and not cohort.dropped
    placed = place_on_genome(cohort, Genome(tiny_world.genome_path("hg38")), 10)
    assert (placed.variants["status"] == "match").all()
