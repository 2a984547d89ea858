"""What a model says of a variant: the scores of both alleles, and their difference."""

import csv
import gzip
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from regdna import ALPHABET
from regdna.data import dna
from regdna.data.variant_files import CHUNK, read_allele_pairs, read_variants
from regdna.data.variants import MATCH, NOT_SINGLE, SCORED, VariantMatcher, allele_windows, check_assembly
from regdna.files import atomic

log = logging.getLogger(__name__)

NOT_DNA = "not DNA"  # a status of pairs only
SCORES = ["score_ref", "score_alt", "effect", "log_odds"]
# A float32 just below 1: a score of 1 would have no odds.
_SURE = np.float64(np.nextafter(np.float32(1), np.float32(0)))


def effect(score_ref, score_alt):
    """The effect of a variant as Phan et al. 2024 (Methods) and DeepBind define it.

    (score_alt - score_ref) · max(0, score_alt, score_ref): a difference counts for more where there is binding.

    Parameters
    ----------
    score_ref, score_alt : float arrays, shape (N,)
        Probabilities of a positive.

    Returns
    -------
    float64 array, shape (N,)
    """
    score_ref, score_alt = np.asarray(score_ref, np.float64), np.asarray(score_alt, np.float64)
    return (score_alt - score_ref) * np.maximum(0, np.maximum(score_ref, score_alt))


def log_odds_effect(score_ref, score_alt):
    """Difference of log-odds, natural logarithm; a score of 0 or 1 is moved by the least step of a float32.

    Parameters
    ----------
    score_ref, score_alt : float arrays, shape (N,)

    Returns
    -------
    float64 array, shape (N,)
        Its sign changes when the alleles are exchanged.
    """
    ref, alt = (np.clip(np.asarray(s, np.float64), np.finfo(np.float32).tiny, _SURE) for s in (score_ref, score_alt))
    return (np.log(alt) - np.log1p(-alt)) - (np.log(ref) - np.log1p(-ref))


class Views:
    """How the windows of a variant are laid around it; effects are averaged over them.

    Parameters
    ----------
    window : int
        In bases.
    offsets : sequence of int
        Where the middle of the window lies from the variant, in bases; ``(0,)`` for one centered window.
    both_strands : bool
        Read each window on both strands.

    Raises
    ------
    ValueError
        If a window would not hold its variant.
    """

    def __init__(self, window, offsets=(0,), both_strands=True):
        if wrong := [offset for offset in offsets if not 0 <= window // 2 - offset < window] or not len(offsets):
            raise ValueError(f"offsets {wrong or offsets}: a window of {window} bases must hold its variant")
        self.window = window
        # The place of the variant in the window, counted on the strand that is read, so that a variant and its mirror
        # image on the other strand are seen alike.
        self.places = [window // 2 - offset for offset in offsets]
        self.strands = (False, True) if both_strands else (False,)
        at = [window - 1 - place if minus else place for place in self.places for minus in self.strands]
        self.before, self.after = max(at), window - 1 - min(at)

    def __iter__(self):
        return ((place, minus) for place in self.places for minus in self.strands)


def score_variants(predict, genome, table, views):
    """Score both alleles of variants that lie on a genome.

    Parameters
    ----------
    predict : callable
        uint8 codes, shape (N, window), to probabilities, shape (N,).
    genome : regdna.data.genome.Genome
    table : pandas.DataFrame
        As :meth:`regdna.data.variants.VariantMatcher.match` returns it.
    views : Views

    Returns
    -------
    pandas.DataFrame
        The table with score_ref, score_alt, effect and log_odds, averaged over the views, of the genome's own base
        (ref) and the other (alt); NaN for variants whose status is none of :data:`regdna.data.variants.SCORED`.
    """
    usable = table["status"].isin(SCORED).to_numpy()
    pairs = (allele_windows(genome, table[usable], views.window, place, minus) for place, minus in views)
    return _with_scores(table, usable, _mean_scores(predict, pairs, usable.sum()))


def score_pairs(predict, table, window, both_strands=True):
    """Score both sequences of pairs.

    Parameters
    ----------
    predict : callable
        uint8 codes, shape (N, window), to probabilities, shape (N,).
    table : pandas.DataFrame
        id, ref_sequence, alt_sequence (str). Of a longer pair the window around its difference is taken; a shorter one
        is filled with N on both sides.
    window : int
        In bases.
    both_strands : bool

    Returns
    -------
    pandas.DataFrame
        The table with status (match, not an SNV where the lengths differ or more than one base does, not DNA), and
        scores as from :func:`score_variants`.
    """
    pairs = [_pair(*sequences) for sequences in zip(table["ref_sequence"], table["alt_sequence"])]
    status = np.array([pair if isinstance(pair, str) else MATCH for pair in pairs], object)
    usable, pairs = status == MATCH, [pair for pair in pairs if not isinstance(pair, str)]
    # Each strand is cut by itself, so that a pair and its mirror image are seen alike.
    strands = [pairs, [dna.reverse_complement(pair) for pair in pairs]] if both_strands else [pairs]
    cut = [np.array([_cut(pair, window) for pair in strand], np.uint8).reshape(-1, 2, window) for strand in strands]
    views = [(windows[:, 0], windows[:, 1]) for windows in cut]
    return _with_scores(table.assign(status=status), usable, _mean_scores(predict, views, len(pairs)))


def saturation_effects(predict, codes, both_strands=True):
    """Score every possible SNV of a window: in-silico saturation mutagenesis.

    Parameters
    ----------
    predict : callable
        uint8 codes, shape (N, L), to probabilities, shape (N,).
    codes : uint8 array, shape (L,)
    both_strands : bool
        Take the mean of the window and its reverse complement.

    Returns
    -------
    float64 array, shape (L, A)
        Log-odds of the window with each base at each place, less those of the window as it is; 0 for its own base.
    """
    alternatives = np.repeat(codes[None], 4 * len(codes), axis=0)
    alternatives[np.arange(len(alternatives)), np.repeat(np.arange(len(codes)), 4)] = np.tile(np.arange(4), len(codes))
    windows = np.concatenate([codes[None], alternatives])
    strands = [windows, dna.reverse_complement(windows)] if both_strands else [windows]
    scores = [np.asarray(predict(strand), np.float64) for strand in strands]
    return np.mean([log_odds_effect(one[0], one[1:]) for one in scores], axis=0).reshape(len(codes), 4)


def write_effects(model, path, output, genome=None, views=None, others=(), check=True, progress=False):
    """Score the variants of a file, chunk by chunk, and write a table; memory grows by some bytes for a variant.

    Parameters
    ----------
    model : regdna.training.saved.SavedModel
    path : path
        Variants (:func:`regdna.data.variant_files.read_variants`), or without a genome pairs of sequences
        (:func:`regdna.data.variant_files.read_allele_pairs`).
    output : path
        Tab-separated, gzipped if it ends in ``.gz``; appears when complete. One row for each record, whatever became of
        it: chrom, pos (1-based), id, ref, alt as given; status; genome_ref and genome_alt, the alleles that were
        scored; score_ref, score_alt, effect and log_odds (of genome_ref to genome_alt: where the status says swapped,
        observed effects must change their sign to be compared). For pairs: id, status and the scores.
    genome : regdna.data.genome.Genome, optional
    views : Views, optional
        Centered windows of both strands by default; of pairs, only the strands count.
    others : iterable of (str, callable)
        Other genomes that the variants may be of, for the message if they do not fit.
    check : bool
        Stop where the variants seem to be of another assembly.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.Series
        Number of records by status.

    Raises
    ------
    ValueError
        If the file holds no variant, or cannot be read, or does not fit the genome; or if the output is a folder, or
        one of the files that are read.
    """
    _check_output(Path(output), [Path(path), *([genome.path] if genome else [])])
    views = views or Views(model.window)
    counts = Counter()
    if genome:
        chunks = _scored_variants(model, path, genome, views, others, check)
    else:
        chunks = (_scored_pairs(model, table, views) for table in read_allele_pairs(path, CHUNK))
    opened = gzip.open if Path(output).suffix == ".gz" else open
    # As given: no quotes are put around a name, nor those that it has doubled.
    text = {"sep": "\t", "index": False, "float_format": "%.6g", "lineterminator": "\n", "quoting": csv.QUOTE_NONE}
    with atomic(output) as temporary, tqdm(unit=" variants", unit_scale=True, disable=not progress) as bar:
        with opened(temporary, "wt", encoding="utf-8") as file:
            for table in chunks:
                table.to_csv(file, header=not counts, quotechar="\x00", **text)
                counts.update(table["status"])
                bar.update(len(table))
        if not counts:
            raise ValueError(f"{path}: holds no variant")
    if not any(counts[status] for status in SCORED):
        log.warning("%s: none of its variants could be scored; see the column status of %s", path, output)
    return pd.Series(counts, dtype=int)


def _check_output(output, inputs):
    if output.is_dir():
        raise ValueError(f"{output} is a folder; the output is a file")
    if output.exists() and any(path.exists() and path.samefile(output) for path in inputs):
        raise ValueError(f"{output} is read and would be overwritten; give the output another name")


def _scored_variants(model, path, genome, views, others, check):
    matcher = VariantMatcher(genome, views.before, views.after)
    for table in read_variants(path, CHUNK):
        table = matcher.match(table[["chrom", "start", "id", "ref", "alt"]])
        if check:
            check_assembly(matcher, table, others)
        table = score_variants(model.predict, genome, table, views)
        letters = {name: [*map(ALPHABET.__getitem__, table[name])] for name in ("genome_ref", "genome_alt")}
        table = table.assign(pos=table["start"] + 1, **letters).replace(dict.fromkeys(letters, "N"), "")
        yield table[["chrom", "pos", "id", "ref", "alt", "status", *letters, *SCORES]]


def _scored_pairs(model, table, views):
    return score_pairs(model.predict, table, views.window, len(views.strands) == 2)[["id", "status", *SCORES]]


def _mean_scores(predict, pairs, number):
    """Average over views; both alleles are scored in one go, so that batches are full."""
    scores, views = np.zeros((number, len(SCORES))), 0
    for ref, alt in pairs:
        both = np.asarray(predict(np.concatenate([ref, alt])), np.float64) if number else np.empty(0)
        score_ref, score_alt = both[:number], both[number:]
        differences = effect(score_ref, score_alt), log_odds_effect(score_ref, score_alt)
        scores += np.column_stack([score_ref, score_alt, *differences])
        views += 1
    return scores / views


def _with_scores(table, usable, scores):
    columns = np.full((len(table), len(SCORES)), np.nan)
    columns[usable] = scores
    return table.assign(**dict(zip(SCORES, columns.T)))


def _pair(ref, alt):
    """Codes (2, L) of two sequences that differ at one place at most; a status if they cannot be scored."""
    if len(ref) != len(alt):
        return NOT_SINGLE
    try:
        codes = np.stack([dna.encode(ref), dna.encode(alt)])
    except ValueError:
        return NOT_DNA
    if not codes.size:
        return NOT_DNA
    differing = codes[:, codes[0] != codes[1]]
    return NOT_SINGLE if differing.shape[1] > 1 or dna.N_CODE in differing else codes


def _cut(codes, window):
    """Cut both sequences (2, L) to a window around their difference, or around the middle if there is none."""
    length = codes.shape[1]
    if length <= window:
        left = (window - length) // 2
        return np.pad(codes, ((0, 0), (left, window - length - left)), constant_values=dna.N_CODE)
    differing = np.flatnonzero(codes[0] != codes[1])
    middle = differing[0] if len(differing) else length // 2
    begin = min(max(middle - window // 2, 0), length - window)
    return codes[:, begin : begin + window]
