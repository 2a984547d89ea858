"""Peak calling by macs3 on three megabases with 200 strong sites; one call takes less than a second."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regdna.data import peak_calling
from regdna.data.peak_calling import Tags, call_peaks
from regdna.data.peaks import read_narrowpeak, read_peaks
from regdna.data.read_files import read_reads
from regdna.worlds.reads import CONTROL, simulate_reads
from regdna.worlds.writers import write_reads

LENGTHS = {"chr1": 1_800_000, "chr2": 1_200_000}
SIZE = sum(LENGTHS.values())
SETTINGS = {
    "experiments": ["X"],
    "background_per_mb": 5000,
    "open_excess": 2.0,
    "antibody_excess": 0.0,
    "per_signal": 1.0,
    "fragment": {"mean": 180, "sd": 25},
    "length": 50,
    "duplicates": 0.2,
}
SITES = pd.DataFrame(
    {"chrom": np.repeat(["chr1", "chr2"], [120, 80]), "summit": np.r_[np.arange(120), np.arange(80)] * 14_900 + 5000}
)
NO_ELEMENTS = pd.DataFrame({"kind": [], "chrom": [], "start": [], "end": []}).astype({"start": int, "end": int})


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Paths of the treatment and of its control, gzipped BED."""
    folder = tmp_path_factory.mktemp("reads")
    peaks = SITES.assign(start=SITES["summit"] - 100, end=SITES["summit"] + 100, summit=100, signal=50.0)
    reads = simulate_reads(SETTINGS, 1, [{"name": "X", "at": "sites"}], {"X": peaks}, NO_ELEMENTS, LENGTHS)
    for name, table in reads:
        write_reads(folder / f"{name}.bed.gz", table)
    return folder / "X.bed.gz", folder / f"{CONTROL}.bed.gz"


@pytest.fixture(scope="module")
def called(libraries, tmp_path_factory):
    """The peaks of the treatment, with all defaults."""
    return call_peaks(*libraries, SIZE, tmp_path_factory.mktemp("called") / "X.narrowPeak")


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def test_the_planted_sites_are_found_and_little_else(called):
    peaks = read_narrowpeak(called.path)
    assert len(peaks) == called.peaks
    hit = 0
    for site in SITES.itertuples():
        here = peaks[(peaks["chrom"] == site.chrom) & (peaks["start"] <= site.summit) & (peaks["end"] > site.summit)]
        assert len(here) <= 1
        hit += len(here)
        assert (here["summit"] - site.summit).abs().le(60).all()
    assert hit > 0.95 * len(SITES)
    assert len(peaks) - hit <= 0.05 * len(SITES)


def test_the_fragment_length_is_that_of_the_library(called):
    assert abs(called.fragment_length - 180) < 25


def test_every_read_is_accounted_for(libraries, called):
    for path, tags in zip(libraries, (called.treatment, called.control)):
        reads = read_reads(path)
        five = np.where(reads["strand"] == "+", reads["start"], reads["end"])
        distinct = len(reads.assign(five=five).drop_duplicates(["chrom", "five", "strand"]))
        assert tags == Tags(len(reads), 0, len(reads) - distinct, distinct)
        assert tags.duplicates > 0.15 * tags.records


def test_the_peaks_are_named_after_the_file_and_readable(called):
    peaks = read_peaks(called.path)
    assert peaks["name"].tolist() == [f"X_peak_{i}" for i in range(1, len(peaks) + 1)]
    assert {len(line.split("\t")) for line in called.path.read_text().splitlines()} == {10}


def test_equal_calls_give_equal_bytes_and_leave_nothing_else(libraries, called, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    again = call_peaks(*libraries, SIZE, tmp_path / "new" / "folder" / "X.narrowPeak")
    assert again.path.read_bytes() == called.path.read_bytes()
    assert contents(tmp_path / "new") == ["folder", "folder/X.narrowPeak"]
    assert contents(temporary) == []
    assert again[1:] == called[1:]


def test_plain_bed_is_as_good_as_gzipped_and_names_do_not_matter(libraries, called, tmp_path):
    plain = tmp_path / "-reads of x.txt"
    plain.write_bytes(gzip.decompress(libraries[0].read_bytes()))
    again = call_peaks(plain, libraries[1], SIZE, tmp_path / "X.narrowPeak")
    assert again.path.read_bytes() == called.path.read_bytes()


def write_bam(pysam, reads, path, more=()):
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": length} for name, length in LENGTHS.items()]}
    rows = [(16 * (strand == "-"), chrom, start) for chrom, start, _, strand in reads.itertuples(index=False)]
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        for flag, chrom, start in [*more, *rows]:
            read = pysam.AlignedSegment()
            read.query_name, read.flag = "r", flag
            read.reference_id, read.reference_start = list(LENGTHS).index(chrom), start
            read.cigarstring, read.query_sequence = "50M", "A" * 50
            file.write(read)


def test_bam_gives_the_peaks_of_bed(libraries, called, tmp_path):
    pysam = pytest.importorskip("pysam")
    paths = tmp_path / "x.bam", tmp_path / "control.bam"
    secondary = [(256, "chr1", 1000)] * 7
    for source, path, more in zip(libraries, paths, (secondary, [])):
        write_bam(pysam, read_reads(source), path, more)
    again = call_peaks(*paths, SIZE, tmp_path / "X.narrowPeak")
    assert again.path.read_bytes() == called.path.read_bytes()
    assert again.treatment == called.treatment._replace(records=called.treatment.records + 7, left_out=7)
    assert again.control == called.control
    mixed = call_peaks(paths[0], libraries[1], SIZE, tmp_path / "mixed" / "X.narrowPeak")
    assert mixed.path.read_bytes() == called.path.read_bytes()


def test_a_stricter_q_value_gives_fewer_peaks(libraries, called, tmp_path):
    strict = call_peaks(*libraries, SIZE, tmp_path / "X.narrowPeak", q_value=1e-12)
    assert 0 < strict.peaks < called.peaks
    assert read_narrowpeak(strict.path)["log_q"].min() >= 12


def test_a_given_fragment_length_is_used(libraries, tmp_path):
    assert call_peaks(*libraries, SIZE, tmp_path / "X.narrowPeak", fragment_length=150).fragment_length == 150


def write_heaps(folder, places, seed=0):
    """Reads of the plus strand on 100 kb: even background in both libraries, and 60 at each place in the treatment."""
    rng = np.random.default_rng(seed)
    background = rng.integers(0, 99_950, 2000)
    background[:2] = 0, 99_950
    heaps = np.concatenate([place + np.arange(60) for place in places])
    for name, start in (("x", np.r_[background, heaps]), ("control", background)):
        start = np.sort(start)
        write_reads(
            folder / f"{name}.bed", pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 50, "strand": "+"})
        )
    return folder / "x.bed", folder / "control.bed"


def test_broad_joins_neighbors(tmp_path):
    files = write_heaps(tmp_path, [20_000, 20_420, 60_000, 60_420])
    narrow = call_peaks(*files, 1e5, tmp_path / "X.narrowPeak", fragment_length=200)
    broad = call_peaks(*files, 1e5, tmp_path / "X.broadPeak", fragment_length=200, broad=True)
    assert (narrow.peaks, broad.peaks) == (4, 2)
    assert {len(line.split("\t")) for line in broad.path.read_text().splitlines()} == {9}
    peaks = read_peaks(broad.path)
    assert peaks["name"].tolist() == ["X_peak_1", "X_peak_2"]
    assert ((peaks["end"] - peaks["start"]) > 500).all()


def test_without_a_control(libraries, called, tmp_path):
    alone = call_peaks(libraries[0], None, SIZE, tmp_path / "X.narrowPeak")
    assert alone.control is None
    assert alone.treatment == called.treatment
    assert alone.path.read_bytes() != called.path.read_bytes()


def test_a_peak_ends_with_the_last_read(tmp_path, monkeypatch):
    """macs3 extends reads beyond the end of a chromosome that it cannot know."""
    files = write_heaps(tmp_path, [99_821])
    seen = []
    cut = peak_calling._cut
    monkeypatch.setattr(peak_calling, "_cut", lambda peaks, ends: seen.append(peaks) or cut(peaks, ends))
    peaks = read_narrowpeak(call_peaks(*files, 1e5, tmp_path / "X.narrowPeak", fragment_length=200).path)
    assert int(seen[0].split("\t")[2]) > 100_000
    assert peaks["end"].tolist() == [100_000]


def test_cutting_by_hand():
    lines = [
        "a\t10\t90\tn\t1\t.\t2\t3\t4\t70",
        "a\t95\t120\tn\t1\t.\t2\t3\t4\t20",
        "a\t100\t120\tn\t1\t.\t2\t3\t4\t5",
        "b\t100\t120\tn\t1\t.\t2\t3\t4",
    ]
    cut = peak_calling._cut("\n".join(lines) + "\n", {"a": 100, "b": 110})
    assert cut == [lines[0] + "\n", "a\t95\t100\tn\t1\t.\t2\t3\t4\t4\n", "b\t100\t110\tn\t1\t.\t2\t3\t4\n"]


class TestErrors:
    @pytest.fixture
    def refused(self, libraries, tmp_path):
        """The message of a call that must fail and leave no output."""

        def message(treatment=libraries[0], control=libraries[1], size=SIZE, error=ValueError, **more):
            with pytest.raises(error) as raised:
                call_peaks(treatment, control, size, tmp_path / "out" / "X.narrowPeak", **more)
            assert not (tmp_path / "out").exists()
            return str(raised.value)

        return message

    @pytest.fixture
    def write(self, tmp_path):
        def write_bed(name, lines):
            (tmp_path / name).write_text("".join(f"{chrom}\t{at}\t{at + 50}\t.\t0\t+\n" for chrom, at in lines))
            return tmp_path / name

        return write_bed

    def test_missing_file(self, refused, tmp_path):
        message = refused(control=tmp_path / "no.bed", error=FileNotFoundError)
        assert message == f"file of reads {tmp_path / 'no.bed'} does not exist"

    def test_empty_file(self, refused, write):
        assert refused(treatment=write("x.bed", [])).endswith("x.bed: is empty")

    def test_peaks_in_place_of_reads(self, refused, called):
        message = refused(treatment=called.path)
        assert message == f"{called.path} line 1: strand '.' is not + or -; are these reads?"

    @pytest.mark.parametrize("q_value", [0, 1, -0.1, float("nan")])
    def test_q_value(self, refused, q_value):
        assert refused(q_value=q_value) == f"the q-value is {q_value}; it must lie between 0 and 1"

    def test_fragment_length(self, refused):
        assert refused(fragment_length=0) == "the fragment length is 0; it must be at least 1 base"

    @pytest.mark.parametrize("size", [10, 0, -1e6, float("nan")])
    def test_genome_size_in_other_units(self, refused, size):
        message = refused(size=size)
        assert message.startswith(f"the genome size is {size:g}, but the reads span 2999")
        assert message.endswith(" bases; give it in bases")

    def test_other_names_of_chromosomes(self, refused, write):
        treatment = write("x.bed", [(str(i), 100) for i in range(1, 8)])
        control = write("control.bed", [("chr1", 100), ("chr2", 100)])
        assert refused(treatment, control) == (
            f"{treatment} has reads on 1, 2, 3, 4, 5, …, {control} on chr1, chr2: no chromosome has the same name in "
            "both; align them to the same assembly"
        )

    def test_a_chromosome_that_the_control_lacks(self, libraries, tmp_path, caplog):
        reads = read_reads(libraries[1])
        write_reads(tmp_path / "control.bed", reads[reads["chrom"] == "chr1"])
        found = call_peaks(libraries[0], tmp_path / "control.bed", SIZE, tmp_path / "X.narrowPeak")
        assert set(read_peaks(found.path)["chrom"]) == {"chr1"}
        count = (read_reads(libraries[0])["chrom"] == "chr2").sum()
        assert f"no peak is called on chr2, where the control has no read; {count} reads" in caplog.messages

    def test_nothing_but_background(self, refused, libraries):
        message = refused(treatment=libraries[1], fragment_length=180)
        assert message.startswith(f"macs3 found no peak in {libraries[1]} at a q-value of 0.05")
        assert "looks like its control" in message

    def test_too_few_sites_for_the_fragment_length(self, refused, libraries):
        """macs3 says what is wrong, and the message how to go on."""
        message = refused(treatment=libraries[1])
        assert message.startswith("macs3 failed, exit status 1:\n")
        assert "needs at least 100 paired peaks at + and - strand to build the model" in message
        assert message.endswith(
            "Give the fragment length of the library (fragment_length, or --fragment-length); 200 is usual."
        )
        assert "INFO" not in message and "MB]" not in message

    def test_any_failure_of_macs3_is_shown(self, refused, monkeypatch, tmp_path):
        program = tmp_path / "macs3"
        program.write_text(
            "#!/bin/sh\nfor i in 1 2 3 4 5; do echo 'INFO  @ 05 Aug 2025 10:00:00: [90 MB] #'$i >&2; done\n"
            "echo >&2\necho 'OSError: no space left' >&2\nexit 3\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        assert refused() == "macs3 failed, exit status 3:\n#3\n#4\n#5\nOSError: no space left"

    def test_macs3_writes_nothing(self, refused, monkeypatch, tmp_path):
        (tmp_path / "macs3").write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "macs3").chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        assert refused() == "macs3 reported success, but has written no _peaks.xls"

    def test_macs3_is_not_installed(self, refused, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        message = refused(error=FileNotFoundError)
        assert message == f"macs3 is not installed beside {tmp_path / 'python'}; run: pip install macs3"

    def test_another_count_of_reads(self, refused, libraries, monkeypatch):
        def scan_one_less(path):
            found = scan(path)
            return found._replace(reads=found.reads | {"chr1": found.reads["chr1"] - 1})

        scan = peak_calling.scan_reads
        monkeypatch.setattr(peak_calling, "scan_reads", scan_one_less)
        count = len(read_reads(libraries[0]))
        assert refused() == f"macs3 took {count} reads from {libraries[0]}, which holds {count - 1}"

    def test_an_older_output_stays_when_a_call_fails(self, libraries, tmp_path):
        (tmp_path / "X.narrowPeak").write_text("old")
        with pytest.raises(ValueError):
            call_peaks(libraries[1], libraries[1], SIZE, tmp_path / "X.narrowPeak", fragment_length=180)
        assert (tmp_path / "X.narrowPeak").read_text() == "old"


def test_a_warning_of_macs3_is_passed_on(libraries, tmp_path, caplog):
    """With reads of 150 bases the fragments look short to macs3."""
    for name, path in zip(("x", "control"), libraries):
        reads = read_reads(path)
        start = np.where(reads["strand"] == "+", reads["start"], reads["end"] - 150).clip(min=0)
        write_reads(tmp_path / f"{name}.bed", reads.assign(start=start, end=start + 150))
    call_peaks(tmp_path / "x.bed", tmp_path / "control.bed", SIZE, tmp_path / "X.narrowPeak")
    assert any(message.startswith("macs3: #2 Since the d (") for message in caplog.messages)


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)
    return value


def test_a_killed_command_leaves_no_output_and_the_next_one_is_undisturbed(libraries, called, tmp_path):
    (tmp_path / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    output = tmp_path / "out" / "X.narrowPeak"
    command = [sys.executable, "-c", "from regdna.cli import main; main()", "peaks", libraries[0], "--control"]
    command += [libraries[1], "--genome-size", str(SIZE), "-o", output]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    (caller,) = wait_until(lambda: children(process.pid))
    wait_until(lambda: contents(tmp_path / "temporary"))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.parent.exists()
    # macs3 itself runs on for a moment, as an orphan, and must not write there either.
    wait_until(lambda: not Path(f"/proc/{caller}").exists() or "Z" in Path(f"/proc/{caller}/stat").read_text())
    assert not output.parent.exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert output.read_bytes() == called.path.read_bytes()
    assert contents(output.parent) == ["X.narrowPeak"]
    assert done.stdout.splitlines()[-1] == (
        f"{called.peaks} peaks, fragments of {called.fragment_length} bases: {output}"
    )
