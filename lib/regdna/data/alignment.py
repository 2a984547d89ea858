"""Chains for genomes that have none: windows of the reference aligned with minimap2 and stitched together."""

import logging

import mappy
import numpy as np

from regdna.data import dna
from regdna.worlds.writers import Chain, write_chains

log = logging.getLogger(__name__)

MAX_GAP = 10_000  # a longer gap on either genome ends a chain
_MATCH, _INSERTION, _DELETION = 0, 1, 2


def align_genomes(reference, other, window=2000, step=1000, k=11, w=5):
    """Align a reference to a relative.

    Whole-chromosome presets of minimap2 lose diverged genomes; short windows with short seeds do not. Windows
    overlap, and two neighbors are joined in the middle of what both align, where they agree to go on collinearly.

    Parameters
    ----------
    reference, other : regdna.data.genome.Genome
    window, step : int
        Length and spacing of the windows in bases.
    k, w : int
        Seed length and minimizer window of minimap2 (Li 2018, Bioinformatics 34:3094).

    Returns
    -------
    list of regdna.worlds.writers.Chain
        From the reference to the relative. The score is the number of aligned bases.
    """
    # Hits of some 60 aligned bases are kept: minimap2's defaults ask for more than a diverged promoter has.
    aligner = mappy.Aligner(str(_fasta(other)), k=k, w=w, best_n=1, min_cnt=2, min_chain_score=20, min_dp_score=40)
    chains = []
    for chrom, length in reference.lengths.items():
        sequence = dna.decode(reference.codes(chrom))
        pieces = []
        for start in range(0, length, step):
            hit = next((h for h in aligner.map(sequence[start : start + window]) if h.is_primary), None)
            if hit:
                pieces.append(_blocks(hit, start))
        chains += [_chain(part, chrom, length) for part in _stitch(pieces)]
        log.debug("aligned %s to %s: %d windows", chrom, other.path.name, len(pieces))
    return chains


def build_chain_file(reference, other, path, **settings):
    """Align two genomes and write the chains; see :func:`align_genomes`."""
    write_chains(path, align_genomes(reference, other, **settings))


def _fasta(genome):
    if genome.path.suffix == ".2bit":
        raise ValueError(f"{genome.path}: minimap2 reads FASTA, not 2bit; give the relative as .fa or .fa.gz")
    return genome.path


def _blocks(hit, offset):
    """Turn a hit into (where, blocks): (chromosome, its length, minus), and rows of t_start, q_start, size."""
    minus = hit.strand < 0
    cigar = hit.cigar[::-1] if minus else hit.cigar
    t, q = offset + hit.q_st, (hit.ctg_len - hit.r_en if minus else hit.r_st)
    blocks = []
    for size, operation in cigar:
        if operation == _MATCH:
            blocks.append((t, q, size))
        t += size if operation in (_MATCH, _INSERTION) else 0
        q += size if operation in (_MATCH, _DELETION) else 0
    return (hit.ctg, hit.ctg_len, minus), np.array(blocks, np.int64)


def _stitch(pieces):
    """Join neighboring pieces that are collinear; return a list of (where, blocks)."""
    joined = []
    for where, blocks in pieces:
        if joined and joined[-1][0] == where:
            before = joined[-1][1]
            cut = max((before[-1, 0] + before[-1, 2] + blocks[0, 0]) // 2, blocks[0, 0])
            left, right = _before(before, cut), _after(blocks, cut)
            if len(left) and len(right):
                t_gap = right[0, 0] - left[-1, 0] - left[-1, 2]
                q_gap = right[0, 1] - left[-1, 1] - left[-1, 2]
                if t_gap >= 0 and 0 <= q_gap <= MAX_GAP and t_gap <= MAX_GAP:
                    joined[-1] = (where, np.concatenate([left, right]))
                    continue
        joined.append((where, blocks))
    return joined


def _before(blocks, cut):
    kept = blocks[blocks[:, 0] < cut].copy()
    kept[:, 2] = np.minimum(kept[:, 2], cut - kept[:, 0])
    return kept


def _after(blocks, cut):
    kept = blocks[blocks[:, 0] + blocks[:, 2] > cut].copy()
    shift = np.maximum(cut - kept[:, 0], 0)
    return kept + np.stack([shift, shift, -shift], axis=1)


def _chain(part, chrom, length):
    (to_chrom, to_length, minus), blocks = part
    t, q, size = blocks.T
    # Two halves that meet on one diagonal are one block again.
    first = np.flatnonzero(np.r_[True, (np.diff(t) != size[:-1]) | (np.diff(q) != size[:-1])])
    size = np.add.reduceat(size, first)
    return Chain(int(size.sum()), chrom, length, to_chrom, to_length, minus, t[first], q[first], size)
