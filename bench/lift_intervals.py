"""Liftover of 100,000 intervals along a chain file of 2 million blocks, beside the tools a user would pick instead.

    python bench/lift_intervals.py                       # a table, in about two minutes
    python bench/lift_intervals.py --blocks 200000       # a smaller one

Each tool runs in a process of its own, which reads the chain file, lifts the same intervals, in random order, five
times, and reports the median time and its peak memory. pyliftover and liftover map single positions, so an interval
costs them two: its first and its last base. CrossMap's function maps intervals to lists of pieces. The results are kept
as each tool gives them. Rates leave the reading out, memory has it in. "same" is the share of the intervals placed by
both that both place alike.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPEATS = 5


class Regdna:
    """This library; its second run finds the parsed chains in the cache."""

    def __init__(self, path):
        from regdna.data.chains import read_chains
        from regdna.data.liftover import lift

        self.chains, self.lift_arrays = read_chains(path, path.parent / "cache"), lift

    def lift(self, chrom, start, end):
        return self.lift_arrays(self.chains, chrom, start, end)

    def places(self, lifted):
        rows = zip(lifted.status, lifted.to_chrom, lifted.to_start.tolist(), lifted.to_end.tolist())
        return {i: row[1:] for i, row in enumerate(rows) if row[0] == "lifted"}


class Liftover:
    """https://pypi.org/project/liftover (C++ beneath Python), its answers for both ends of each interval."""

    def __init__(self, path):
        from liftover import ChainFile

        self.point = ChainFile(str(path)).query

    def lift(self, chrom, start, end):
        point = self.point
        return [(point(c, s), point(c, e - 1)) for c, s, e in zip(chrom, start.tolist(), end.tolist())]

    def places(self, lifted):
        return {i: place for i, pair in enumerate(lifted) if (place := between(*pair))}


class LiftoverJoined(Liftover):
    """The same, each pair of answers turned into an interval at once, which spares Python many small lists."""

    def lift(self, chrom, start, end):
        point = self.point
        return [between(point(c, s), point(c, e - 1)) for c, s, e in zip(chrom, start.tolist(), end.tolist())]

    def places(self, lifted):
        return {i: place for i, place in enumerate(lifted) if place}


class Pyliftover(Liftover):
    """https://pypi.org/project/pyliftover (Python)."""

    def __init__(self, path):
        from pyliftover import LiftOver

        self.point = LiftOver(str(path)).convert_coordinate


class Crossmap:
    """https://pypi.org/project/CrossMap, the function behind its command."""

    def __init__(self, path):
        from cmmodule.utils import map_coordinates, read_chain_file

        self.chains, self.map = read_chain_file(str(path))[0], map_coordinates

    def lift(self, chrom, start, end):
        return [self.map(self.chains, c, s, e) for c, s, e in zip(chrom, start.tolist(), end.tolist())]

    def places(self, lifted):
        placed = {}
        for i, row in enumerate(lifted):
            pieces = (row or [])[1::2]  # source and target pieces take turns
            if len({(chrom, strand) for chrom, _, _, strand in pieces}) == 1:
                placed[i] = pieces[0][0], min(p[1] for p in pieces), max(p[2] for p in pieces)
        return placed


TOOLS = {
    "regdna": Regdna,
    "liftover": Liftover,
    "liftover joined": LiftoverJoined,
    "pyliftover": Pyliftover,
    "CrossMap": Crossmap,
}


def between(first, last):
    """The interval between two positions that are mapped once each, to one chromosome; None if they are not."""
    if len(first) != 1 or len(last) != 1 or first[0][0] != last[0][0]:
        return None
    low, high = first[0][1], last[0][1]
    return (first[0][0], low, high + 1) if low <= high else (first[0][0], high, low + 1)


def draw_intervals(chains, number, rng):
    """Draw intervals of 200 bases; nine of ten lie around a block, the others anywhere."""
    near = rng.random(number) < 0.9
    of = rng.integers(0, len(chains), number)
    anywhere = (rng.random(number) * [chains[i].t_size - 200 for i in of]).astype(np.int64)
    block = np.array([rng.choice(chains[i].t_start) for i in of])
    start = np.where(near, np.maximum(block - rng.integers(0, 100, number), 0), anywhere)
    return {"chrom": np.array([chains[i].t_name for i in of]), "start": start, "end": start + 200}


def measure(name, folder):
    """Read, lift and report, in this process."""
    with np.load(folder / "intervals.npz") as given:
        chrom, start, end = given["chrom"].tolist(), given["start"], given["end"]
    begin = time.perf_counter()
    tool = TOOLS[name](folder / "bench.chain.gz")
    load, seconds = time.perf_counter() - begin, []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        lifted = tool.lift(chrom, start, end)
        seconds.append(time.perf_counter() - begin)
    # Not getrusage: its maximum begins with that of the process this one was forked from.
    status = Path("/proc/self/status").read_text()
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    return {"load": load, "lift": statistics.median(seconds), "memory": memory, "places": tool.places(lifted)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=2_000_000)
    parser.add_argument("--intervals", type=int, default=100_000)
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tool:
        return print(json.dumps(measure(args.tool, args.folder)))
    from drawn_chains import draw_chains  # not above: a measured process holds nothing but its tool

    from regdna.worlds.writers import write_chains

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        chains = draw_chains(args.blocks, np.random.default_rng(1))
        write_chains(folder / "bench.chain.gz", chains)
        np.savez(folder / "intervals.npz", **draw_intervals(chains, args.intervals, np.random.default_rng(2)))
        print(f"{sum(len(chain.size) for chain in chains):,} blocks, {args.intervals:,} intervals of 200 bases")
        found = {}
        for label in ("regdna", "regdna, cached", *list(TOOLS)[1:]):
            command = [sys.executable, __file__, "--tool", label.split(",")[0], "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[label] = json.loads(done.stdout.splitlines()[-1])
    ours = found["regdna"]
    columns = f"{'load s':>8}{'lift s':>8}{'intervals/s':>13}{'MB':>6}{'placed':>9}{'same':>8}"
    print(f"{'':16}{columns}{'our rate/its':>14}{'our memory/its':>16}")
    for label, its in found.items():
        both = its["places"].keys() & ours["places"].keys()
        same = sum(its["places"][i] == ours["places"][i] for i in both) / max(len(both), 1)
        rate, times, memory = args.intervals / its["lift"], its["lift"] / ours["lift"], ours["memory"] / its["memory"]
        row = f"{its['load']:8.3f}{its['lift']:8.3f}{rate:13,.0f}{its['memory']:6.0f}{len(its['places']):9,}{same:8.1%}"
        print(f"{label:16}{row}{times:14.1f}{memory:16.2f}")


if __name__ == "__main__":
    main()
