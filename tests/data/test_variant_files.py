import gzip
import itertools
import os

import numpy as np
import pandas as pd
import pysam
import pytest

from regdna.data.variant_files import read_allele_pairs, read_variants

VCF = """\
##fileformat=VCFv4.3
##contig=<ID=chr1,length=1000>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
chr1\t10\trs1\tA\tC,G\t.\t.\t.
chr1\t11\t.\tAC\tA\t.\t.\t.
chr1\t12\trs3\tA\t*\t.\t.\t.
chr1\t13\trs4\tA\t<DEL>\t.\t.\t.
chr1\t14\trs5\tA\t.\t.\t.\t.
chr2\t15\trs6\tg\tt\t.\t.\t.
"""
RECORDS = [
    ("chr1", 9, "rs1", "A", "C"),
    ("chr1", 9, "rs1", "A", "G"),
    ("chr1", 10, ".", "AC", "A"),
    ("chr1", 11, "rs3", "A", "*"),
    ("chr1", 12, "rs4", "A", "<DEL>"),
    ("chr1", 13, "rs5", "A", "."),
    ("chr2", 14, "rs6", "g", "t"),
]
ADASTRA = "#chr\tpos\tID\tref\talt\tes_mean_ref\nchr1\t10.0\trs1\tA\tC\t-1.5\nchr2\t15\trs6\tG\tT\t\n"
PAIRS = [("a", "ACGT", "ACTT"), ("b", "AC", "AG")]


def read(path, **options):
    return pd.concat(read_variants(path, **options), ignore_index=True)


def records(table):
    return [tuple(row) for row in table[["chrom", "start", "id", "ref", "alt"]].itertuples(index=False)]


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="variants"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def test_vcf(write, capfd):
    assert records(read(write(VCF))) == RECORDS
    assert capfd.readouterr() == ("", "")  # chr2 is not in the header, which htslib would complain of


@pytest.mark.parametrize("name", ["v.vcf.gz", "v.txt"])
def test_gzipped_vcf_without_index(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(VCF.encode()))
    assert records(read(path)) == RECORDS


def test_bgzipped_vcf_with_index_and_bcf(write, tmp_path):
    vcf = VCF.replace("##contig", "##contig=<ID=chr2,length=1000>\n##contig")
    indexed = pysam.tabix_index(str(write(vcf, "v.vcf")), preset="vcf", keep_original=True)
    assert records(read(indexed)) == RECORDS
    bcf = tmp_path / "v.bcf"
    plain = pysam.tabix_index(str(write(vcf.replace("<DEL>", "*"), "p.vcf")), preset="vcf", keep_original=True)
    with pysam.VariantFile(plain) as source, pysam.VariantFile(str(bcf), "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    expected = [tuple(field.replace("<DEL>", "*") if isinstance(field, str) else field for field in r) for r in RECORDS]
    assert records(read(bcf)) == expected


def test_the_chunks_are_the_file(write):
    path = write(VCF)
    for size in (1, 2, 100):
        parts = list(read_variants(path, size))
        assert records(pd.concat(parts)) == RECORDS and max(map(len, parts)) <= size + 1


def test_adastras_table(write):
    table = read(write(ADASTRA))
    assert records(table) == [("chr1", 9, "rs1", "A", "C"), ("chr2", 14, "rs6", "G", "T")]
    assert table["es_mean_ref"].tolist() == ["-1.5", ""]


def test_a_table_with_starts_is_0_based(write):
    table = read(write("chrom\tstart\tend\tref\talt\n1\t9\t10\tA\tC,\n"))
    assert records(table) == [("1", 9, ".", "A", "C"), ("1", 9, ".", "A", ".")]


def test_bed_with_track_line(write):
    text = "track name=x\n\nchr1\t9\t10\trs1\tA\tC,G\t0.5\nchr2\t14\t15\trs6\tG\tT\t0.1\n"
    table = read(write(text))
    assert records(table) == [*RECORDS[:2], ("chr2", 14, "rs6", "G", "T")]
    assert table["column 7"].tolist() == ["0.5", "0.5", "0.1"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("chr1\t9\n", "neither VCF, nor a tab-separated table"),
        ("#chr\tpos\tref\talt\nchr1\t1e30\tA\tC\n", "line 2: the position '1e30' is no integer, or beyond any"),
        ("#chr\tchrom\tpos\tref\talt\nchr1\t1\t1\tA\tC\n", "two columns of the header could be chrom"),
        ("#chr\tpos\tID\tid\tref\talt\nchr1\t1\ta\tb\tA\tC\n", "two columns of the header could be id"),
        (VCF.replace("chr1\t11", "\nchr1\t11"), r"what follows record 1 \(chr1:10\) cannot be read"),
        ("##only a comment\n", "begins with nothing"),
        ("#chr\tpos\tref\talt\nchr1\tten\tA\tC\n", "line 2: the position 'ten' is no integer"),
        ("#chr\tpos\tref\talt\nchr1\t1.5\tA\tC\n", "line 2: the position '1.5' is no integer"),
        ("#chr\tpos\tref\talt\nchr1\t1\tA\tC\nchr1\t1\tA\n", "line 3: 3 tab-separated fields, expected 4"),
        (VCF.replace("\t15\t", "\tx\t"), r"what follows record 5 \(chr1:14\) cannot be read"),
        ("##fileformat=VCFv4.3\nchr1\t10\trs1\tA\tC\t.\t.\t.\n", "not a readable VCF"),
        (VCF.split("chr1")[0].replace("\t", " "), "not a readable VCF"),
    ],
)
def test_bad_files(write, text, problem):
    path = write(text)
    with pytest.raises(ValueError, match=problem) as error:
        read(path)
    assert str(path) in str(error.value)


def test_tables_as_people_have_them(write, tmp_path):
    plink = "##comment\n#CHROM\tPOS\tID\tREF\tALT\nchr1\t10\trs1\tA\tC,G\n"
    assert records(read(write(plink))) == RECORDS[:2]
    spreadsheet = "\ufeff" + ADASTRA.replace("\n", "\r\n").replace("\tA\t", "\tA \t")
    assert records(read(write(spreadsheet))) == [("chr1", 9, "rs1", "A", "C"), ("chr2", 14, "rs6", "G", "T")]
    assert records(read(write("\n\n" + ADASTRA))) == records(read(write(ADASTRA)))
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="is a folder or a pipe; it is read more than once, so give a file"):
            read(path)


def test_truncated_and_absent_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")
    rng = np.random.default_rng(0)
    lines = "".join(f"chr1\t{i}\trs{rng.integers(10**9)}\tA\tC\n" for i in range(1, 5000))
    vcf = VCF.split("chr1\t")[0] + lines.replace("A\tC\n", "A\tC\t.\t.\t.\n")
    for text, problem in ((f"#chr\tpos\tID\tref\talt\n{lines}", "truncated or damaged"), (vcf, "or a damaged one")):
        path = tmp_path / "t.gz"
        path.write_bytes(gzip.compress(text.encode()))
        assert len(read(path)) == 4999
        path.write_bytes(gzip.compress(text.encode())[:-2000])
        with pytest.raises(ValueError, match=problem):
            read(path)
    # Cut at the end of a block of the decompressed text, htslib sees nothing but an early end.
    path.write_bytes(gzip.compress(vcf.encode())[:-4])
    with pytest.raises(ValueError, match="or a damaged one"):
        read(path)
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(ValueError, match="not a text file"):
        read(binary)


@pytest.mark.parametrize("zipped", [False, True])
def test_pairs_from_fasta_and_table(tmp_path, zipped):
    fasta = "".join(f">{name}|ref here\n{ref}\n>{name}|alt\n{alt}\n" for name, ref, alt in PAIRS)
    table = "alt_sequence\tid\tref_sequence\tmore\n" + "".join(f"{a}\t{n}\t{r}\tx\n" for n, r, a in PAIRS)
    for text, size in itertools.product((fasta, table), (1, 10)):
        path = tmp_path / "pairs"
        path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
        found = pd.concat(read_allele_pairs(path, size))
        assert [tuple(row) for row in found.itertuples(index=False)] == PAIRS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (">a|ref\nAC\n>b|alt\nAG\n", "'a.ref' is followed by 'b.alt'"),
        (">a|ref\nAC\n", "is followed by 'nothing'"),
        (">a|alt\nAC\n>a|ref\nAC\n", "is followed by"),
        ("id\tref\talt\n", "names ref_sequence, alt_sequence"),
        ("id\tref_sequence\talt_sequence\na\tAC\n", "line 2: 2 tab-separated fields, expected 3"),
    ],
)
def test_bad_pairs(write, text, problem):
    with pytest.raises(ValueError, match=problem):
        list(read_allele_pairs(write(text)))
