import gzip

import numpy as np
import pandas as pd
import pytest

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.variants import VariantMatcher
from regdna.models.cnn import shallow_cnn
from regdna.training.keras_learner import KerasLearner
from regdna.training.saved import SavedModel
from regdna.training.snp_effects import (
    SCORES,
    Views,
    effect,
    log_odds_effect,
    saturation_effects,
    score_pairs,
    score_variants,
    write_effects,
)

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 4, 2000).astype(np.uint8)
WINDOW = 40


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{dna.decode(CODES)}\n>mirror\n{dna.decode(dna.reverse_complement(CODES))}\n")
    return Genome(path)


@pytest.fixture(scope="module")
def model():
    return SavedModel({"window": WINDOW}, KerasLearner(shallow_cnn(8, WINDOW, seed=3)))


def snvs(number=60, chrom="chr1"):
    start = np.sort(RNG.choice(np.arange(100, 1900), number, replace=False))
    ref = CODES[start]
    alt = (ref + RNG.integers(1, 4, number)) % 4
    letters = [[*map("ACGT".__getitem__, allele)] for allele in (ref, alt)]
    ids = [f"v{i}" for i in range(number)]
    return pd.DataFrame({"chrom": chrom, "start": start, "id": ids, "ref": letters[0], "alt": letters[1]})


def scored(predict, genome, table, views):
    matcher = VariantMatcher(genome, views.before, views.after)
    return score_variants(predict, genome, matcher.match(table), views)


def test_the_papers_effect():
    ref, alt = np.array([0.2, 0.9, 0.5, 0.0]), np.array([0.8, 0.1, 0.5, 0.0])
    np.testing.assert_allclose(effect(ref, alt), [0.6 * 0.8, -0.8 * 0.9, 0, 0])
    assert effect([-0.5], [-0.2]) == 0  # of scores that are no probabilities


def test_log_odds_change_their_sign_with_the_alleles_and_are_finite():
    ref = np.float32([0.2, 1.0, 0.0, 1e-30, 0.7, 0.5])
    alt = np.float32([0.8, 0.0, 1.0, 1e-10, 0.7, 0.25])
    found = log_odds_effect(ref, alt)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(log_odds_effect(alt, ref), -found)
    np.testing.assert_allclose(found[[0, 3, 4, 5]], [np.log(16), 20 * np.log(10), 0, -np.log(3)], rtol=1e-5)
    assert found[2] > 100


@pytest.mark.parametrize("views", [Views(WINDOW), Views(WINDOW, (-10, 0, 7)), Views(WINDOW, both_strands=False)])
def test_exchanged_alleles_change_the_sign(model, genome, views):
    table = snvs()
    there = scored(model.predict, genome, table, views)
    back = VariantMatcher(genome, views.before, views.after).match(table)
    back = back.rename(columns={"genome_ref": "genome_alt", "genome_alt": "genome_ref"})
    back = score_variants(model.predict, genome, back, views)
    np.testing.assert_allclose(back["log_odds"], -there["log_odds"], rtol=0, atol=1e-12)
    assert there["log_odds"].abs().min() > 0


def test_equal_alleles_have_no_effect(model, genome):
    table = snvs()
    table["alt"] = table["ref"]
    found = scored(model.predict, genome, table, Views(WINDOW, (0, 5)))
    assert (found[["effect", "log_odds"]] == 0).all().all()


@pytest.mark.parametrize("offsets", [(0,), (-12, 3)])
def test_both_strands_see_a_variant_and_its_mirror_image_alike(model, genome, offsets):
    table = snvs()
    complement = dict(zip("ACGT", "TGCA"))
    mirrored = table.assign(
        chrom="mirror",
        start=len(CODES) - 1 - table["start"],
        ref=table["ref"].map(complement),
        alt=table["alt"].map(complement),
    )
    views = Views(WINDOW, offsets)
    here, there = (scored(model.predict, genome, each, views) for each in (table, mirrored))
    np.testing.assert_allclose(here[SCORES], there[SCORES], rtol=1e-5, atol=1e-6)
    forward = Views(WINDOW, offsets, both_strands=False)
    here, there = (scored(model.predict, genome, each, forward) for each in (table, mirrored))
    assert not np.allclose(here["log_odds"], there["log_odds"], atol=1e-3)


def test_scores_are_those_of_a_plain_loop(model, genome):
    table = snvs(20)
    found = scored(model.predict, genome, table, Views(WINDOW, (0, 6)))
    for row in found.itertuples():
        scores = []
        for offset in (0, 6):
            for minus in (False, True):
                at = WINDOW // 2 - offset
                begin = row.start - (WINDOW - 1 - at if minus else at)
                pair = []
                for letter in (row.ref, row.alt):
                    changed = CODES.copy()
                    changed[row.start] = "ACGT".index(letter)
                    window = changed[begin : begin + WINDOW]
                    pair.append(dna.reverse_complement(window) if minus else window)
                scores.append(model.learner.network.predict(np.stack(pair), verbose=0)[:, 0])
        ref, alt = np.mean(scores, axis=0)
        assert (row.score_ref, row.score_alt) == pytest.approx((ref, alt), abs=1e-6)
        assert row.effect == pytest.approx(np.mean([effect(*pair) for pair in scores]), abs=1e-6)
        assert row.log_odds == pytest.approx(np.mean([log_odds_effect(*pair) for pair in scores]), abs=1e-5)


def test_a_window_must_hold_its_variant():
    assert (Views(40, (0,), False).before, Views(40, (0,), False).after) == (20, 19)
    assert (Views(40).before, Views(40).after) == (20, 20)
    assert (Views(40, (20, -19)).before, Views(40, (20, -19)).after) == (39, 39)
    for offsets in ((21,), (-20,), ()):
        with pytest.raises(ValueError, match="must hold its variant"):
            Views(40, offsets)


def test_what_has_no_status_to_be_scored_has_no_score(model, genome):
    table = pd.concat([snvs(3), pd.DataFrame({"chrom": ["x"], "start": 5, "id": ".", "ref": "A", "alt": "C"})])
    found = scored(model.predict, genome, table, Views(WINDOW))
    assert found[SCORES].notna().all(axis=1).tolist() == [True] * 3 + [False]
    none = scored(model.predict, genome, table[3:], Views(WINDOW))
    assert none[SCORES].isna().all().all()


def pairs_of(*rows):
    return pd.DataFrame([(f"p{i}", *row) for i, row in enumerate(rows)], columns=["id", "ref_sequence", "alt_sequence"])


def test_pairs_of_sequences(model):
    long = dna.decode(CODES[:100])
    table = pairs_of(
        ("ACGT" * 10, "ACGT" * 9 + "ACGA"),
        ("acgtn", "acctn"),
        (long, long[:2] + ("A" if long[2] != "A" else "C") + long[3:]),
        (long, long),
        ("ACGT", "ACG"),
        ("ACGT", "AGCT"),
        ("ACGU", "ACGT"),
        ("", ""),
    )
    found = score_pairs(model.predict, table, WINDOW, both_strands=False)
    assert found["status"].tolist() == ["match"] * 4 + ["not an SNV"] * 2 + ["not DNA"] * 2
    assert found["log_odds"].iloc[3] == 0 and found[SCORES].iloc[4:].isna().all().all()
    windows = np.stack([dna.encode(table.loc[0, name]) for name in ("ref_sequence", "alt_sequence")])
    np.testing.assert_allclose(
        found.loc[0, ["score_ref", "score_alt"]].astype(float), model.predict(windows), atol=1e-7
    )
    padded = np.full((1, WINDOW), 4, np.uint8)
    padded[0, 17:22] = dna.encode("acgtn")
    assert found.loc[1, "score_ref"] == pytest.approx(model.predict(padded)[0], abs=1e-7)
    assert found.loc[2, "score_ref"] == pytest.approx(model.predict(CODES[None, :WINDOW])[0], abs=1e-7)


@pytest.mark.parametrize("length", [WINDOW, WINDOW + 1, WINDOW + 31, WINDOW - 1, WINDOW - 6])
def test_pairs_and_their_mirror_images_are_seen_alike(model, length):
    rng = np.random.default_rng(length)
    sequences = rng.integers(0, 4, (30, length)).astype(np.uint8)
    changed = sequences.copy()
    at = rng.integers(0, length, 30)
    changed[np.arange(30), at] = (changed[np.arange(30), at] + 1) % 4
    there = [dna.reverse_complement(codes) for codes in (sequences, changed)]
    tables = [pairs_of(*zip(*([*map(dna.decode, part)] for part in both))) for both in ((sequences, changed), there)]
    here, mirrored = (score_pairs(model.predict, table, WINDOW) for table in tables)
    np.testing.assert_allclose(here[SCORES], mirrored[SCORES], rtol=1e-5, atol=1e-6)
    forward = score_pairs(model.predict, tables[0], WINDOW, both_strands=False)
    assert not np.allclose(here["log_odds"], forward["log_odds"], atol=1e-4)
    assert (here["log_odds"] != 0).mean() > 0.9  # the difference is in every window, if not in every best match


def test_a_long_pair_is_cut_around_its_difference(model):
    ref = dna.decode(CODES[:101])
    alt = ref[:60] + ("A" if ref[60] != "A" else "C") + ref[61:]
    found = score_pairs(model.predict, pairs_of((ref, alt)), WINDOW, both_strands=False)
    assert found["score_ref"][0] == pytest.approx(model.predict(CODES[None, 40:80])[0], abs=1e-7)


def test_unknown_bases_can_stand_beside_a_difference_but_not_in_it(model):
    table = pairs_of(("ANGT", "ANGC"), ("ACGN", "ACGT"), ("ACGT", "ACGR"))
    assert score_pairs(model.predict, table, WINDOW)["status"].tolist() == ["match", "not an SNV", "not an SNV"]


def test_every_variant_of_a_window(model):
    codes = CODES[50 : 50 + WINDOW]
    for both_strands in (False, True):
        found = saturation_effects(model.predict, codes, both_strands)
        assert found.shape == (WINDOW, 4) and (found[np.arange(WINDOW), codes] == 0).all()
        for place, base in ((0, 1), (20, 2), (39, 3)):
            changed = codes.copy()
            changed[place] = base
            scores = [model.predict(np.stack([codes, changed]))]
            if both_strands:
                scores.append(model.predict(dna.reverse_complement(np.stack([codes, changed]))))
            expected = np.mean([log_odds_effect(*pair) for pair in scores])
            assert found[place, base] == pytest.approx(expected, abs=1e-5)


def test_pairs_agree_with_the_genome(model, genome):
    table = snvs(10)
    start = table["start"].to_numpy()
    sequences = [CODES[at - 20 : at + 20] for at in start]
    changed = [np.concatenate([s[:20], [dna.encode(alt)[0]], s[21:]]) for s, alt in zip(sequences, table["alt"])]
    pairs = pairs_of(*zip(map(dna.decode, sequences), map(dna.decode, changed)))
    here = score_pairs(model.predict, pairs, WINDOW, both_strands=False)
    there = scored(model.predict, genome, table, Views(WINDOW, both_strands=False))
    np.testing.assert_allclose(here[SCORES], there[SCORES], rtol=1e-6, atol=1e-7)


class TestFile:
    def write(self, folder, table):
        path = folder / "variants.tsv"
        table.assign(pos=table["start"] + 1).drop(columns="start").to_csv(path, sep="\t", index=False)
        return path

    def test_every_record_is_a_row(self, model, genome, tmp_path, monkeypatch):
        monkeypatch.setattr("regdna.training.snp_effects.CHUNK", 7)
        table = snvs(30)
        table.loc[3, "alt"] = "*"
        table.loc[5, ["ref", "alt"]] = table.loc[5, ["alt", "ref"]].to_numpy()
        path, output = self.write(tmp_path, pd.concat([table, table[:1]])), tmp_path / "out.tsv"
        counts = write_effects(model, path, output, genome)
        assert counts.to_dict() == {"match": 28, "not an SNV": 1, "swapped": 1, "duplicate": 1}
        found = pd.read_csv(output, sep="\t", keep_default_na=False, na_values={name: [""] for name in SCORES})
        assert found["id"].tolist() == [*table["id"], "v0"]
        assert (found["pos"] == [*table["start"] + 1, table["start"][0] + 1]).all()
        assert found.loc[5, ["genome_ref", "genome_alt"]].tolist() == table.loc[5, ["alt", "ref"]].tolist()
        assert found.loc[3, ["genome_ref", "genome_alt"]].tolist() == ["", ""] and np.isnan(found.loc[3, "effect"])
        whole = scored(model.predict, genome, table, Views(WINDOW))
        np.testing.assert_allclose(found[SCORES][:30], whole[SCORES], rtol=2e-5, equal_nan=True)

    def test_pairs(self, model, tmp_path):
        path, output = tmp_path / "pairs.fa", tmp_path / "out.tsv"
        path.write_text(">a|ref\nACGTT\n>a|alt\nACCTT\n>b|ref\nA\n>b|alt\nAC\n")
        counts = write_effects(model, path, output)
        assert counts.to_dict() == {"match": 1, "not an SNV": 1}
        lines = output.read_text().splitlines()
        assert lines[0].split("\t") == ["id", "status", *SCORES] and lines[2] == "b\tnot an SNV\t\t\t\t"

    def test_on_an_error_nothing_is_written(self, model, genome, tmp_path):
        shifted = snvs(100)
        path, output = self.write(tmp_path, shifted.assign(start=shifted["start"] + 7)), tmp_path / "out.tsv"
        with pytest.raises(ValueError, match="another assembly"):
            write_effects(model, path, output, genome)
        assert [p.name for p in tmp_path.iterdir()] == ["variants.tsv"]
        counts = write_effects(model, path, output, genome, check=False)
        assert counts.sum() == 100 and len(output.read_text().splitlines()) == 101

    def test_nothing_that_is_read_is_overwritten(self, model, genome, tmp_path):
        path = self.write(tmp_path, snvs(5))
        before = path.read_text()
        for output in (path, genome.path):
            with pytest.raises(ValueError, match="is read and would be overwritten"):
                write_effects(model, path, output, genome)
        with pytest.raises(ValueError, match="is a folder; the output is a file"):
            write_effects(model, path, tmp_path, genome)
        assert path.read_text() == before

    def test_gzipped_output_and_names_as_given(self, model, genome, tmp_path):
        table = snvs(3)
        table["id"] = ['"a"b', "it's", "a,b"]
        path = tmp_path / "v.tsv"
        rows = zip(table["start"] + 1, table["id"], table["ref"], table["alt"])
        path.write_text("chr\tpos\tid\tref\talt\n" + "".join(f"chr1\t{p}\t{i}\t{r}\t{a}\n" for p, i, r, a in rows))
        write_effects(model, path, tmp_path / "out.tsv", genome)
        write_effects(model, path, tmp_path / "out.tsv.gz", genome)
        text = (tmp_path / "out.tsv").read_text()
        assert gzip.decompress((tmp_path / "out.tsv.gz").read_bytes()).decode() == text
        assert [line.split("\t")[2] for line in text.splitlines()] == ["id", *table["id"]]

    def test_that_nothing_could_be_scored_is_said(self, model, genome, tmp_path, caplog):
        path = self.write(tmp_path, snvs(3).assign(alt="*"))
        write_effects(model, path, tmp_path / "out.tsv", genome)
        assert "none of its variants could be scored" in caplog.text

    def test_no_variant(self, model, genome, tmp_path):
        path = tmp_path / "v.tsv"
        path.write_text("chr\tpos\tref\talt\n")
        with pytest.raises(ValueError, match="holds no variant"):
            write_effects(model, path, tmp_path / "out.tsv", genome)
