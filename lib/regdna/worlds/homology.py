"""The true alignment of two simulated genomes, as chains."""

import numpy as np

from regdna.worlds.writers import Chain

MAX_GAP = 5_000  # a longer gap on either genome ends a chain


def true_chains(reference, other, names):
    """Align two lineages by the identity of their bases.

    Blocks are runs of bases that are neighbors, in the same order and direction, in both genomes. Neighboring blocks
    of one chromosome pair and strand that are collinear and less than :data:`MAX_GAP` apart form a chain.

    Parameters
    ----------
    reference, other : regdna.worlds.evolution.Lineage
        The chains lead from the first to the second.
    names : sequence of str
        Chromosome names; both genomes use the same ones.

    Returns
    -------
    list of Chain
        The score is 100 for each aligned base of equal letters, minus 100 for each mismatch, at least 1.
    """
    size = int(max(np.abs(reference.origin).max(), np.abs(other.origin).max())) + 1
    place = np.full(size, -1, np.int32)
    place[np.abs(other.origin)] = np.arange(len(other.origin), dtype=np.int32)
    t = np.flatnonzero(place[np.abs(reference.origin)] >= 0)
    q = place[np.abs(reference.origin[t])].astype(np.int64)
    minus = (reference.origin[t] < 0) != (other.origin[q] < 0)
    t_chrom = np.searchsorted(reference.ends, t, "right")
    q_chrom = np.searchsorted(other.ends, q, "right")
    match = np.where(minus, 3 - other.codes[q], other.codes[q]) == reference.codes[t]

    same = (np.diff(t_chrom) == 0) & (np.diff(q_chrom) == 0) & (minus[1:] == minus[:-1])
    step = np.where(minus[1:], -np.diff(q), np.diff(q))
    new_block = np.r_[True, ~(same & (np.diff(t) == 1) & (step == 1))]
    new_chain = np.r_[True, ~(same & (step >= 1) & (step <= MAX_GAP) & (np.diff(t) <= MAX_GAP))]
    first = np.flatnonzero(new_block)
    length = np.diff(np.r_[first, len(t)])
    score = np.add.reduceat(np.where(match, 100, -100), first)

    t_sizes, q_sizes = np.diff(np.r_[0, reference.ends]), np.diff(np.r_[0, other.ends])
    chain_first = np.flatnonzero(new_chain[first])
    chains = []
    for lo, hi in zip(chain_first, np.r_[chain_first[1:], len(first)]):
        at = first[lo:hi]
        a, b, turned = t_chrom[at[0]], q_chrom[at[0]], bool(minus[at[0]])
        t_start = t[at] - (reference.ends[a] - t_sizes[a])
        q_start = q[at] - (other.ends[b] - q_sizes[b])
        chains.append(
            Chain(
                max(int(score[lo:hi].sum()), 1),
                names[a],
                int(t_sizes[a]),
                names[b],
                int(q_sizes[b]),
                turned,
                t_start,
                q_sizes[b] - 1 - q_start if turned else q_start,
                length[lo:hi],
            )
        )
    return chains
