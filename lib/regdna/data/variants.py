"""Variants against a genome: every record of a table gets a status, and alleles become windows."""

import logging
from collections import Counter

import numpy as np
import pandas as pd

from regdna.data import dna
from regdna.messages import some

log = logging.getLogger(__name__)

MATCH, SWAPPED, FLIPPED, BOTH = "match", "swapped", "strand-flipped", "swapped and strand-flipped"
SCORED = (MATCH, SWAPPED, FLIPPED, BOTH)
NOT_SINGLE = "not an SNV"
DROPPED = ("mismatch", NOT_SINGLE, "outside", "too near an end", "duplicate")
STATUSES = (*SCORED, *DROPPED)
FOREIGN = 0.2  # a larger share of variants with neither allele on the genome's forward strand: another assembly?
ENOUGH = 20  # variants that such a share is taken of


class VariantMatcher:
    """Holds the variants of a file, chunk by chunk, against a genome.

    The reference allele of a record should be the genome's base. Where the alternative allele is, the alleles are
    *swapped*, and the record's effects change sign; where a complement is, the record tells the other strand's bases,
    *strand-flipped*. A/T and C/G variants on the other strand cannot be told from swapped ones; they are called
    swapped. To find duplicates, 8 bytes of each variant are kept, and as many more for a moment now and then.

    Parameters
    ----------
    genome : regdna.data.genome.Genome
        Its chromosomes are found with or without ``chr`` before their names.
    before, after : int
        Bases of the windows to be cut before and behind a variant.

    Attributes
    ----------
    counts : collections.Counter
        Variants seen so far, by status; one of :data:`STATUSES` each.
    """

    def __init__(self, genome, before, after):
        self.genome, self.before, self.after = genome, before, after
        self.counts = Counter()
        self._numbers = {name: number for number, name in enumerate(genome.lengths)}
        self._seen = []

    def match(self, table):
        """Find the status of each variant.

        Parameters
        ----------
        table : pandas.DataFrame
            chrom (str), start (int, 0-based), ref, alt (str, one record for each alternative allele).

        Returns
        -------
        pandas.DataFrame
            The table with ``status``; ``genome_chrom``, the genome's name of the chromosome ("" if it has none); and
            ``genome_ref`` and ``genome_alt``, uint8 codes of the alleles on the genome's forward strand, the genome's
            own base first, 4 (N) where the status is none of :data:`SCORED`.
        """
        given = [_alleles(table[column]) for column in ("ref", "alt")]
        names = {name: self._resolve(name) for name in table["chrom"].unique()}
        chrom, start = table["chrom"].map(names).to_numpy(object), table["start"].to_numpy(np.int64)
        lengths = np.array([self.genome.lengths.get(name, 0) for name in chrom], np.int64)
        status = np.full(len(table), STATUSES.index(MATCH))
        single = (given[0] < 4) & (given[1] < 4)
        inside = (start >= 0) & (start < lengths)
        base = self._bases(chrom, start, inside)
        ref, alt = (allele.copy() for allele in given)
        for name, complement, exchange in ((SWAPPED, 0, 1), (FLIPPED, 1, 0), (BOTH, 1, 1)):
            as_told = [dna.COMPLEMENT[allele] if complement else allele for allele in given]
            first, second = as_told[::-1] if exchange else as_told
            fits = (ref != base) & (first == base)
            ref[fits], alt[fits], status[fits] = first[fits], second[fits], STATUSES.index(name)
        placed = single & inside & (ref == base)
        near = (start < self.before) | (start + self.after >= lengths)
        again = self._duplicated(chrom, start, ref, alt, placed)
        # The first of these to hold is what a record is dropped for.
        dropped = {NOT_SINGLE: ~single, "outside": ~inside, "mismatch": ref != base, "duplicate": again}
        for name, holds in reversed((dropped | {"too near an end": near}).items()):
            status[holds] = STATUSES.index(name)
        scored = status < len(SCORED)
        status = np.array(STATUSES, object)[status]
        self.counts.update(status)
        alleles = {"genome_ref": np.where(scored, ref, dna.N_CODE), "genome_alt": np.where(scored, alt, dna.N_CODE)}
        return table.assign(status=status, genome_chrom=chrom, **alleles)

    def _resolve(self, name):
        for candidate in (name, f"chr{name}", name.removeprefix("chr")):
            try:
                return self.genome.name(candidate)
            except KeyError:
                continue
        return ""

    def _bases(self, chrom, start, inside):
        base = np.full(len(start), dna.N_CODE, np.uint8)
        for name in set(chrom[inside]):
            here = inside & (chrom == name)
            base[here] = self.genome.codes(name)[start[here]]
        return base

    def _duplicated(self, chrom, start, ref, alt, placed):
        number = np.array([self._numbers.get(name, 0) for name in chrom], np.int64)
        key = (number << 40 | start << 4 | ref.astype(np.int64) << 2 | alt)[placed]
        again = pd.Series(key).duplicated().to_numpy()
        for known in self._seen:
            again = again | (known[np.searchsorted(known, key).clip(max=len(known) - 1)] == key)
        self._remember(np.sort(key[~again]))
        duplicated = np.zeros(len(start), bool)
        duplicated[placed] = again
        return duplicated

    def _remember(self, key):
        """Keep sorted keys in few arrays, each longer than the next, so that all are searched in little time."""
        while self._seen and len(self._seen[-1]) <= len(key):
            key = np.sort(np.concatenate([self._seen.pop(), key]))
        if len(key):
            self._seen.append(key)


def check_assembly(matcher, table, others=()):
    """Stop if the variants seem to be of another assembly, or counted from another first base; warn if they are few.

    Parameters
    ----------
    matcher : VariantMatcher
        After it has seen the table.
    table : pandas.DataFrame
        Some of the variants, as :meth:`VariantMatcher.match` returns them.
    others : iterable of (str, callable)
        Names of other genomes the variants may be of, and what opens each; asked only when something is wrong.

    Raises
    ------
    ValueError
        If neither allele of a :data:`FOREIGN` share of at least :data:`ENOUGH` variants is the genome's base, or none
        lies on the genome; it says what fits better, if something does.
    """
    counts, genome = matcher.counts, matcher.genome
    if counts["outside"] >= ENOUGH and counts["outside"] == counts.total() - counts[NOT_SINGLE]:
        raise ValueError(f"no variant lies on {genome.path.name}: {_why_outside(matcher, table)}")
    foreign = counts[FLIPPED] + counts[BOTH] + counts["mismatch"]
    placed = foreign + counts[MATCH] + counts[SWAPPED]
    if foreign <= FOREIGN * placed:
        return
    told = f"neither allele of {foreign} of {placed} variants is the base of {genome.path.name} at its place"
    if placed < ENOUGH:
        log.warning("%s: are they of another assembly, of the other strand, or counted from another first base?", told)
        return
    for shift, found, expected in ((1, 0, 1), (-1, 1, 0)):
        if _agreement(genome, table, shift) > 1 - FOREIGN:
            slip = f"the positions seem to be {found}-based, where {expected}-based ones are expected"
            raise ValueError(f"{told}, but it is {shift:+d} base further: {slip}")
    fitting = {name: _agreement(opener(), table) for name, opener in others}
    best = max(fitting, key=fitting.get, default=None)
    if best and fitting[best] > 1 - FOREIGN:
        raise ValueError(f"{told}; one of the alleles of {fitting[best]:.0%} is the base of {best}: is it that?")
    raise ValueError(f"{told}: are they of another assembly, or of the other strand?")


def _why_outside(matcher, table):
    known = table["genome_chrom"] != ""
    if known.any():
        return f"those on {some(table['genome_chrom'][known].unique())} lie beyond its end"
    return f"they are on {some(table['chrom'].unique())}; the genome has {some(matcher.genome.lengths)}"


def _agreement(genome, table, shift=0):
    """Share of the variants one of whose alleles is the genome's base at its place; a half by chance."""
    matcher = VariantMatcher(genome, 0, 0)
    found = matcher.match(table[["chrom", "start", "ref", "alt"]].assign(start=table["start"] + shift))
    placed = found["status"].isin([*SCORED, "mismatch"])
    return found["status"][placed].isin([MATCH, SWAPPED]).mean() if placed.any() else 0.0


def allele_windows(genome, table, width, index, minus=False):
    """Cut the windows of both alleles.

    Parameters
    ----------
    genome : regdna.data.genome.Genome
    table : pandas.DataFrame
        Variants that can be scored: genome_chrom, start (0-based), genome_ref, genome_alt (codes).
    width : int
        In bases.
    index : int
        Place of the variant in its window, 0-based.
    minus : bool
        Read the windows on the reverse strand; the variant is at ``index`` there, too.

    Returns
    -------
    ref, alt : uint8 arrays, shape (N, width)
    """
    at = width - 1 - index if minus else index
    ref = np.empty((len(table), width), np.uint8)
    chrom, start = table["genome_chrom"].to_numpy(object), table["start"].to_numpy(np.int64)
    for name in set(chrom):
        ref[chrom == name] = genome.windows(name, start[chrom == name] - at, width)
    alt = ref.copy()
    ref[:, at], alt[:, at] = table["genome_ref"], table["genome_alt"]
    return (dna.reverse_complement(ref), dna.reverse_complement(alt)) if minus else (ref, alt)


def _alleles(column):
    """Letters to codes; 4 for whatever is no single base."""
    codes = {letter: code for letters in ("ACGT", "acgt") for code, letter in enumerate(letters)}
    return column.map(codes).fillna(dna.N_CODE).to_numpy(np.uint8)
