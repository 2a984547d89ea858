import gzip
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfaidx import Fasta

from regdna.data import dna
from regdna.data.genome import Genome

FASTA = b">I first one\nACGTA\nCGTAC\nGT\n>II\nnnacR\n"
LETTERS = {"I": "ACGTACGTACGT", "II": "NNACN"}


def twobit(sequences):
    """Write UCSC 2bit by its specification; sequences of ACGTN, lower case for a mask block over the whole."""
    records, index, offset = b"", b"", 16 + sum(1 + len(name) + 4 for name in sequences)
    for name, letters in sequences.items():
        blocks, at = [], 0
        while at < len(letters):
            end = at
            while end < len(letters) and letters[end] in "Nn":
                end += 1
            if end > at:
                blocks.append((at, end - at))
            at = max(end, at + 1)
        masked = [(0, len(letters))] if letters.islower() else []
        record = struct.pack("<I", len(letters))
        for some in (blocks, masked):
            record += struct.pack("<I", len(some))
            record += b"".join(struct.pack("<I", start) for start, _ in some)
            record += b"".join(struct.pack("<I", size) for _, size in some)
        record += struct.pack("<I", 0)
        values = ["TCAG".index(letter) if letter in "TCAG" else 0 for letter in letters.upper()]
        values += [0] * (-len(values) % 4)
        record += bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*(iter(values),) * 4))
        index += bytes([len(name)]) + name.encode() + struct.pack("<I", offset + len(records))
        records += record
    return struct.pack("<IIII", 0x1A412743, 0, len(sequences), 0) + index + records


@pytest.fixture(params=["g.fa", "g.fasta", "g.fna", "g.FA.gz", "g.fna.gz", "g.2bit"])
def path(request, tmp_path):
    content = FASTA
    if request.param.endswith(".gz"):
        content = gzip.compress(FASTA)
    if request.param.endswith(".2bit"):
        content = twobit({"I": "ACGTACGTACGT", "II": "NNacN".upper()})
    path = tmp_path / request.param
    path.write_bytes(content)
    return path


def write(path, content):
    path.write_bytes(content)
    return path


def test_every_format_gives_the_same_codes(path):
    genome = Genome(path)
    assert genome.lengths == {"I": 12, "II": 5}
    assert list(genome.lengths) == ["I", "II"]
    for name, letters in LETTERS.items():
        assert genome.codes(name).dtype == np.uint8
        assert dna.decode(genome.codes(name)) == letters


def test_masked_2bit(tmp_path):
    genome = Genome(write(tmp_path / "g.2bit", twobit({"a": "acgtnnta", "b": "G"})))
    assert dna.decode(genome.codes("a")) == "ACGTNNTA"
    assert dna.decode(genome.codes("b")) == "G"


def test_carriage_returns(tmp_path):
    text = b">a\r\nACG\r\nTAC\r\nG\r\n"
    for name, content in (("g.fa", text), ("g.fa.gz", gzip.compress(text))):
        assert dna.decode(Genome(write(tmp_path / name, content)).codes("a")) == "ACGTACG"


def test_codes_stay_in_memory(path):
    genome = Genome(path)
    assert genome.codes("I") is genome.codes("I")


@settings(max_examples=40)
@given(st.lists(st.text("ACGTNn", min_size=1, max_size=30), min_size=1, max_size=3))
def test_unknown_bases_against_reading_the_sequence(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("unknown")
    sequences = {f"c{number}": letters for number, letters in enumerate(drawn)}
    text = "".join(f">{name}\n{letters}\n" for name, letters in sequences.items()).encode()
    for name, content in (("g.fa", text), ("g.fa.gz", gzip.compress(text)), ("g.2bit", twobit(sequences))):
        genome = Genome(write(folder / name, content))
        for chrom, letters in sequences.items():
            start, end = genome.unknown(chrom)
            assert start.dtype == end.dtype == np.int64
            runs = [match.span() for match in re.finditer("[Nn]+", letters)]
            assert list(zip(start.tolist(), end.tolist())) == runs
            assert sum(e - s for s, e in runs) == (genome.codes(chrom) == dna.N_CODE).sum()


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_letters_for_several_bases_are_unknown(tmp_path, name):
    text = b">a\nRACGTN\nnKTwwA\n"
    genome = Genome(write(tmp_path / name, gzip.compress(text) if name.endswith(".gz") else text), {"b": "a"})
    for chrom in ("a", "b"):
        assert [side.tolist() for side in genome.unknown(chrom)] == [[0, 5, 9], [1, 8, 11]]


def test_lower_case_is_known_and_the_last_run_of_a_2bit_file_is_found(tmp_path):
    genome = Genome(write(tmp_path / "g.2bit", twobit({"a": "acgtnnta", "b": "G", "c": "NN"})), {"d": "c"})
    found = {name: [side.tolist() for side in genome.unknown(name)] for name in "abcd"}
    assert found == {"a": [[4], [6]], "b": [[], []], "c": [[0], [2]], "d": [[0], [2]]}
    with pytest.raises(KeyError, match=r"chromosome 'e' is not in g\.2bit; it has a, b, c"):
        genome.unknown("e")


def test_windows_inside(path):
    windows = Genome(path).windows("I", np.array([0, 3, 8]), 4)
    assert windows.shape == (3, 4) and windows.dtype == np.uint8
    assert [dna.decode(window) for window in windows] == ["ACGT", "TACG", "ACGT"]


def test_windows_over_the_ends_are_filled_with_n(path):
    windows = Genome(path).windows("I", np.array([-2, 10, 12, 100, -50]), 4)
    assert [dna.decode(window) for window in windows] == ["NNAC", "GTNN", "NNNN", "NNNN", "NNNN"]


def test_window_wider_than_the_chromosome(path):
    assert dna.decode(Genome(path).windows("II", [-1], 7)[0]) == "NNNACNN"


def test_no_windows(path):
    assert Genome(path).windows("I", np.empty(0, int), 4).shape == (0, 4)


def test_aliases(path):
    genome = Genome(path, {"chr1": "I", "chr9": "IX"})
    assert genome.name("chr1") == "I"
    assert genome.name("I") == "I"
    assert genome.codes("chr1") is genome.codes("I")
    with pytest.raises(KeyError, match=rf"chromosome 'chr9' is not in {path.name}; it has I, II"):
        genome.name("chr9")


def test_an_unknown_chromosome_is_named_with_those_known(path):
    with pytest.raises(KeyError, match=rf"chromosome 'III' is not in {path.name}; it has I, II"):
        Genome(path).codes("III")


def test_long_lists_of_known_chromosomes_are_cut(tmp_path):
    genome = Genome(write(tmp_path / "g.fa", b"".join(b">c%d\nA\n" % i for i in range(12))))
    with pytest.raises(KeyError, match=r"it has c0, c1, c2, c3, c4, c5, c6, c7, …"):
        genome.name("x")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.fa does not exist"):
        Genome(tmp_path / "none.fa")


@pytest.mark.parametrize("name", ["g.txt", "g.gz", "g.fa.bz2", "g"])
def test_an_unknown_suffix(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{name}: not a genome format; expected \.2bit, \.fa"):
        Genome(write(tmp_path / name, FASTA))


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz", "g.2bit"])
def test_an_empty_file(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{name}: "):
        Genome(write(tmp_path / name, b""))


def test_text_without_a_record(tmp_path):
    with pytest.raises(ValueError, match=r"g\.fa: not a readable FASTA file"):
        Genome(write(tmp_path / "g.fa", b"hello\n"))
    with pytest.raises(ValueError, match=r"g\.fa\.gz: holds no sequence"):
        Genome(write(tmp_path / "g.fa.gz", gzip.compress(b"hello\n")))


def test_a_record_without_a_name(tmp_path):
    with pytest.raises(ValueError, match=r"g\.fa\.gz: record 2 has an empty name"):
        Genome(write(tmp_path / "g.fa.gz", gzip.compress(b">a\nAC\n>\nGT\n")))


def test_a_greater_than_sign_inside_a_header(tmp_path):
    text = b">a x->y\nAC\n>b\nGG\n"
    for name, content in (("g.fa", text), ("g.fa.gz", gzip.compress(text))):
        assert Genome(write(tmp_path / name, content)).lengths == {"a": 2, "b": 2}


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_two_records_of_one_name(tmp_path, name):
    text = b">a\nAC\n>a\nGGG\n"
    with pytest.raises(ValueError, match=rf"{name}.*'?\"?a\b"):
        Genome(write(tmp_path / name, gzip.compress(text) if name.endswith(".gz") else text))


@pytest.mark.parametrize("kept", [12, 30, -9, -1])
def test_truncated_gzip(tmp_path, kept):
    whole = gzip.compress(b">a\n" + bytes(np.random.default_rng(1).choice(list(b"ACGT"), 500)) + b"\n")
    with pytest.raises(ValueError, match=r"g\.fa\.gz: truncated or damaged gzip file .*download it again"):
        Genome(write(tmp_path / "g.fa.gz", whole[:kept]))


def test_damaged_gzip(tmp_path):
    with pytest.raises(zlib.error):  # the damage is of the kind that zlib itself reports
        gzip.decompress(gzip.compress(b"")[:10] + b"\xff" * 40)
    with pytest.raises(ValueError, match=r"g\.fa\.gz: truncated or damaged gzip file"):
        Genome(write(tmp_path / "g.fa.gz", gzip.compress(b"")[:10] + b"\xff" * 40))


@pytest.mark.parametrize("content", [b"junk" * 10, twobit({"I": "ACGT"})[:17]])
def test_damaged_2bit(tmp_path, content):
    with pytest.raises(ValueError, match=r"g\.2bit: not a readable 2bit file; download it again"):
        Genome(write(tmp_path / "g.2bit", content))


@pytest.mark.parametrize("lost", [1, 10_000])
def test_truncated_2bit_bases(tmp_path, lost):
    """The index is whole, the last bases are not; read in a process of its own, since a bad read could end it."""
    path = write(tmp_path / "g.2bit", twobit({"a": "ACGT" * 10_000})[:-lost])
    script = f"from regdna.data.genome import Genome; Genome({str(path)!r}).codes('a')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1, f"ended with {done.returncode}: the missing bases were read as if they were there"
    assert "ValueError" in done.stderr and "g.2bit" in done.stderr


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_an_illegal_letter_is_named_with_file_sequence_and_position(tmp_path, name):
    text = b">a\nACGT\n>b\nACG\nAXG\n"
    genome = Genome(write(tmp_path / name, gzip.compress(text) if name.endswith(".gz") else text))
    assert dna.decode(genome.codes("a")) == "ACGT"
    with pytest.raises(ValueError, match=rf"{name}, sequence b: 'X' at position 4 is not a nucleotide letter"):
        genome.codes("b")


def test_lines_of_unequal_length(tmp_path):
    with pytest.raises(ValueError, match=r"g\.fa: not a readable FASTA file .*>a at line 3"):
        Genome(write(tmp_path / "g.fa", b">a\nACG\nACGTT\nA\n"))


def test_yeast_genomes_have_the_published_sizes(yeast_data):
    reference = Genome(yeast_data / "genomes" / "single_sequences.2bit")
    assert len(reference.lengths) == 16
    assert reference.lengths["I"] == 230_218 and reference.lengths["IV"] == 1_531_933  # R64-1-1
    assert sum(reference.lengths.values()) == 12_071_326


def test_fasta_against_pyfaidx(tiny_world):
    path = tiny_world.genome_path("panTro6")
    genome, fasta = Genome(path), Fasta(str(path))
    assert list(genome.lengths) == list(fasta.keys())
    for name in genome.lengths:
        assert dna.decode(genome.codes(name)) == str(fasta[name])
