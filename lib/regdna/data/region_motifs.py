"""The region × TF matrix: how well each of many motifs matches each of many regions."""

from typing import NamedTuple

import numpy as np

from regdna.data import dna, motif_scan
from regdna.data.motifs import log_odds, score_threshold

CHUNK = 512  # regions at a time: memory does not grow with their number
_NOWHERE = -1e9  # what an N in a motif's place adds to its score
_LETTERS = dna.N_CODE + 1


class MotifScanner:
    """Scores of many motifs at once, on both strands.

    A score is the sum of log2-odds against uniform bases. A place that holds an N, or hangs over the region's end, is
    none; a region without a place for a motif has its ``floor``.

    Parameters
    ----------
    motifs : sequence of regdna.worlds.jaspar.Motif, length M
        No probability is 0; at most 40 columns.
    p_value : float, optional
        If given, :meth:`scan` counts the places, of both strands, that score as high as uniform random bases do with
        at most this probability.

    Attributes
    ----------
    motifs : tuple of Motif
    floor : float32 array, shape (M,)
        The lowest score that a motif can have, bits.
    threshold : float32 array, shape (M,), or None
        The scores of the p-value; infinite where even a motif's best match is more probable.

    Raises
    ------
    ValueError
        If there is no motif, one has a probability of 0 or is wider than 40 columns; it is named.
    """

    def __init__(self, motifs, p_value=None):
        self.motifs = tuple(motifs)
        if not self.motifs:
            raise ValueError("no motif to scan for")
        widest = motif_scan.MOST * motif_scan.COLUMNS
        for motif in self.motifs:
            if motif.probabilities.min() <= 0:
                raise ValueError(f"{motif.matrix_id} {motif.name} has a probability of 0; add a pseudocount")
            if len(motif.probabilities) > widest:
                raise ValueError(
                    f"{motif.matrix_id} {motif.name} has {len(motif.probabilities)} columns; at most {widest}"
                )
        weights = [log_odds(motif.probabilities) for motif in self.motifs]
        self.floor = np.array([w.min(axis=1).sum() for w in weights], np.float32)
        self.threshold = None
        if p_value is not None:
            self.threshold = np.array([score_threshold(w, p_value) for w in weights], np.float32)
        # Motifs of like width share a table, so that no short one takes the time of a long one.
        order, half = np.argsort([len(w) for w in weights], kind="stable"), motif_scan.LANES // 2
        self._blocks = [self._block(order[i : i + half], weights) for i in range(0, len(order), half)]
        self._tables = max(len(block.table) for block in self._blocks)

    def _block(self, rows, weights):
        """Make the tables of up to 16 motifs; the second half of the lanes is for their reverse complements."""
        columns, half = motif_scan.COLUMNS, motif_scan.LANES // 2
        tables = -(-max(len(weights[row]) for row in rows) // columns)
        padded = np.zeros((motif_scan.LANES, tables * columns, _LETTERS))
        threshold = np.full(motif_scan.LANES, np.inf, np.float32)
        for lane, row in enumerate(rows):
            for first, strand in ((lane, weights[row]), (half + lane, weights[row][::-1, ::-1])):
                padded[first, : len(strand), : dna.N_CODE] = strand
                padded[first, : len(strand), dna.N_CODE] = _NOWHERE
                threshold[first] = np.inf if self.threshold is None else self.threshold[row]
        table = np.zeros((tables, *[_LETTERS] * columns, motif_scan.LANES))
        for column in range(columns):
            shape = [tables, *[1] * columns, motif_scan.LANES]
            shape[1 + column] = _LETTERS
            table += padded[:, column::columns].transpose(1, 2, 0).reshape(shape)
        table = table.reshape(tables, motif_scan.ROWS, motif_scan.LANES).astype(np.float32)
        return _Block(rows, min(len(weights[row]) for row in rows), table, threshold)

    def scan(self, sequences):
        """Score sequences.

        Parameters
        ----------
        sequences : sequence of uint8 arrays, length N
            Codes, of any lengths.

        Returns
        -------
        best : float32 array, shape (N, M)
            The best score on either strand, bits; ``floor`` where there is no place.
        hits : int32 array, shape (N, M), or None without a p-value
        """
        length = np.array([len(sequence) for sequence in sequences], np.int64)
        starts = int(length.max(initial=0)) + motif_scan.COLUMNS * (self._tables - 1)
        codes = np.full((len(length), starts + motif_scan.COLUMNS), dna.N_CODE, np.uint16)
        for row, sequence in enumerate(sequences):
            codes[row, : len(sequence)] = sequence
        words = codes[:, :starts].copy()
        for column in range(1, motif_scan.COLUMNS):
            words *= _LETTERS
            words += codes[:, column : column + starts]
        best = np.empty((len(length), len(self.motifs)), np.float32)
        hits = None if self.threshold is None else np.empty(best.shape, np.int32)
        lanes = np.empty((len(length), motif_scan.LANES), np.float32)
        counts = np.empty((0 if hits is None else len(length), motif_scan.LANES), np.int32)
        for block in self._blocks:
            places = np.maximum(length - block.narrowest + 1, 0)
            motif_scan.scan(words, places, block.table, block.threshold, lanes, counts)
            forward = slice(len(block.rows))
            reverse = slice(motif_scan.LANES // 2, motif_scan.LANES // 2 + len(block.rows))
            best[:, block.rows] = np.maximum(lanes[:, forward], lanes[:, reverse])
            if hits is not None:
                hits[:, block.rows] = counts[:, forward] + counts[:, reverse]
        np.copyto(best, self.floor, where=best < _NOWHERE / 2)
        return best, hits


class _Block(NamedTuple):
    rows: np.ndarray  # of the scanner's motifs
    narrowest: int
    table: np.ndarray
    threshold: np.ndarray


def best_scores(scanner, sequences):
    """Score sequences that are not in a genome, some hundred at a time.

    Parameters
    ----------
    scanner : MotifScanner
    sequences : regdna.data.sequences.Sequences

    Returns
    -------
    float32 array, shape (N, M)
        As ``best`` of :meth:`MotifScanner.scan`.
    """
    found = np.empty((len(sequences), len(scanner.motifs)), np.float32)
    for first in range(0, len(sequences), CHUNK):
        some = sequences.take(slice(first, first + CHUNK))
        found[first : first + CHUNK], _ = scanner.scan(np.split(some.codes, some.starts[1:]))
    return found


def scan_regions(genome, regions, scanner):
    """Scan regions of a genome, some hundred at a time.

    Parameters
    ----------
    genome : regdna.data.genome.Genome
    regions : pandas.DataFrame
        chrom, start, end (0-based half-open); N rows.
    scanner : MotifScanner

    Yields
    ------
    rows : slice
        Of the regions.
    best, hits
        As from :meth:`MotifScanner.scan`.

    Raises
    ------
    ValueError
        If a region is not in the genome; it is named.
    """
    chrom, start, end = (regions[column].to_numpy() for column in ("chrom", "start", "end"))
    length = {name: len(genome.codes(name)) for name in dict.fromkeys(chrom)}
    wrong = (start < 0) | (end < start) | (end > np.array([length[name] for name in chrom], np.int64))
    if wrong.any():
        at = wrong.argmax()
        name = f"{chrom[at]}:{start[at]}-{end[at]}"
        raise ValueError(
            f"region {at + 1}, {name}, is not in {genome.path.name}: {chrom[at]} has {length[chrom[at]]} bases"
        )
    for first in range(0, len(regions), CHUNK):
        rows = slice(first, min(first + CHUNK, len(regions)))
        places = zip(chrom[rows], start[rows], end[rows])
        yield rows, *scanner.scan([genome.codes(name)[begin:stop] for name, begin, stop in places])


def score_regions(genome, regions, scanner, out=None):
    """Make the region × TF matrix of Mo et al. 2021, of best scores.

    The paper says that the matrix holds "motif binding affinity" and no more; the best log2-odds of either strand is
    our choice.

    Parameters
    ----------
    genome, regions, scanner
        As for :func:`scan_regions`.
    out : float32 array, shape (N, M), optional
        Where to put it, such as ``numpy.lib.format.open_memmap`` makes in a file where memory is too small for it.

    Returns
    -------
    float32 array, shape (N, M)
        ``out``, if given.
    """
    shape = len(regions), len(scanner.motifs)
    out = np.empty(shape, np.float32) if out is None else out
    if out.shape != shape:
        raise ValueError(f"out has the shape {out.shape}; {shape[0]} regions and {shape[1]} motifs need {shape}")
    for rows, best, _ in scan_regions(genome, regions, scanner):
        out[rows] = best
    return out


class Scaling(NamedTuple):
    """What makes the scores of motifs comparable: mean and standard deviation of each, over training regions.

    Attributes
    ----------
    mean, sd : float64 arrays, shape (M,)
        A motif that scores the same everywhere has the sd 1.
    """

    mean: np.ndarray
    sd: np.ndarray

    def apply(self, scores):
        """Turn scores, float array of shape (N, M), into z-scores; float32 array of that shape."""
        return ((scores - self.mean) / self.sd).astype(np.float32)


def fit_scaling(scores, rows):
    """Measure the scores of training regions.

    Parameters
    ----------
    scores : float32 array, shape (N, M)
        May lie in a file.
    rows : int array, shape (training regions,)

    Returns
    -------
    Scaling

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not len(rows):
        raise ValueError("no training region to measure scores on")
    total, square = np.zeros(scores.shape[1]), np.zeros(scores.shape[1])
    center = scores[rows[0]].astype(float)  # keeps the squares small
    for first in range(0, len(rows), CHUNK):
        block = scores[rows[first : first + CHUNK]] - center
        total += block.sum(axis=0)
        square += (block**2).sum(axis=0)
    mean = total / len(rows)
    sd = np.sqrt(np.maximum(square / len(rows) - mean**2, 0))
    return Scaling(center + mean, np.where(sd > 1e-6, sd, 1.0))
