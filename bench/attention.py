"""DNABERT-2 with PyTorch's fused attention, beside the same network with every score written out.

    python bench/attention.py                  # tables, in about four minutes
    python bench/attention.py --sizes full     # of the published size: needs a GPU or patience

Both ways are the same module with the same weights; only ``scaled_dot_product_attention`` is exchanged for one that
forms the scores, their softmax and the product. They run in the same process, in turn, on one thread; numbers are
medians over rounds. Peak memory is that of a training step in a process of its own, less what the process held before.
*difference* is the largest of the outputs. On a GPU, where there is one, both run in bfloat16.

The second table is of windows of mixed lengths, scored in the order they come in, padded to the longest of their batch,
or sorted by length first, as the learner does it. Padding does not count as tokens.
"""

import argparse
import math
import os
import re
import time
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
import torch
from torch.nn import functional

from regdna.models.dnabert2 import DNABERT2Config, DNABERT2ForSequenceClassification

# layers, hidden size, heads, intermediate size
SIZES = {"mini": (4, 128, 4, 256), "mid": (6, 384, 12, 1536), "full": (12, 768, 12, 3072)}
WAYS = ("written out", "fused")
SHORTEST = 20  # tokens of a window of the second table, up to the longest


def written_out(q, k, v, attn_mask, dropout_p):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + attn_mask
    return functional.dropout(scores.softmax(-1), dropout_p) @ v


@contextmanager
def attention(way):
    fused = functional.scaled_dot_product_attention
    if way == "written out":
        functional.scaled_dot_product_attention = written_out
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = fused


def network(size, device):
    layers, hidden, heads, intermediate = SIZES[size]
    torch.manual_seed(0)
    config = DNABERT2Config(
        num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, intermediate_size=intermediate
    )
    return DNABERT2ForSequenceClassification(config).to(device)


def steps(model, ids, mask, device):
    """A forward pass and a training step, as functions."""
    batch = {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}
    labels = torch.arange(len(ids), device=device) % 2

    def forward():
        model.eval()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            return model(**batch).logits.float()

    def train():
        model.train()
        model.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = model(**batch, labels=labels).loss
        loss.backward()

    return forward, train


def random_tokens(number, tokens):
    ids = np.random.default_rng(0).integers(5, 4096, (number, tokens))
    return ids, np.ones(ids.shape, bool)


def seconds(work, device):
    begin = time.perf_counter()
    result = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin, result


def speeds(device, size, tokens, batch_tokens, rounds):
    """Tokens a second by both ways, and the largest difference of their outputs."""
    model = network(size, device)
    ids, mask = random_tokens(max(1, batch_tokens // tokens), tokens)
    works = dict(zip(("forward", "train"), steps(model, ids, mask, device)))
    taken, outputs = {(what, way): [] for what in works for way in WAYS}, {}
    for number in range(rounds + 1):  # the first warms up
        for what, way in taken:
            with attention(way):
                spent, outputs[what, way] = seconds(works[what], device)
            taken[what, way] += [spent] if number else []
    found = {f"{what} {way}": ids.size / np.median(spent) for (what, way), spent in taken.items()}
    difference = outputs["forward", WAYS[0]] - outputs["forward", WAYS[1]]
    return found | {"difference": difference.abs().max().item()}


def memory(device, size, tokens, batch_tokens, way):
    """Peak memory in MB of a training step, less what was held before."""
    model = network(size, device)
    ids, mask = random_tokens(max(1, batch_tokens // tokens), tokens)
    few = random_tokens(1, 8)
    steps(model, *few, device)[1]()  # libraries, and the memory of the gradients
    before = peak_mb(device)
    with attention(way):
        steps(model, ids, mask, device)[1]()
    return peak_mb(device) - before


def mixed(device, size, longest, windows, way, sort):
    """Real tokens a second, and peak memory in MB, of windows of mixed lengths scored in batches of 64."""
    model, rng = network(size, device), np.random.default_rng(1)
    lengths = rng.integers(min(SHORTEST, longest), longest + 1, windows)
    ids = rng.integers(5, 4096, (windows, longest))
    mask = np.arange(longest) < lengths[:, None]
    order = np.argsort(lengths) if sort else np.arange(windows)
    steps(model, *random_tokens(1, 8), device)[0]()
    before = peak_mb(device)
    begin = time.perf_counter()
    with attention(way):
        for rows in np.array_split(order, max(1, windows // 64)):
            width = lengths[rows].max()
            steps(model, ids[rows, :width], mask[rows, :width], device)[0]().cpu()
    return {"speed": lengths.sum() / (time.perf_counter() - begin), "memory": peak_mb(device) - before}


def peak_mb(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def alone(measure, device, *arguments):
    """Measure in a process of its own. On a CPU it inherits what is imported here; a GPU cannot be inherited."""
    with get_context("fork" if device == "cpu" else "spawn").Pool(1) as pool:
        return pool.apply(measure, (device, *arguments))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["mini", "mid"])
    parser.add_argument("--tokens", nargs="+", type=int, default=[64, 128, 512])
    parser.add_argument("--batch-tokens", type=int, default=4096, help="tokens of a batch")
    parser.add_argument("--windows", type=int, default=512, help="windows of mixed lengths")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for device in ["cpu", "cuda"][: 1 + torch.cuda.is_available()]:
        print(f"{device}: tokens a second, and MB of a training step; batches of {given.batch_tokens:,} tokens")
        print(f"{'':12}{'forward':^29}{'training step':^29}{'peak memory':^29}")
        head = f"{WAYS[0]:>12}{WAYS[1]:>9}{'ratio':>8}"
        print(f"{'size tokens':12}{head * 3}{'difference':>12}")
        for size in given.sizes:
            for tokens in given.tokens:
                found = alone(speeds, device, size, tokens, given.batch_tokens, given.rounds)
                line = f"{size:5}{tokens:6} "
                for what in ("forward", "train"):
                    plain, ours = (found[f"{what} {way}"] for way in WAYS)
                    line += f"{plain:12,.0f}{ours:9,.0f}{ours / plain:8.2f}"
                plain, ours = (alone(memory, device, size, tokens, given.batch_tokens, way) for way in WAYS)
                line += f"{plain:12,.0f}{ours:9,.0f}{ours / max(plain, 1e-9):8.2f}"
                print(line + f"{found['difference']:12.0e}", flush=True)
        longest = max(given.tokens)
        print(f"\n{device}: {given.windows} windows of {min(SHORTEST, longest)} to {longest} tokens, forward")
        print(f"{'size':6}{'':24}{'tokens a second':>16}{'ratio':>8}{'peak MB':>9}")
        for size in given.sizes:
            first = None
            for way, sort in ((WAYS[0], False), (WAYS[1], False), (WAYS[1], True)):
                found = alone(mixed, device, size, longest, given.windows, way, sort)
                first = first or found["speed"]
                name = f"{way}, {'by length' if sort else 'padded'}"
                line = f"{size:6}{name:24}{found['speed']:16,.0f}{found['speed'] / first:8.2f}{found['memory']:9,.0f}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
