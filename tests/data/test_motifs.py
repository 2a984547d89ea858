import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data import dna
from regdna.data.motifs import best_scores, log_odds

MATRIX = np.array([[0.5, 0.25, 0.125, 0.125], [0.125, 0.125, 0.125, 0.625], [0.25, 0.25, 0.25, 0.25]])


def test_log_odds_exact():
    assert log_odds(MATRIX)[0].tolist() == [1.0, 0.0, -1.0, -1.0]
    assert log_odds(MATRIX)[2].tolist() == [0.0, 0.0, 0.0, 0.0]


@given(st.lists(st.text("ACGTN", min_size=9, max_size=9), min_size=1, max_size=5))
def test_best_scores_against_every_place_and_strand(sequences):
    weights = np.log2(MATRIX / 0.25)
    expected = []
    for sequence in sequences:
        turned = sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))
        expected.append(
            max(
                sum(-2.0 if base == "N" else row["ACGT".index(base)] for row, base in zip(weights, strand[at : at + 3]))
                for strand in (sequence, turned)
                for at in range(len(sequence) - 2)
            )
        )
    scores = best_scores(np.stack([dna.encode(sequence) for sequence in sequences]), MATRIX)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(expected, abs=1e-5)


def test_both_strands_score_alike():
    codes = np.random.default_rng(1).integers(0, 5, (50, 30)).astype(np.uint8)
    assert best_scores(codes, MATRIX) == pytest.approx(best_scores(dna.reverse_complement(codes), MATRIX))


def test_sequences_shorter_than_the_motif():
    assert best_scores(dna.encode("ATA")[None], MATRIX).shape == (1,)
    with pytest.raises(ValueError, match="sequences of 2 bases are shorter than the motif of 3"):
        best_scores(dna.encode("AT")[None], MATRIX)
