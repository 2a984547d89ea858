import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data.genome import Genome
from regdna.data.peaks import read_narrowpeak, read_peaks, widen
from regdna.worlds.catalogue import open_world


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def rows(table):
    assert list(table.columns) == ["chrom", "start", "end", "name"]
    return [tuple(row) for row in table.itertuples(index=False)]


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">I\n" + "ACGT" * 25 + "\n>II\n" + "A" * 50 + "\n")
    return Genome(path, {"chr1": "I"})


@pytest.mark.parametrize("name", ["p.bed", "p.bed.gz", "p.narrowPeak", "p.txt"])
def test_bed3(tmp_path, name):
    table = read_peaks(write(tmp_path / name, "chr2\t10\t20\nchr1\t5\t6\n"))
    assert rows(table) == [("chr2", 10, 20, "peak1"), ("chr1", 5, 6, "peak2")]
    assert table["start"].dtype == np.int64 and table["end"].dtype == np.int64


def test_bed6(tmp_path):
    table = read_peaks(
        write(tmp_path / "p.bed", "chr1\t0\t20\tfirst\t7\t+\nchr1\t30\t40\t.\t7\t-\nchr1\t50\t60\t\t7\t-\n")
    )
    assert rows(table) == [("chr1", 0, 20, "first"), ("chr1", 30, 40, "peak2"), ("chr1", 50, 60, "peak3")]


def test_narrowpeak(tmp_path):
    text = "chr1\t10\t20\tCTCF_1\t900\t.\t9.5\t-1\t-1\t5\nchr1\t30\t45\tCTCF_2\t800\t.\t8.5\t-1\t-1\t7\n"
    assert rows(read_peaks(write(tmp_path / "p.narrowPeak", text))) == [
        ("chr1", 10, 20, "CTCF_1"),
        ("chr1", 30, 45, "CTCF_2"),
    ]


def test_spaces_and_carriage_returns(tmp_path):
    table = read_peaks(write(tmp_path / "p.bed", "chr1 10  20 a\r\nchr2   1 2\r\n"))
    assert rows(table) == [("chr1", 10, 20, "a"), ("chr2", 1, 2, "peak2")]


def test_tab_separated_names_may_hold_spaces(tmp_path):
    assert rows(read_peaks(write(tmp_path / "p.bed", "chr1\t1\t2\tmy peak\n"))) == [("chr1", 1, 2, "my peak")]


def test_track_comment_and_blank_lines_are_skipped_but_counted(tmp_path):
    text = "track name=x\n#chrom\tstart\tend\nbrowser position chr1:1-2\n\n   \nchr1\t1\t2\n"
    assert rows(read_peaks(write(tmp_path / "p.bed", text))) == [("chr1", 1, 2, "peak6")]


def test_no_newline_at_the_end(tmp_path):
    assert rows(read_peaks(write(tmp_path / "p.bed", "chr1\t1\t2"))) == [("chr1", 1, 2, "peak1")]


def test_names_of_the_genome_replace_aliases(tmp_path, genome):
    table = read_peaks(write(tmp_path / "p.bed", "chr1\t1\t100\nII\t1\t50\n"), genome)
    assert rows(table) == [("I", 1, 100, "peak1"), ("II", 1, 50, "peak2")]


@pytest.mark.parametrize(
    "line, message",
    [
        ("chr1\t10", r"2 field\(s\); a BED line has at least chrom, start and end"),
        ("chr1", r"1 field\(s\)"),
        ("chr1\t300\t250", "end 250 is not after start 300"),
        ("chr1\t30\t30", "end 30 is not after start 30"),
        ("chr1\t-5\t10", "start -5 is negative"),
        ("chr1\t-5\t-2", "start -5 is negative"),
        ("chr1\t5\t-2", "end -2 is negative"),
        ("chr1\tx\t10", "start 'x' is not an integer"),
        ("chr1\t1\t10.0", "end '10.0' is not an integer"),
        ("chr1\t\t10", "start '' is not an integer"),
        ("chr1\t1_0\t20", "start '1_0' is not an integer"),
        ("chr1\t1\t1e3", "end '1e3' is not an integer"),
    ],
)
@pytest.mark.parametrize("name", ["p.bed", "p.bed.gz"])
def test_a_malformed_line_is_named_with_file_and_line(tmp_path, name, line, message):
    path = write(tmp_path / name, f"#header\nchr1\t1\t2\n{line}\nchr1\t3\t4\n")
    with pytest.raises(ValueError, match=rf"/{name} line 3: {message}"):
        read_peaks(path)


@pytest.mark.parametrize(
    "line, message",
    [
        ("chr7\t1\t2", r"chromosome 'chr7' is not in genome\.fa; it has I, II"),
        ("chr1\t1\t101", "end 101 is beyond I, which has 100 bases"),
        ("II\t1\t51", "end 51 is beyond II, which has 50 bases"),
    ],
)
def test_a_peak_outside_the_genome(tmp_path, genome, line, message):
    with pytest.raises(ValueError, match=rf"p\.bed line 2: {message}"):
        read_peaks(write(tmp_path / "p.bed", f"I\t1\t2\n{line}\n"), genome)


@pytest.mark.parametrize("text", ["", "\n\n", "#only\ntrack name=a comment\n"])
def test_no_peak(tmp_path, text):
    with pytest.raises(ValueError, match=r"p\.bed: holds no peak"):
        read_peaks(write(tmp_path / "p.bed", text))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"peak file .*none\.bed does not exist"):
        read_peaks(tmp_path / "none.bed")


@pytest.mark.parametrize("lost", [1, 9, 100])
def test_truncated_gzip(tmp_path, lost):
    positions = np.random.default_rng(1).integers(0, 10**8, 300)
    text = "".join(f"chr1\t{position}\t{position + 1}\n" for position in positions)
    path = tmp_path / "p.bed.gz"
    path.write_bytes(gzip.compress(text.encode())[:-lost])
    with pytest.raises(ValueError, match=r"p\.bed\.gz: truncated, damaged or not a text file"):
        read_peaks(path)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "p.bed.gz"
    path.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 40)
    with pytest.raises(ValueError, match=r"p\.bed\.gz: truncated, damaged or not a text file"):
        read_peaks(path)


@pytest.mark.parametrize("name, content", [("p.bed.gz", b"chr1\t1\t2\n"), ("p.bed", gzip.compress(b"chr1\t1\t2\n"))])
def test_the_content_tells_gzip_not_the_ending(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert read_peaks(tmp_path / name)[["chrom", "start", "end"]].values.tolist() == [["chr1", 1, 2]]


def test_a_byte_order_mark_is_no_part_of_the_name(tmp_path):
    (tmp_path / "p.bed").write_bytes(b"\xef\xbb\xbfchr1\t1\t2\n")
    assert read_peaks(tmp_path / "p.bed")["chrom"].tolist() == ["chr1"]


def test_a_coordinate_beyond_any_chromosome(tmp_path):
    (tmp_path / "p.bed").write_text(f"chr1\t{10**19}\t{10**19 + 1}\n")
    with pytest.raises(ValueError, match=r"p\.bed line 1: start 1(0)+ is beyond any chromosome"):
        read_peaks(tmp_path / "p.bed")


NARROWPEAK = "#c\nb\t10\t40\tn1\t31\t.\t3.5\t4.25\t3.125\t12\na\t5\t9\tn2\t2\t.\t1\t-1\t-1\t0\n"


def test_the_columns_of_a_caller(tmp_path):
    path = write(tmp_path / "p.narrowPeak", NARROWPEAK)
    peaks = read_narrowpeak(path)
    pd.testing.assert_frame_equal(peaks[["chrom", "start", "end", "name"]], read_peaks(path))
    assert peaks["signal"].tolist() == [3.5, 1.0]
    assert peaks["log_q"].tolist() == [3.125, -1.0]
    assert peaks["summit"].tolist() == [22, 5]
    assert peaks["summit"].dtype == np.int64


def test_columns_of_a_caller_that_are_not_there(tmp_path):
    path = write(tmp_path / "p.narrowPeak", NARROWPEAK + "a\t5\t9\tn3\t2\t.\t1\t-1\t-1\n")
    with pytest.raises(ValueError, match=r"p\.narrowPeak: a line has 9 field\(s\); narrowPeak has ten$"):
        read_narrowpeak(path)


@pytest.mark.parametrize("line", ["x\t4\t3\t12", "3\t4\tx\t12", "3\t4\t3\t1.5"])
def test_columns_of_a_caller_that_are_no_numbers(tmp_path, line):
    path = write(tmp_path / "p.narrowPeak", f"b\t10\t40\tn1\t31\t.\t{line}\n")
    with pytest.raises(ValueError, match=r"p\.narrowPeak: signal, q-value and summit must be numbers \(.*\)$"):
        read_narrowpeak(path)


def table(*intervals):
    frame = pd.DataFrame(intervals, columns=["chrom", "start", "end"])
    return frame.assign(name=[f"p{i}" for i in range(len(frame))])


def test_widen_exact():
    peaks = table(("a", 500, 501), ("a", 400, 700), ("a", 0, 1), ("a", 999, 1000), ("a", 99, 101), ("b", 20, 30))
    wide = widen(peaks, 200, {"a": 1000, "b": 120})
    assert list(zip(wide["start"], wide["end"])) == [
        (400, 600),
        (450, 650),
        (0, 200),
        (800, 1000),
        (0, 200),
        (0, 120),
    ]
    assert wide[["chrom", "name"]].equals(peaks[["chrom", "name"]])
    assert peaks["start"].tolist() == [500, 400, 0, 999, 99, 20]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 40)), min_size=1), st.integers(1, 130))
def test_widened_peaks_are_inside_the_chromosome_and_hold_their_center(drawn, width):
    length = 100
    peaks = table(*(("a", start, min(start + size, length)) for start, size in drawn))
    wide = widen(peaks, width, {"a": length})
    assert (wide["start"] >= 0).all() and (wide["end"] <= length).all()
    assert (wide["end"] - wide["start"] == min(width, length)).all()
    center = (peaks["start"] + peaks["end"]) // 2
    assert ((wide["start"] <= center) & (center <= wide["end"])).all()
    free = (center - width // 2 >= 0) & (center - width // 2 + width <= length)
    assert (wide["start"][free] == (center - width // 2)[free]).all()


def test_yeast_peaks_are_points_under_the_names_of_the_genome(yeast_data):
    genome = Genome(yeast_data / "genomes" / "single_sequences.2bit", open_world("yeast").aliases)
    peaks = read_peaks(yeast_data / "peaks" / "Reb1_CX.bed", genome)
    assert len(peaks) == 1078
    assert set(peaks["chrom"]) <= set(genome.lengths)
    assert (peaks["end"] - peaks["start"] == 1).all()
