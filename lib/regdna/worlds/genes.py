"""Gene models of the simulated reference: a spliceosome that splices what the sequence holds.

A splice site is scored by a position weight matrix, and a transcript by its sites and by the lengths of its exons and
introns. So most places that look like a site are none: they have no partner at the right distance.

Which site a position is, follows SpliceAI (Jaganathan et al. 2019, Cell 176:535): the donor is the last base of an
exon, the acceptor the first base of one. Letters: L positions of a sequence, on the strand of the transcript.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

# Percent of A, C, G, T in human sites (Zhang 1998, Hum. Mol. Genet. 7:919), as public programs give them again.
# Donor: three bases of the exon, six of the intron.
DONOR = (
    (38, 62, 12, 0, 0, 71, 73, 11, 21),
    (31, 10, 4, 0, 0, 2, 6, 6, 10),
    (18, 12, 77, 100, 0, 24, 8, 75, 14),
    (13, 16, 7, 0, 100, 3, 13, 8, 55),
)
# Acceptor: fifteen bases of the intron, two of the exon.
ACCEPTOR = (
    (15, 14, 13, 11, 10, 10, 11, 12, 13, 11, 10, 26, 7, 100, 0, 26, 24),
    (24, 21, 20, 22, 21, 22, 25, 28, 28, 25, 22, 25, 55, 0, 0, 11, 15),
    (10, 12, 10, 9, 10, 9, 10, 10, 8, 5, 5, 15, 1, 0, 100, 50, 20),
    (51, 53, 57, 58, 59, 59, 54, 50, 51, 59, 63, 33, 37, 0, 0, 13, 41),
)
KINDS = ("donor", "acceptor")
DONOR_BEFORE, ACCEPTOR_BEFORE = 2, 15  # bases of a matrix before the site's own position


class Genes(NamedTuple):
    """Gene models, one transcript each.

    Attributes
    ----------
    exons : pandas.DataFrame
        gene (number), chrom, start, end (0-based half-open), strand; those of a gene by position.
    sites : pandas.DataFrame
        gene, chrom, position (0-based), strand, kind (``donor`` or ``acceptor``), strength (bits).
    """

    exons: pd.DataFrame
    sites: pd.DataFrame


def site_strengths(codes):
    """Score every position as a splice site, by log-odds of human sites against bases that are equally likely.

    Parameters
    ----------
    codes : uint8 array, shape (L,)
        On the strand of the transcript.

    Returns
    -------
    donors, acceptors : float64 arrays, shape (L,)
        Bits; minus infinity where there is no GT or AG, a base is unknown, or the matrix hangs over an end.
    """
    return _scan(codes, DONOR, DONOR_BEFORE), _scan(codes, ACCEPTOR, ACCEPTOR_BEFORE)


def _scan(codes, percent, before):
    with np.errstate(divide="ignore"):
        bits = np.log2(np.array(percent) / np.sum(percent, 0) * 4)
    bits = np.vstack([bits, np.full(bits.shape[1], -np.inf)])  # N
    width = bits.shape[1]
    scores = np.full(len(codes), -np.inf)
    if len(codes) >= width:
        found = bits[sliding_window_view(codes, width), np.arange(width)].sum(1)
        scores[before : before + len(found)] = found
    return scores


def splice(codes, settings):
    """Find the best way to splice a transcript that begins and ends with the sequence.

    Its score, in bits, is the sum of its sites' log-odds and of the log-densities of its exons' and introns' lengths:
    log-normal for exons with two neighbors, flat for the first and the last one, exponential for introns.

    Parameters
    ----------
    codes : uint8 array, shape (L,)
        On the strand of the transcript.
    settings : dict
        ``exon`` (``mode``, ``spread`` and ``range`` of lengths, the spread in natural logarithms), ``end`` (range of
        lengths of the first and the last exon) and ``intron`` (``least`` and ``mean`` length) of ``genes`` of a
        world's ``simulation`` section.

    Returns
    -------
    donors, acceptors : int64 arrays, shape (introns,)
        Positions; empty if there is no way.
    """
    bits = site_strengths(codes)
    donors, acceptors = (np.flatnonzero(np.isfinite(strength)) for strength in bits)
    shortest, longest = settings["end"]
    intron, (_, widest) = settings["intron"], settings["exon"]["range"]
    slope = np.log2(np.e) / intron["mean"]
    # Scores of the best ways that end with a donor or an acceptor, and the site before.
    to_donor = np.where((donors + 1 >= shortest) & (donors + 1 <= longest), 0.0, -np.inf)
    to_acceptor = np.full(len(acceptors), -np.inf)
    before_donor, before_acceptor = np.full(len(donors), -1), np.full(len(acceptors), -1)
    # An intron's density falls by the slope, so the best donor to begin it with is the best so far, wherever it lies.
    highest, leader, seen = -np.inf, -1, 0
    for place in np.argsort(np.concatenate([donors, acceptors]), kind="stable"):
        if place < len(donors):
            at = donors[place]
            near = slice(*np.searchsorted(acceptors, (at + 1 - widest, at)))
            ways = to_acceptor[near] + exon_bits(at + 1 - acceptors[near], settings["exon"])
            if len(ways) and ways.max() > to_donor[place]:
                to_donor[place], before_donor[place] = ways.max(), near.start + ways.argmax()
            to_donor[place] += bits[0][at]
        else:
            place -= len(donors)
            at = acceptors[place]
            while seen < len(donors) and donors[seen] + 1 + intron["least"] <= at:
                if to_donor[seen] + slope * donors[seen] > highest:
                    highest, leader = to_donor[seen] + slope * donors[seen], seen
                seen += 1
            if leader >= 0:
                length_bits = -np.log2(intron["mean"]) - slope * (at - donors[leader] - 1 - intron["least"])
                to_acceptor[place] = to_donor[leader] + bits[1][at] + length_bits
                before_acceptor[place] = leader
    tail = len(codes) - acceptors
    last = np.where((tail >= shortest) & (tail <= longest), to_acceptor, -np.inf)
    way, place = [], int(last.argmax()) if np.isfinite(last.max(initial=-np.inf)) else -1
    while place >= 0:
        way.append((donors[before_acceptor[place]], acceptors[place]))
        place = before_donor[before_acceptor[place]]
    return tuple(np.array(way[::-1], np.int64).reshape(-1, 2).T)


def exon_bits(lengths, settings):
    """Score lengths of exons between two introns: log2 of a log-normal density.

    Parameters
    ----------
    lengths : int array, shape (N,)
        In bases.
    settings : dict
        ``mode``, ``spread``, ``range``.

    Returns
    -------
    float64 array, shape (N,)
        Minus infinity beyond the range.
    """
    lengths, spread = np.asarray(lengths, float), settings["spread"]
    middle = np.log(settings["mode"]) + spread**2
    nats = -np.log(lengths * spread * np.sqrt(2 * np.pi)) - (np.log(lengths) - middle) ** 2 / (2 * spread**2)
    low, high = settings["range"]
    return np.where((lengths >= low) & (lengths <= high), nats * np.log2(np.e), -np.inf)


def simulate_genes(settings, seed, elements, bases):
    """Lay genes over a genome: where they begin and end is drawn, how they are spliced is in their sequence.

    A gene begins in the middle of a promoter, on either strand. Nothing else in the world changes with the genes: they
    have a random stream of their own, and not a base is written.

    Parameters
    ----------
    settings : dict
        ``genes`` of a world's ``simulation`` section: ``per_mb`` (genes, as far as they find room), ``length`` (range
        of bases, of which the logarithm is drawn), and what :func:`splice` takes.
    seed : int
    elements : pandas.DataFrame
        Alive on the reference: kind, chrom, start, end (0-based half-open).
    bases : dict of str to uint8 array, shape (length,)
        The reference, as codes.

    Returns
    -------
    Genes
        By chromosome and position; without those that cannot be spliced.
    """
    genes = _place(settings, np.random.default_rng([seed, *b"genes"]), elements, bases)
    exons, sites = [], []
    for number, (chrom, start, end, strand, *places) in enumerate(genes):
        plus = strand == "+"
        begins, ends = np.r_[0, places[1]], np.r_[places[0] + 1, end - start]
        spans = zip(begins, ends) if plus else zip(end - start - ends[::-1], end - start - begins[::-1])
        exons += [(number, chrom, start + a, start + b, strand) for a, b in spans]
        strengths = site_strengths(_read(bases, chrom, start, end, plus))
        of_gene = [
            (number, chrom, start + at if plus else end - 1 - at, strand, kind, round(bits[at], 3))
            for kind, bits, positions in zip(KINDS, strengths, places)
            for at in positions
        ]
        sites += sorted(of_gene, key=lambda site: site[2])
    return Genes(
        pd.DataFrame(exons, columns=["gene", "chrom", "start", "end", "strand"]),
        pd.DataFrame(sites, columns=["gene", "chrom", "position", "strand", "kind", "strength"]),
    )


def _place(settings, rng, elements, bases):
    """Draw genes until there are as many as wanted, or no promoter is left; sorted rows."""
    wanted = round(settings["per_mb"] * sum(map(len, bases.values())) / 1e6)
    promoters = elements[elements["kind"] == "promoter"]
    taken, genes = {chrom: [] for chrom in bases}, []
    for chrom, left, right in promoters[["chrom", "start", "end"]].to_numpy()[rng.permutation(len(promoters))]:
        length, plus = round(np.exp(rng.uniform(*np.log(settings["length"])))), rng.random() < 0.5
        start = (left + right) // 2 - (0 if plus else length - 1)
        end = start + length
        room = start >= 0 and end <= len(bases[chrom])
        if len(genes) == wanted or not room or any(start < b and a < end for a, b in taken[chrom]):
            continue
        places = splice(_read(bases, chrom, start, end, plus), settings)
        if len(places[0]):
            taken[chrom].append((start, end))
            genes.append((chrom, start, end, "+" if plus else "-", *places))
    order = {chrom: rank for rank, chrom in enumerate(bases)}
    return sorted(genes, key=lambda gene: (order[gene[0]], gene[1]))


def _read(bases, chrom, start, end, plus):
    codes = bases[chrom][start:end]
    return codes if plus else 3 - codes[::-1]
