import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data.read_files import coverage, end_profile, read_reads, scan_reads

BED = "#made by hand\ntrack name=x\nb\t5\t55\t.\t0\t+\na\t10\t60\tr\t1\t-\nb\t5\t55\t.\t0\t+\textra\n"
ROWS = [("b", 5, 55, "+"), ("a", 10, 60, "-"), ("b", 5, 55, "+")]


def rows(reads):
    return list(reads.astype({"chrom": object}).itertuples(index=False, name=None))


@pytest.fixture
def bed(tmp_path):
    path = tmp_path / "reads.bed"
    path.write_text(BED)
    return path


@pytest.fixture
def refused(tmp_path):
    """The message that a file of this content is refused with, by both readers."""

    def message(content):
        path = tmp_path / "bad.bed"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        messages = []
        for reader in (scan_reads, read_reads):
            with pytest.raises(ValueError) as error:
                reader(path)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
        assert messages[0].startswith(str(path))
        return messages[0].removeprefix(str(path))

    return message


def test_bed(bed):
    reads = read_reads(bed)
    assert rows(reads) == ROWS
    assert reads["start"].dtype == reads["end"].dtype == np.int64


def test_scan(bed):
    found = scan_reads(bed)
    assert (found.format, found.records) == ("BED", 3)
    assert found.reads == {"b": 2, "a": 1}
    assert found.ends == {"b": 55, "a": 60}


@pytest.mark.parametrize("name", ["reads.bed.gz", "reads.bed", "reads.bam"])
def test_the_content_tells_the_format_and_not_the_name(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(gzip.compress(BED.encode()))
    assert rows(read_reads(path)) == ROWS


def test_lines_end_as_on_windows(tmp_path):
    (tmp_path / "reads.bed").write_bytes(BED.replace("\n", "\r\n").encode())
    assert rows(read_reads(tmp_path / "reads.bed")) == ROWS


class TestRefused:
    def test_missing(self, tmp_path):
        for reader in (scan_reads, read_reads):
            with pytest.raises(FileNotFoundError, match=r"file of reads .*no\.bed does not exist$"):
                reader(tmp_path / "no.bed")

    @pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
    def test_empty(self, refused, content):
        assert refused(content) == ": is empty"

    def test_nothing_but_a_heading(self, refused):
        assert refused("track name=x\n") == ": holds no mapped read"

    @pytest.mark.parametrize("line", ["a 10 60 r 0 +", "a\t10\t60", "", "a\t10\t60\tr\t0"])
    def test_too_few_fields(self, refused, line):
        fields = len(line.split("\t"))
        message = refused(f"b\t5\t55\t.\t0\t+\n{line}\n")
        assert message.startswith(f" line 2: {fields} tab-separated field(s); a read in BED has six")

    def test_a_comment_between_reads(self, refused):
        assert " line 2: 1 tab-separated field(s)" in refused("b\t5\t55\t.\t0\t+\n#comment\n")

    @pytest.mark.parametrize("start, end", [("x", "60"), ("-1", "60"), ("1.5", "60"), ("10", ""), ("1e3", "2000")])
    def test_coordinates(self, refused, start, end):
        assert f" line 1: start {start!r} and end {end!r} must be integers, 0 or more" == refused(
            f"a\t{start}\t{end}\tr\t0\t+\n"
        )

    def test_an_end_before_its_start(self, refused):
        assert refused("a\t60\t60\tr\t0\t+\n") == " line 1: end 60 is not after start 60"

    @pytest.mark.parametrize("strand", [".", "", "+-", "1"])
    def test_strand(self, refused, strand):
        """A peak file has such lines."""
        message = f" line 1: strand {strand!r} is not + or -; are these reads?"
        assert refused(f"a\t10\t60\tr\t0\t{strand}\t3.1\n") == message

    def test_sam_and_fastq(self, refused):
        assert refused("@HD\tVN:1.6\n") == ": looks like SAM or FASTQ; give aligned reads as BED or BAM"

    def test_cram(self, refused):
        assert refused(b"CRAM\3\0") == ": looks like CRAM; give aligned reads as BED or BAM"

    def test_something_else(self, refused):
        assert refused(b"\x89PNG\r\n\x1a\n").startswith(": neither BED nor BAM")

    def test_truncated_gzip(self, refused):
        whole = gzip.compress("".join(f"a\t{i}\t{i + 50}\tr\t0\t+\n" for i in range(5000)).encode())
        assert refused(whole[: len(whole) // 2]).startswith(": truncated or damaged")


class TestBam:
    @pytest.fixture
    def write(self, tmp_path):
        """Write alignments given as (flag, chromosome or -1, start, CIGAR)."""
        pysam = pytest.importorskip("pysam")

        def write_bam(*alignments):
            header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "a", "LN": 1000}, {"SN": "b", "LN": 500}]}
            path = tmp_path / "reads.bam"
            with pysam.AlignmentFile(path, "wb", header=header) as file:
                for number, (flag, chrom, start, cigar) in enumerate(alignments):
                    read = pysam.AlignedSegment()
                    read.query_name = f"read{number}"
                    read.flag, read.reference_id, read.reference_start, read.cigarstring = flag, chrom, start, cigar
                    read.query_sequence = "A" * read.infer_query_length() if cigar else "A" * 50
                    file.write(read)
            return path

        return write_bam

    def test_reads(self, write):
        path = write((0, 0, 10, "50M"), (16, 1, 20, "10S30M5D10M2I"), (0, 0, 10, "20M100N30M"), (16, 0, 7, "5=1X4="))
        assert rows(read_reads(path)) == [
            ("a", 10, 60, "+"),
            ("b", 20, 65, "-"),
            ("a", 10, 160, "+"),
            ("a", 7, 17, "-"),
        ]
        found = scan_reads(path)
        assert (found.format, found.records, found.reads) == ("BAM", 4, {"a": 3, "b": 1})
        assert found.ends == {"a": 160, "b": 65}

    def test_what_tells_no_fragment_is_left_out_and_counted(self, write):
        left_out = [4, 256, 512, 2048, 1 | 2 | 128, 1 | 8, 1 | 64]
        path = write((0, 0, 10, "50M"), *((flag, 0, 30, "50M") for flag in left_out), (1 | 2 | 64, 0, 40, "50M"))
        assert rows(read_reads(path)) == [("a", 10, 60, "+"), ("a", 40, 90, "+")]
        found = scan_reads(path)
        assert (found.records, found.reads) == (2 + len(left_out), {"a": 2})

    def test_nothing_mapped(self, write):
        with pytest.raises(ValueError, match=r"reads\.bam: holds no mapped read$"):
            read_reads(write((4, -1, -1, None)))

    def test_truncated(self, write, tmp_path):
        whole = write(*((0, 0, i % 900, "50M") for i in range(3000))).read_bytes()
        for cut in (len(whole) - 28, len(whole) // 2):  # the mark at the end alone, and half of the file
            (tmp_path / "cut.bam").write_bytes(whole[:cut])
            with pytest.raises(ValueError, match=r"cut\.bam: lacks the mark at the end of a BAM file"):
                scan_reads(tmp_path / "cut.bam")

    def test_damaged_inside(self, write, tmp_path):
        whole = bytearray(write(*((0, 0, i % 900, "50M") for i in range(3000))).read_bytes())
        whole[len(whole) // 2] ^= 0xFF
        (tmp_path / "bad.bam").write_bytes(whole)
        with pytest.raises(ValueError, match=r"bad\.bam: truncated or damaged"):
            scan_reads(tmp_path / "bad.bam")


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 30)), max_size=20))
def test_coverage_by_counting(spans):
    reads = pd.DataFrame([(start, start + length) for start, length in spans], columns=["start", "end"], dtype=np.int64)
    expected = [sum(start <= i < start + length for start, length in spans) for i in range(20, 60)]
    assert coverage(reads, 20, 60).tolist() == expected


def test_end_profile_by_hand():
    reads = pd.DataFrame(
        [
            ("a", 98, 148, "+"),
            ("a", 100, 150, "+"),
            ("a", 55, 105, "-"),  # its 5' end is base 104
            ("a", 95, 145, "+"),
            ("b", 199, 249, "+"),
            ("b", 98, 148, "+"),  # near a place of the other chromosome only
            ("c", 100, 150, "+"),
        ],
        columns=["chrom", "start", "end", "strand"],
    ).astype({"chrom": "category"})
    profile = end_profile(reads, ["a", "b"], np.array([100, 200]), 5)
    assert profile.index.tolist() == list(range(-5, 5))
    assert profile["+"].to_dict() == {-5: 0.5, -4: 0, -3: 0, -2: 0.5, -1: 0.5, 0: 0.5, 1: 0, 2: 0, 3: 0, 4: 0}
    assert profile["-"].to_dict() == {offset: 0.5 * (offset == 4) for offset in range(-5, 5)}


def test_a_read_between_two_places_counts_for_both():
    reads = pd.DataFrame({"chrom": ["a"], "start": [102], "end": [152], "strand": ["+"]})
    profile = end_profile(reads, ["a", "a"], np.array([100, 104]), 5)
    assert profile["+"][[2, -2]].tolist() == [0.5, 0.5] and profile["+"].sum() == 1
