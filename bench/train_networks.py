"""Training and scoring the book's networks, beside the plain way, and beside what the machine could do at most.

    python bench/train_networks.py                  # tables, in about five minutes
    python bench/train_networks.py --models cnn64   # of one network

The plain way is what one writes first: windows as one-hot float32 arrays, given to ``fit`` and ``predict`` of a
compiled Keras network. Its arrays are made before the clock starts. Ours starts from codes, as the regimes do. Both
take the same batches in the same process, in turn, on one thread, as the runs of the book do; the numbers are medians
over rounds. *of limit* is the work of the network (multiplications and additions of its convolutions and dense
layers; three times the forward work for a training step, but twice for the first layer, whose input needs no
gradient) over the rate at which this machine multiplies two large matrices; work that ours saves counts as done.
*gradients* is the largest difference between the gradients of both, relative to the largest gradient of the same
weights.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
MODELS = ["cnn64", "cnn256", "deepbind", "deepcnn64", "deepsea-mini"]
BATCH, ROUNDS = 128, 5


def forward_work(network):
    """Multiplications and additions of one window: of the first layer with weights, and of all."""
    work = []
    for layer in network.layers:
        if type(layer).__name__ == "Conv1D":
            width, channels, filters = layer.kernel.shape
            work.append(2 * layer.output.shape[1] * width * channels * filters)
        elif type(layer).__name__ == "Dense":
            work.append(2 * int(np.prod(layer.kernel.shape)))
    return work[0], sum(work)


def matrix_rate():
    """Multiplications and additions a second of two matrices of 2,048 rows and columns."""
    import tensorflow as tf

    a = tf.random.normal((2048, 2048))
    rates = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        (a @ a).numpy()
        rates.append(2 * 2048**3 / (time.perf_counter() - begin))
    return max(rates)


def plain_network(network):
    """The same network from one-hot arrays on, with weights of its own."""
    import keras

    inputs = x = keras.Input((network.input_shape[1], 4))
    config = keras.models.clone_model(network)
    if isinstance(network, keras.Sequential):
        for layer in config.layers[1:]:
            x = layer(x)
    else:
        after_one_hot = config.layers[1].output
        x = keras.Model(after_one_hot, config.outputs[0])(inputs)
    plain = keras.Model(inputs, x)
    plain.set_weights(network.get_weights())
    return plain


def measure(name, windows):
    """Time one network in this process; returns a dict of numbers."""
    import keras

    from regdna.data.examples import Examples
    from regdna.models.cnn import MODELS as BOOK
    from regdna.training.keras_learner import KerasLearner

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (windows, BOOK[name].window)).astype(np.uint8)
    labels = rng.integers(0, 2, windows).astype(np.uint8)
    hot = np.eye(4, dtype=np.float32)[codes]
    network = BOOK[name].build(seed=0)
    plain = plain_network(BOOK[name].build(seed=0))
    plain.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    steps = windows // BATCH
    learner = KerasLearner(network, BATCH, check_every=steps)
    examples = Examples(codes, labels, np.ones(windows, np.float32))
    few = codes[:BATCH], np.arange(BATCH) % 2

    def ours_train():
        learner.fit(examples, steps, 1e-3, few, np.random.default_rng(0))

    def plain_train():
        plain.fit(hot, labels.astype(np.float32), batch_size=BATCH, verbose=0)

    def ours_score():
        learner.predict(codes)

    def plain_score():
        plain.predict(hot, batch_size=512, verbose=0)

    found = {"difference": gradient_difference(name, codes, labels)}
    first, every = forward_work(network)
    rate = matrix_rate()
    for what, ways, work in (
        ("train", (plain_train, ours_train), 3 * every - first),
        ("score", (plain_score, ours_score), every),
    ):
        seconds = []
        for number in range(ROUNDS + 1):  # the first makes the graphs
            for way in ways:
                begin = time.perf_counter()
                way()
                seconds += [time.perf_counter() - begin] if number else []
        for way, taken in (("plain", seconds[::2]), ("ours", seconds[1::2])):
            speed = windows / np.median(taken)
            found[f"{what} {way}"], found[f"{what} {way} of limit"] = speed, speed * work / rate
    return found


def gradient_difference(name, codes, labels):
    """The largest difference of gradients by both ways, relative to the largest of each weight; dropout left out."""
    import keras
    import tensorflow as tf

    from regdna.models.cnn import MODELS as BOOK
    from regdna.models.fused import fused

    network = BOOK[name].build(seed=0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    plain, fast = plain_network(network), fused(network)
    hot = np.eye(4, dtype=np.float32)[codes[:BATCH]]
    parts = []
    for way, inputs in ((plain, hot), (fast, codes[:BATCH])):
        with tf.GradientTape() as tape:
            scores = way(inputs, training=True)
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(labels[:BATCH, None].astype(np.float32), scores))
        parts.append([np.asarray(part) for part in tape.gradient(loss, way.trainable_variables)])
    return max(np.abs(one - other).max() / np.abs(one).max() for one, other in zip(*parts))


def memory(way, windows):
    """Take one training step of a set of so many windows of 200 bases; returns the peak memory it adds, in MB."""
    import keras

    from regdna.data.examples import Examples
    from regdna.models.cnn import shallow_cnn
    from regdna.training.keras_learner import KerasLearner

    rng, network = np.random.default_rng(0), shallow_cnn(64)
    few = rng.integers(0, 4, (BATCH, 200)).astype(np.uint8), np.arange(BATCH) % 2
    KerasLearner(network, BATCH).fit(Examples(*few, np.ones(BATCH, np.float32)), 1, 1e-3, few, rng)  # graphs, libraries
    before = peak_mb()
    labels = (np.arange(windows) % 2).astype(np.uint8)
    if way == "plain":
        hot = np.zeros((windows, 200, 4), np.float32)
        for part in np.array_split(np.arange(windows), max(1, windows // 10_000)):
            hot[part] = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (len(part), 200))]
        plain = plain_network(network)
        plain.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
        plain.fit(hot, labels.astype(np.float32), batch_size=BATCH, steps_per_epoch=1, verbose=0)
    else:
        codes = rng.integers(0, 4, (windows, 200), dtype=np.uint8)
        examples = Examples(codes, labels, np.ones(windows, np.float32))
        KerasLearner(network, BATCH).fit(examples, 1, 1e-3, few, rng)
    return peak_mb() - before


def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def child(*arguments):
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--windows", type=int, default=12_800, help="windows for each round")
    parser.add_argument("--set", type=int, default=2_000_000, help="windows of the training set of the memory test")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        what, *more = given.child
        run = {"measure": measure, "memory": memory}[what]
        print(json.dumps(run(more[0], int(more[1])), default=float))
        return
    print(f"windows a second on one thread, {ROUNDS} rounds of {given.windows:,}")
    print(f"{'':14}{'training':^38}{'scoring':^38}")
    head = f"{'plain':>9}{'ours':>9}{'ratio':>8}{'of limit':>11} "
    print(f"{'':14}{head}{head}{'gradients':>11}")
    for name in given.models:
        found = child("measure", name, given.windows)
        line = f"{name:14}"
        for what in ("train", "score"):
            plain, ours = found[f"{what} plain"], found[f"{what} ours"]
            line += f"{plain:9,.0f}{ours:9,.0f}{ours / plain:8.1f}{found[f'{what} ours of limit']:11.2f} "
        print(line + f"{found['difference']:11.0e}", flush=True)
    plain, ours = (child("memory", way, given.set) for way in ("plain", "ours"))
    print(f"\npeak memory of a training set of {given.set:,} windows of 200 bases:")
    print(f"plain {plain:,.0f} MB, ours {ours:,.0f} MB, 1/{plain / ours:.0f}")


if __name__ == "__main__":
    main()
