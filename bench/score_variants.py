"""Scoring variants by a network, beside the plain loop that fetches, one-hots and predicts each allele.

    python bench/score_variants.py        # a table, in a few minutes

The work: SNVs of a VCF on a drawn genome, a centered window of 200 bases for each, forward strand, probability of both
alleles by a shallow CNN of 64 filters. The plain way is what a notebook would hold: pyfaidx fetches each window, the
alternative letter is put in, both are one-hot encoded, and the network's ``predict`` is called on batches of the
reference and of the alternative windows. Ours is ``write_effects``, checks, statuses and the written table included.
Each runs in a process of its own, on one thread, and starts its clock when the network has been built and has scored
a first batch. Memory is the highest resident set less that before the work.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WINDOW, BATCH = 200, 512


def draw(folder, number, bases=20_000_000):
    """Write a genome of one chromosome and SNVs on it, sorted."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, bases).astype(np.uint8)
    letters = np.frombuffer(b"ACGT", np.uint8)
    lines = b"\n".join(letters[codes[i : i + 60]].tobytes() for i in range(0, bases, 60))
    (folder / "genome.fa").write_bytes(b">chr1\n" + lines + b"\n")
    start = np.sort(rng.choice(np.arange(WINDOW, bases - WINDOW), number, replace=False))
    alt = (codes[start] + rng.integers(1, 4, number)) % 4
    with open(folder / "variants.vcf", "w") as file:
        file.write(f"##fileformat=VCFv4.3\n##contig=<ID=chr1,length={bases}>\n")
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for at, ref, other in zip(start, codes[start], alt):
            file.write(f"chr1\t{at + 1}\t.\t{'ACGT'[ref]}\t{'ACGT'[other]}\t.\t.\t.\n")


def ours(folder):
    from regdna.data.genome import Genome
    from regdna.models.cnn import shallow_cnn
    from regdna.training.keras_learner import KerasLearner
    from regdna.training.saved import SavedModel
    from regdna.training.snp_effects import Views, write_effects

    model = SavedModel({"window": WINDOW}, KerasLearner(shallow_cnn(64, WINDOW, seed=0)))
    model.predict(np.zeros((BATCH, WINDOW), np.uint8))
    genome, views = Genome(folder / "genome.fa"), Views(WINDOW, both_strands=False)
    yield
    write_effects(model, folder / "variants.vcf", folder / "ours.tsv", genome, views)
    yield
    import pandas as pd

    table = pd.read_csv(folder / "ours.tsv", sep="\t")
    np.save(folder / "ours.npy", table[["score_ref", "score_alt"]].to_numpy())


def plain(folder):
    import keras
    import pyfaidx
    import pysam
    from keras import layers

    network = keras.Sequential(
        [
            keras.Input((WINDOW, 4)),
            layers.Conv1D(64, 24, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    from regdna.models.cnn import shallow_cnn

    network.set_weights(shallow_cnn(64, WINDOW, seed=0).get_weights())
    network.predict(np.zeros((BATCH, WINDOW, 4), np.float32), batch_size=BATCH, verbose=0)
    fasta, place = pyfaidx.Fasta(str(folder / "genome.fa")), {letter: i for i, letter in enumerate("ACGT")}

    def one_hot(sequence):
        hot = np.zeros((WINDOW, 4), np.float32)
        for i, letter in enumerate(sequence):
            hot[i, place[letter]] = 1
        return hot

    yield
    scores, refs, alts = [], [], []

    def score():
        pair = [network.predict(np.stack(hot), batch_size=BATCH, verbose=0)[:, 0] for hot in (refs, alts)]
        scores.append(np.column_stack(pair))

    for record in pysam.VariantFile(str(folder / "variants.vcf")):
        begin = record.start - WINDOW // 2
        sequence = str(fasta[record.chrom][begin : begin + WINDOW])
        changed = sequence[: WINDOW // 2] + record.alts[0] + sequence[WINDOW // 2 + 1 :]
        refs.append(one_hot(sequence))
        alts.append(one_hot(changed))
        if len(refs) == 10_000:
            score()
            refs, alts = [], []
    if refs:
        score()
    yield
    np.save(folder / "plain.npy", np.concatenate(scores))


def memory():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def measure(tool, folder):
    """Run one tool in this process; prints seconds and megabytes."""
    steps = {"ours": ours, "plain": plain}[tool](Path(folder))
    next(steps)
    before, begin = memory(), time.perf_counter()
    next(steps)
    print(json.dumps({"seconds": time.perf_counter() - begin, "mb": memory() - before}))
    next(steps, None)


def run(tool, folder):
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    import os

    command = [sys.executable, __file__, "--tool", tool, "--folder", folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--tool", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tool:
        measure(args.tool, args.folder)
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for tool, number in (("ours", args.variants), ("plain", args.variants), ("ours", 4 * args.variants)):
            draw(folder, number)
            found = run(tool, folder)
            rows.append((tool, number, found["seconds"], number / found["seconds"], found["mb"]))
            if tool == "plain":
                difference = np.abs(np.load(folder / "ours.npy") - np.load(folder / "plain.npy")).max()
    print(f"{'':8}{'variants':>10}{'seconds':>10}{'variants/s':>12}{'MB':>8}{'rate / plain':>14}")
    for tool, number, seconds, rate, mb in rows:
        print(f"{tool:8}{number:>10,}{seconds:>10.1f}{rate:>12,.0f}{mb:>8,.0f}{rate / rows[1][3]:>14.1f}")
    print(f"largest difference of a score: {difference:.1e}")


if __name__ == "__main__":
    main()
