"""Labelling the 15 million bins of a genome of hg38's size, beside the tools a user would pick instead.

    python bench/label_bins.py        # a table, in about two minutes

The work: cut hg38's chromosomes into bins of 200 bases, and say which lie by more than half inside one of 100,000 peaks
of 150 to 600 bases. Each tool runs in a process of its own. bedtools writes its bins as text; it is left out if it is
not installed. Then the same peaks, lifted to 22 genomes, are turned into pseudo-labelled bins, one genome at a time.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from drawn_chains import HG38

BIN, PEAKS, GENOMES = 200, 100_000, 22


def draw_peaks(number, rng):
    """Draw peaks over the whole genome, sorted as in a BED file."""
    sizes = np.array(list(HG38.values()))
    of = rng.choice(len(sizes), number, p=sizes / sizes.sum())
    start = (rng.random(number) * (sizes[of] - 600)).astype(np.int64)
    table = pd.DataFrame(
        {"chrom": np.array(list(HG38))[of], "start": start, "end": start + rng.integers(150, 601, number)}
    )
    return table.sort_values(["chrom", "start"], ignore_index=True)


def regdna(folder):
    from regdna.data.labels import label_bins

    peaks = pd.read_csv(folder / "peaks.bed", sep="\t", names=["chrom", "start", "end"])
    begin = time.perf_counter()
    bins = label_bins(peaks, HG38, BIN)
    return time.perf_counter() - begin, len(bins), int(bins["positive"].sum())


def bioframe(folder):
    import bioframe

    peaks = pd.read_csv(folder / "peaks.bed", sep="\t", names=["chrom", "start", "end"])
    begin = time.perf_counter()
    bins = bioframe.binnify(pd.Series(HG38), BIN)
    pairs = bioframe.overlap(bins, peaks, how="inner", return_overlap=True)
    long = pairs["overlap_end"] - pairs["overlap_start"] > BIN // 2
    whole = pairs["end"] - pairs["start"] == BIN
    positive = pairs.loc[long & whole, ["chrom", "start"]].drop_duplicates()
    return time.perf_counter() - begin, len(bins), len(positive)


def bedtools(folder):
    command = (
        f"bedtools makewindows -g {folder}/sizes -w {BIN} | awk '$3 - $2 == {BIN}' | tee >(wc -l > {folder}/bins) | "
        f"bedtools intersect -sorted -g {folder}/sizes -a - -b {folder}/peaks.bed -f {(BIN // 2 + 1) / BIN} -u | wc -l"
    )
    begin = time.perf_counter()
    positive = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - begin, int((folder / "bins").read_text()), int(positive)


def pseudo(folder):
    from regdna.data.labels import pseudo_bins

    peaks = pd.read_csv(folder / "peaks.bed", sep="\t", names=["to_chrom", "to_start", "to_end"])
    begin, found = time.perf_counter(), 0
    for i in range(GENOMES):
        lifted = peaks.assign(species=f"genome{i}", peak=np.arange(len(peaks)), status="lifted")
        found += len(pseudo_bins(lifted, HG38, BIN))
    return time.perf_counter() - begin, GENOMES * len(peaks), found


TOOLS = {"regdna": regdna, "bioframe": bioframe, "bedtools": bedtools, "pseudo": pseudo}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tool:
        seconds, rows, positive = TOOLS[args.tool](args.folder)
        # Not getrusage: its maximum begins with that of the process this one was forked from.
        memory = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
        return print(json.dumps([seconds, rows, positive, memory]))
    tools = [tool for tool in TOOLS if tool != "bedtools" or shutil.which("bedtools")]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        draw_peaks(PEAKS, np.random.default_rng(1)).to_csv(folder / "peaks.bed", sep="\t", header=False, index=False)
        sizes = sorted(HG38.items())  # in the order of the sorted peaks
        (folder / "sizes").write_text("".join(f"{name}\t{length}\n" for name, length in sizes))
        found = {}
        for tool in tools:
            command = [sys.executable, __file__, "--tool", tool, "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[tool] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'':34}{'s':>8}{'rows in':>13}{'positive':>10}{'MB':>7}{'time, its/ours':>16}")
    for tool, (seconds, rows, positive, memory) in found.items():
        if tool == "pseudo":
            print(f"{f'regdna, homologs in {GENOMES} genomes':34}{seconds:8.2f}{rows:13,}{positive:10,}{memory:7.0f}")
        else:
            shown = "" if tool == "bedtools" else f"{memory:.0f}"  # its memory is that of other processes
            print(f"{tool:34}{seconds:8.2f}{rows:13,}{positive:10,}{shown:>7}{seconds / found['regdna'][0]:16.1f}")


if __name__ == "__main__":
    main()
