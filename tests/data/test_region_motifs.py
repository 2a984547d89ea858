import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regdna.data import dna, motif_scan, region_motifs
from regdna.data.genome import Genome
from regdna.data.region_motifs import MotifScanner, best_scores, fit_scaling, scan_regions, score_regions
from regdna.data.sequences import Sequences
from regdna.worlds.jaspar import Motif, fetch_all


def motif(width, seed=0):
    probabilities = np.random.default_rng(seed).dirichlet([0.5] * 4, width) * 0.98 + 0.005
    return Motif(f"M{width}", f"MX{width}", probabilities)


MOTIFS = [motif(width, seed) for seed, width in enumerate((6, 1, 5, 11, 40, 10, *range(2, 21)))]


def places(sequence, matrix):
    """Every score of both strands; a place with an N has none."""
    weights, found = np.log2(matrix / 0.25), []
    for strand in (sequence, sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))):
        for at in range(len(strand) - len(weights) + 1):
            word = strand[at : at + len(weights)]
            if "N" not in word:
                found.append(sum(row["ACGT".index(base)] for row, base in zip(weights, word)))
    return np.array(found)


@settings(max_examples=25)
@given(st.lists(st.text("ACGTACGTN", max_size=60), min_size=1, max_size=6))
def test_against_every_place_and_strand(sequences):
    scanner = MotifScanner(MOTIFS, p_value=0.01)
    best, hits = scanner.scan([dna.encode(sequence) for sequence in sequences])
    assert best.dtype == np.float32 and hits.dtype == np.int32 and best.shape == (len(sequences), len(MOTIFS))
    for row, sequence in enumerate(sequences):
        for column, wanted in enumerate(MOTIFS):
            scores = places(sequence, wanted.probabilities)
            expected = scores.max() if len(scores) else np.log2(wanted.probabilities / 0.25).min(axis=1).sum()
            assert best[row, column] == pytest.approx(expected, abs=1e-4)
            threshold, near = scanner.threshold[column], 1e-4
            low, high = (scores >= threshold + near).sum(), (scores >= threshold - near).sum()
            assert low <= hits[row, column] <= high


def test_hits_of_both_strands_are_counted():
    sequence = "".join(np.random.default_rng(5).choice(list("ACGT"), 400))
    scanner = MotifScanner(MOTIFS[:6], p_value=0.02)
    _, hits = scanner.scan([dna.encode(sequence)])
    expected = [(places(sequence, m.probabilities) >= t).sum() for m, t in zip(MOTIFS, scanner.threshold)]
    forward = [
        (places(sequence, m.probabilities)[: 401 - len(m.probabilities)] >= t).sum()
        for m, t in zip(MOTIFS, scanner.threshold)
    ]
    assert hits[0].tolist() == expected and all(0 < f < n for f, n in zip(forward, expected) if n)
    assert sum(expected) == pytest.approx(0.02 * 2 * 400 * 5, rel=0.5) and expected[1] == 0  # no base is that rare


def test_a_region_without_a_place_has_the_floor():
    scanner = MotifScanner([motif(6), motif(12)])
    assert scanner.floor[1] == pytest.approx(np.log2(motif(12).probabilities / 0.25).min(axis=1).sum(), abs=1e-4)
    best, hits = scanner.scan([dna.encode("ACGTACGT"), dna.encode("NNNNNNNNNNNNNN"), dna.encode("")])
    assert hits is None
    assert best[0, 0] > scanner.floor[0] and best[0, 1] == scanner.floor[1]
    assert (best[1:] == scanner.floor).all()
    assert scanner.scan([])[0].shape == (0, 2)


def test_sequences_in_chunks(monkeypatch):
    scanner = MotifScanner(MOTIFS[:3])
    rng = np.random.default_rng(2)
    strings = ["".join(rng.choice(list("ACGTN"), length)) for length in (30, 5, 80, 41, 7)]
    monkeypatch.setattr(region_motifs, "CHUNK", 2)
    found = best_scores(scanner, Sequences.of(strings))
    assert found.tolist() == scanner.scan([dna.encode(string) for string in strings])[0].tolist()
    assert best_scores(scanner, Sequences.of([])).shape == (0, 3)


def test_scores_do_not_depend_on_the_neighbors():
    """Neither on the other regions of a chunk nor on the other motifs of a table."""
    rng = np.random.default_rng(1)
    sequences = [rng.integers(0, 5, length).astype(np.uint8) for length in (5, 300, 41, 40, 700)]
    together = MotifScanner(MOTIFS).scan(sequences)[0]
    for row, sequence in enumerate(sequences):
        assert (MotifScanner(MOTIFS).scan([sequence])[0][0] == together[row]).all()
    alone = np.column_stack([MotifScanner([wanted]).scan(sequences)[0] for wanted in MOTIFS])
    assert (alone == together).all()


def test_the_paper_scans_for_579_matrices():
    motifs = fetch_all("JASPAR2018")
    assert len(motifs) == 579
    scanner = MotifScanner(motifs)
    assert scanner.floor.shape == (579,) and scanner.scan([dna.encode("ACGT" * 20)])[0].max() > 5


def test_motifs_that_cannot_be_scanned_for():
    with pytest.raises(ValueError, match="no motif"):
        MotifScanner([])
    with pytest.raises(ValueError, match="MX41 M41 has 41 columns; at most 40"):
        MotifScanner([motif(5), motif(41)])
    sure = Motif("S", "MS", np.eye(4))
    with pytest.raises(ValueError, match="MS S has a probability of 0"):
        MotifScanner([sure])
    with pytest.raises(ValueError, match="p_value is 2"):
        MotifScanner([motif(5)], p_value=2)


def test_the_compiled_loop_refuses_arrays_that_do_not_fit():
    def arrays(n=2, words=12, tables=2, lanes=32, hits=2):
        f = np.float32
        table = np.zeros((tables, motif_scan.ROWS, lanes), f)
        words = np.zeros((n, words), np.uint16)
        return words, np.full(2, 7), table, np.zeros(32, f), np.zeros((2, 32), f), np.zeros((hits, 32), np.int32)

    motif_scan.scan(*arrays())
    motif_scan.scan(*arrays(hits=0))
    for wrong in ({"n": 3}, {"words": 11}, {"tables": 9}, {"tables": 0}, {"lanes": 16}, {"hits": 1}):
        with pytest.raises(ValueError, match="shapes"):
            motif_scan.scan(*arrays(**wrong))


class TestRegions:
    @pytest.fixture
    def genome(self, tmp_path):
        rng = np.random.default_rng(2)
        text = {
            name: dna.decode(rng.integers(0, 4, length).astype(np.uint8)) for name, length in (("a", 900), ("b", 50))
        }
        (tmp_path / "g.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in text.items()))
        return Genome(tmp_path / "g.fa")

    def regions(self, *rows):
        return pd.DataFrame(rows, columns=["chrom", "start", "end"])

    def test_in_chunks_as_at_once(self, genome, monkeypatch):
        regions = self.regions(("a", 10, 300), ("b", 0, 50), ("a", 899, 900), ("a", 0, 0), ("a", 500, 900))
        scanner = MotifScanner(MOTIFS, p_value=0.01)
        expected = scanner.scan([genome.codes(c)[s:e] for c, s, e in regions.itertuples(index=False)])
        monkeypatch.setattr(region_motifs, "CHUNK", 2)
        assert (score_regions(genome, regions, scanner) == expected[0]).all()
        parts = list(scan_regions(genome, regions, scanner))
        assert [part[0] for part in parts] == [slice(0, 2), slice(2, 4), slice(4, 5)]
        assert (np.concatenate([part[2] for part in parts]) == expected[1]).all()

    def test_into_a_file(self, genome, tmp_path):
        regions, scanner = self.regions(("a", 10, 300), ("b", 0, 50)), MotifScanner(MOTIFS)
        shape = (2, len(MOTIFS))
        out = np.lib.format.open_memmap(tmp_path / "scores.npy", "w+", np.float32, shape)
        assert score_regions(genome, regions, scanner, out) is out
        assert (np.load(tmp_path / "scores.npy") == score_regions(genome, regions, scanner)).all()
        with pytest.raises(ValueError, match=r"out has the shape \(2, 25\); 1 regions and 25 motifs need \(1, 25\)"):
            score_regions(genome, regions[:1], scanner, out)

    @pytest.mark.parametrize("row", [("b", 0, 51), ("b", -1, 5), ("b", 9, 8)])
    def test_a_region_beyond_its_chromosome(self, genome, row):
        name = f"b:{row[1]}-{row[2]}"
        with pytest.raises(ValueError, match=rf"region 2, {name}, is not in g\.fa: b has 50 bases"):
            score_regions(genome, self.regions(("a", 0, 9), row), MotifScanner(MOTIFS))

    def test_memory_is_flat_in_the_number_of_regions(self, genome):
        scanner, peak = MotifScanner(MOTIFS), {}
        for number in (600, 6000):
            regions = pd.concat([self.regions(("a", 0, 300))] * number, ignore_index=True)
            tracemalloc.start()
            for _ in scan_regions(genome, regions, scanner):
                pass
            peak[number] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak[6000] < 1.3 * peak[600]


class TestScaling:
    def test_training_regions_have_mean_0_and_sd_1(self, monkeypatch):
        monkeypatch.setattr(region_motifs, "CHUNK", 7)
        scores = (np.random.default_rng(3).normal(1000, 2, (60, 5))).astype(np.float32)
        rows = np.arange(0, 60, 3)
        scaling = fit_scaling(scores, rows)
        z = scaling.apply(scores)
        assert z.dtype == np.float32
        np.testing.assert_allclose(scaling.mean, scores[rows].astype(float).mean(axis=0))
        np.testing.assert_allclose(scaling.sd, scores[rows].astype(float).std(axis=0), rtol=1e-5)
        np.testing.assert_allclose(z[rows].mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(z[rows].std(axis=0), 1, atol=1e-4)

    def test_a_constant_motif_and_no_rows(self):
        scaling = fit_scaling(np.full((4, 2), 3.0, np.float32), np.arange(4))
        assert scaling.sd.tolist() == [1, 1] and not scaling.apply(np.full((4, 2), 3.0)).any()
        with pytest.raises(ValueError, match="no training region"):
            fit_scaling(np.zeros((4, 2), np.float32), [])
