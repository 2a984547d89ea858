"""Tables about the splice sites of simulated genes: how strong they are, and how far the simulation's rule is seen."""

import numpy as np
import pandas as pd

from regdna.data.splice_windows import BEYOND, KINDS
from regdna.training.metrics import site_scores
from regdna.worlds.genes import ACCEPTOR_BEFORE, DONOR, DONOR_BEFORE, exon_bits, site_strengths

ALONE = -6.0  # bits that stand for an exon at the end of a gene, which has no partner
LOWEST = -1000.0  # bits of what has no GT or AG, below all that have
DONOR_BEHIND = len(DONOR[0]) - DONOR_BEFORE - 1


def transcripts(blocks):
    """Read whole genes from their blocks.

    Parameters
    ----------
    blocks : regdna.data.splice_windows.SpliceBlocks
        All blocks of some genes.

    Yields
    ------
    gene : int
    codes : uint8 array, shape (L,)
        In the direction of the transcript.
    labels : int8 array, shape (L,)
    """
    for gene in np.unique(blocks.gene):
        rows = np.flatnonzero(blocks.gene == gene)
        labels = blocks.labels[rows].reshape(-1)
        inside = labels != BEYOND
        yield int(gene), blocks.codes(0, rows).reshape(-1)[inside], labels[inside]


def strength_table(blocks):
    """List every GT and AG of some genes with its strength.

    Parameters
    ----------
    blocks : regdna.data.splice_windows.SpliceBlocks

    Returns
    -------
    pandas.DataFrame
        kind, strength (bits), site (bool: whether it is spliced).
    """
    parts = []
    for _, codes, labels in transcripts(blocks):
        for kind, bits in zip(("donor", "acceptor"), site_strengths(codes)):
            there = np.isfinite(bits)
            site = labels[there] == KINDS[kind]
            parts.append(pd.DataFrame({"kind": kind, "strength": bits[there], "site": site}))
    return pd.concat(parts, ignore_index=True)


def rule_scores(blocks, settings, contexts):
    """Score positions by the simulation's own rule, as far as it can be seen in a context.

    A site's score is its strength and that of its possible partners across the exon, each with the length that the exon
    would have, summed as probabilities; of partners out of sight only the lengths count. What neighbors of the exon say
    is left out, so more than this can be known.

    Parameters
    ----------
    blocks : regdna.data.splice_windows.SpliceBlocks
        All blocks of some genes.
    settings : dict
        ``genes`` of the world's ``simulation`` section.
    contexts : sequence of int
        In bases, both sides together; at 80 no partner is in sight.

    Returns
    -------
    pandas.DataFrame
        context, and the columns of :func:`regdna.training.metrics.site_scores`.
    """
    genes = [(codes, labels) for _, codes, labels in transcripts(blocks)]
    labels = np.concatenate([labels for _, labels in genes])
    rows = []
    for context in contexts:
        parts = [_seen(codes, settings["exon"], context // 2) for codes, _ in genes]
        rows.append({"context": context} | site_scores(labels, np.concatenate(parts), KINDS))
    return pd.DataFrame(rows)


def _seen(codes, exon, half):
    """Scores of all positions of a transcript; float array, shape (L, 3), by label."""
    strengths = dict(zip(("donor", "acceptor"), site_strengths(codes)))
    places = {kind: np.flatnonzero(np.isfinite(bits)) for kind, bits in strengths.items()}
    scores = np.full((len(codes), 3), LOWEST)
    longest = exon["range"][1]
    for kind, other, margin in (("donor", "acceptor", ACCEPTOR_BEFORE), ("acceptor", "donor", DONOR_BEHIND)):
        reach = min(longest - 1, half - margin)
        # Of an exon that is longer than one sees, no more is known than how common that is.
        beyond = np.logaddexp2.reduce(exon_bits(np.arange(reach + 2, longest + 1), exon), initial=-np.inf)
        for at in places[kind]:
            low, high = (at - reach, at) if kind == "donor" else (at, at + reach)
            partners = places[other][slice(*np.searchsorted(places[other], (low, high + 1)))]
            bits = strengths[other][partners] + exon_bits(np.abs(at - partners) + 1, exon)
            scores[at, KINDS[kind]] = strengths[kind][at] + np.logaddexp2.reduce([*bits, beyond, ALONE])
    return scores
