"""Chains of the size of a real pair of mammals, for the benchmark of liftover."""

import numpy as np

from regdna.worlds.writers import Chain

# hg38's chromosomes in bases: 1 to 22, X, Y.
HG38 = dict(
    zip(
        [f"chr{name}" for name in (*range(1, 23), "X", "Y")],
        [
            248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636,
            138394717, 133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345,
            83257441, 80373285, 58617616, 64444167, 46709983, 50818468, 156040895, 57227415,
        ],
    )
)  # fmt: skip


def draw_chains(blocks, rng, per_chain=200, sizes=HG38):
    """Draw chains between two genomes of like chromosomes.

    Blocks of 20 to 200 bases; most gaps are below 16 bases on either side, some reach 8 kb, so that chains span about
    half of the genome, as between human and mouse. A third of the chains lie on the reverse strand. Chains of one
    chromosome do not overlap on the first genome.

    Parameters
    ----------
    blocks : int
        In all.
    rng : numpy.random.Generator
    per_chain : int
        Blocks of one chain.
    sizes : dict of str to int
        Chromosome lengths in bases, of both genomes.

    Returns
    -------
    list of regdna.worlds.writers.Chain
    """
    names, lengths = list(sizes), np.array(list(sizes.values()))
    number = np.round(blocks / per_chain * lengths / lengths.sum()).astype(int)
    chains = []
    for name, length, here in zip(names, lengths, number):
        size = rng.integers(20, 201, (here, per_chain))
        t = np.cumsum(size + _gaps(size.shape, rng), axis=1) - size
        q = np.cumsum(size + _gaps(size.shape, rng), axis=1) - size
        span = t[:, -1] + size[:, -1] - t[:, 0]
        room = (length - span.sum()) // (here + 1)
        if room < 0:
            raise ValueError(f"{blocks} blocks do not fit on {name}, which has {length} bases")
        t += (np.cumsum(span + room) - span)[:, None] - t[:, :1]
        to = rng.integers(0, len(names), here)
        q += (rng.random(here) * (lengths[to] - q[:, -1] - size[:, -1])).astype(np.int64)[:, None]
        minus = rng.random(here) < 1 / 3
        for i in range(here):
            ends = int(size[i].sum()), name, length, names[to[i]], lengths[to[i]], bool(minus[i])
            chains.append(Chain(*ends, t[i], q[i], size[i]))
    return chains


def _gaps(shape, rng):
    wide = rng.random(shape) < 0.15
    return np.where(wide, rng.integers(50, 8001, shape), rng.integers(0, 16, shape))
