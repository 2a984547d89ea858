"""From reads to peaks, by macs3 (Zhang et al. 2008)."""

import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from regdna.data.read_files import scan_reads
from regdna.files import write_text
from regdna.messages import some

log = logging.getLogger(__name__)


class Tags(NamedTuple):
    """What became of the records of a file of reads; ``records = left_out + duplicates + used``.

    Attributes
    ----------
    records : int
        In the file.
    left_out : int
        That do not tell where a fragment began, as :func:`regdna.data.read_files.read_reads` explains.
    duplicates : int
        That begin at the same base of the same strand as another one; macs3 keeps one of them.
    used : int
    """

    records: int
    left_out: int
    duplicates: int
    used: int


class Called(NamedTuple):
    """What a peak caller did.

    Attributes
    ----------
    path : pathlib.Path
        The peaks.
    peaks : int
    fragment_length : int
        In bases, as given or as macs3 estimated it.
    treatment : Tags
    control : Tags or None
    """

    path: Path
    peaks: int
    fragment_length: int
    treatment: Tags
    control: Tags | None


def call_peaks(treatment, control, genome_size, output, q_value=0.05, broad=False, fragment_length=None):
    """Call peaks with macs3, and publish them under their final name when all has gone well.

    A peak that reaches beyond the last read of its chromosome is cut there: macs3 does not learn from a BED file where
    a chromosome ends, and extends reads beyond it.

    Parameters
    ----------
    treatment : path
        Reads of the experiment, BED or BAM; see :func:`regdna.data.read_files.read_reads`.
    control : path or None
        Reads of the same chromatin without the antibody; None where there is no control.
    genome_size : float
        Number of bases that reads can come from.
    output : path
        narrowPeak, or broadPeak if ``broad``. Peaks are named after the file: ``CTCF.narrowPeak`` holds
        ``CTCF_peak_1`` and so on.
    q_value : float
        The false discovery rate to allow, between 0 and 1; with ``broad``, that of the broad regions.
    broad : bool
        Whether to join neighboring peaks, as for histone marks.
    fragment_length : int, optional
        In bases; by default macs3 estimates it from the distance between the strands.

    Returns
    -------
    Called

    Raises
    ------
    FileNotFoundError
        If a file of reads does not exist, or macs3 is not installed.
    ValueError
        If an argument is out of range, a file of reads is malformed, treatment and control share no chromosome, macs3
        fails (its last messages are shown), its count of reads is not ours, or no peak is found.
    """
    output = Path(output)
    if not 0 < q_value < 1:
        raise ValueError(f"the q-value is {q_value}; it must lie between 0 and 1")
    if fragment_length is not None and fragment_length < 1:
        raise ValueError(f"the fragment length is {fragment_length}; it must be at least 1 base")
    files = {"treatment": treatment} | ({} if control is None else {"control": control})
    scans = {part: scan_reads(path) for part, path in files.items()}
    ends = _check_chromosomes(files, scans)
    if not genome_size * 10 >= sum(ends.values()):
        raise ValueError(
            f"the genome size is {genome_size:g}, but the reads span {sum(ends.values())} bases; give it in bases"
        )
    options = ["--gsize", f"{genome_size:.0f}", "--qvalue", str(q_value), f"--name={output.name.split('.')[0]}"]
    if broad:
        options += ["--broad", "--broad-cutoff", str(q_value)]
    if fragment_length is not None:
        options += ["--nomodel", "--extsize", str(fragment_length)]
    with tempfile.TemporaryDirectory(prefix="regdna-") as folder:
        _run([*_command(files, scans), *options, "--outdir", folder, "--tempdir", folder])
        report = _written(folder, "*_peaks.xls")
        peaks = _written(folder, "*_peaks.broadPeak" if broad else "*_peaks.narrowPeak")
    tags = {part: _tags(report, part, files[part], scan) for part, scan in scans.items()}
    lines = _cut(peaks, ends)
    if not lines:
        raise ValueError(
            f"macs3 found no peak in {treatment} at a q-value of {q_value}: it looks like its control; are the files "
            "those that you mean, and is the genome size right?"
        )
    write_text(output, "".join(lines))
    length = int(re.search(r"^# d = (\d+)$", report, re.MULTILINE)[1])
    return Called(output, len(lines), length, tags["treatment"], tags.get("control"))


def _check_chromosomes(files, scans):
    """Compare the chromosomes of treatment and control; return where the last read of each one ends."""
    ends = {}
    for scan in scans.values():
        for chrom, end in scan.ends.items():
            ends[chrom] = max(end, ends.get(chrom, 0))
    if "control" in scans:
        treatment, control = scans["treatment"].reads, scans["control"].reads
        if not treatment.keys() & control.keys():
            raise ValueError(
                f"{files['treatment']} has reads on {some(sorted(treatment))}, {files['control']} on "
                f"{some(sorted(control))}: no chromosome has the same name in both; align them to the same assembly"
            )
        if alone := treatment.keys() - control.keys():
            count = sum(treatment[chrom] for chrom in alone)
            log.warning("no peak is called on %s, where the control has no read; %d reads", some(sorted(alone)), count)
    return ends


def _command(files, scans):
    program = Path(sys.executable).with_name("macs3")
    if not program.exists():
        raise FileNotFoundError(f"macs3 is not installed beside {sys.executable}; run: pip install macs3")
    formats = {scan.format for scan in scans.values()}
    command = [program, "callpeak", "--format", formats.pop() if len(formats) == 1 else "AUTO"]
    for part, path in files.items():
        command += [f"--{part}", Path(path).resolve()]
    return command


def _run(command):
    # macs3 walks over sets of chromosome names, whose order must not depend on the run.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    prefix = re.compile(r"^(\w+) *@ [^\[]*\[\d+ MB\] ")  # level, time and memory
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode == 0:
        for line in lines:
            if (found := prefix.match(line)) and found[1] == "WARNING":
                log.warning("macs3: %s", line[found.end() :].strip())
        return
    text = "\n".join(prefix.sub("", line).strip() for line in lines[-4:])
    hint = ""
    if "paired peaks" in text:
        hint = "\nGive the fragment length of the library (fragment_length, or --fragment-length); 200 is usual."
    raise ValueError(f"macs3 failed, exit status {done.returncode}:\n{text}{hint}")


def _written(folder, pattern):
    for path in Path(folder).glob(pattern):
        return path.read_text()
    raise ValueError(f"macs3 reported success, but has written no {pattern.removeprefix('*')}")


def _tags(report, part, path, scan):
    def count(what):
        return int(re.search(rf"^# {what} in {part}: (\d+)$", report, re.MULTILINE)[1])

    total, used, reads = count("total tags"), count("tags after filtering"), sum(scan.reads.values())
    if total != reads:
        raise ValueError(f"macs3 took {total} reads from {path}, which holds {reads}")
    return Tags(scan.records, scan.records - reads, total - used, used)


def _cut(peaks, ends):
    """Cut peaks at the last read of their chromosome; the lines of a narrowPeak or broadPeak file."""
    lines = []
    for line in peaks.splitlines():
        chrom, start, end, *rest = line.split("\t")
        if int(end) > ends[chrom]:
            end = str(ends[chrom])
            if len(rest) == 7:  # narrowPeak: the summit, from the start
                rest[-1] = str(min(int(rest[-1]), int(end) - int(start) - 1))
        if int(end) > int(start):
            lines.append("\t".join([chrom, start, end, *rest]) + "\n")
    return lines
