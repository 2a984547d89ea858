import numpy as np
import pandas as pd
import pytest
import torch

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.kmers import kmer_frequencies
from regdna.data.sequences import Sequences
from regdna.models.genebert import GeneBERT
from regdna.training import disease_risk as module
from regdna.training.disease_risk import person_vectors, predict_risk, split_people, variant_vectors
from regdna.training.embedding import embed_kmers
from regdna.training.genebert_plans import genebert_plan
from regdna.training.metrics import auroc
from regdna.worlds.writers import write_fasta

RNG = np.random.default_rng(0)
WIDTH = 31
START = np.array([40, 100, 170, 260])


@pytest.fixture
def genome(tmp_path):
    write_fasta(tmp_path / "g.fa", {"chr1": RNG.integers(0, 4, 400).astype(np.uint8)})
    return Genome(tmp_path / "g.fa")


@pytest.fixture
def variants(genome):
    ref = genome.codes("chr1")[START]
    table = {"genome_chrom": "chr1", "start": START, "genome_ref": ref, "genome_alt": (ref + 1) % 4}
    return pd.DataFrame(table)


def both_strands(embed, codes):
    """Mean over strands of the vectors of windows (N, L)."""
    return np.mean([embed(Sequences.of_rows(strand)) for strand in (codes, dna.reverse_complement(codes))], axis=0)


def genebert():
    torch.manual_seed(0)
    return GeneBERT(genebert_plan("genebert-mini").network).eval()


@pytest.mark.parametrize("network", ["genebert", "kmers"])
def test_it_is_as_if_both_copies_of_every_window_were_read(genome, variants, network):
    """The mean over a person's windows and copies, read one by one, is the common part and the person's vector."""
    model = genebert() if network == "genebert" else None
    embed = (lambda s: embed_kmers(model, s)) if model else (lambda s: kmer_frequencies(s, 3))
    dosages = RNG.integers(0, 3, (len(START), 5)).astype(np.float32)
    vectors = variant_vectors(variants, genome, embed, WIDTH)
    people = person_vectors(dosages, vectors)
    reference = genome.windows("chr1", START - WIDTH // 2, WIDTH)
    common = both_strands(embed, reference).mean(0)
    for person in range(5):
        copies = []
        for copy in (
            1,
            2,
        ):  # the first copy carries the allele where the dosage is at least 1, the second where it is 2
            own = reference.copy()
            carried = dosages[:, person] >= copy
            own[carried, WIDTH // 2] = variants["genome_alt"][carried]
            copies.append(both_strands(embed, own))
        np.testing.assert_allclose(np.concatenate(copies).mean(0), common + people[person], atol=1e-6)
    assert np.abs(people).max() > 1e-4


def test_missing_dosages_move_nobody_but_to_the_mean(genome, variants):
    vectors = RNG.normal(size=(4, 6))
    dosages = np.array([[0, 1, 2], [1, 1, 1], [2, 0, 1], [0, 0, 0]], float)
    people = person_vectors(dosages, vectors)
    np.testing.assert_allclose(people[1], (vectors[0] + vectors[1]) / 8, atol=1e-7)
    assert people.shape == (3, 6) and people.dtype == np.float32


def test_people_are_parted_by_status():
    status = np.repeat([0, 1], [150, 50])
    parts = split_people(status, 3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(200))
    assert [len(part) for part in parts] == [120, 40, 40]
    assert [int(status[part].sum()) for part in parts] == [30, 10, 10]
    assert not np.array_equal(parts[2], split_people(status, 4)[2])
    np.testing.assert_array_equal(parts[0], split_people(status, 3)[0])
    with pytest.raises(ValueError, match="9 cases and 91 controls; at least 10 of each"):
        split_people(np.repeat([0, 1], [91, 9]))


def made(noise, number=600):
    """Vectors whose third channel, of a hundredth of the others' scale, raises the risk."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(number, 12))
    status = (features[:, 2] + noise * rng.normal(size=number) > 0).astype(int)
    features[:, 2] /= 100
    return features, status


def test_risk_is_found_and_so_is_its_direction():
    features, status = made(0.3)
    risk = predict_risk(features, status)
    known = auroc(status[risk.test], features[risk.test, 2])  # of one who knows what the cause is
    assert known > 0.9 and known - 0.03 < risk.scores["auroc"] <= 1
    assert risk.scores["aupr"] > 0.85 and risk.scores["accuracy"] > 0.7
    assert risk.direction.shape == (12,) and np.argmax(np.abs(risk.direction)) == 2 and risk.direction[2] > 0
    assert risk.strength in module.STRENGTHS and len(risk.probabilities) == len(risk.test) == 120
    order = np.argsort(features[risk.test] @ risk.direction)
    assert (np.diff(risk.probabilities[order]) >= -1e-9).all()


def test_there_is_nothing_where_nothing_is():
    features, status = made(0.3)
    shuffled = np.random.default_rng(2).permutation(status)
    assert np.mean([predict_risk(features, shuffled, seed).scores["auroc"] for seed in range(5)]) < 0.6


def test_test_people_choose_nothing():
    """Whatever becomes of the test people, the same penalty and the same direction."""
    features, status = made(2.0)
    one = predict_risk(features, status)
    other_features = features.copy()
    other_features[one.test] = 0
    other = predict_risk(other_features, status)
    assert one.strength == other.strength
    np.testing.assert_array_equal(one.direction, other.direction)
    assert other.scores["auroc"] == 0.5


def test_a_channel_that_never_changes_does_no_harm():
    features, status = made(0.3)
    features[:, 5] = 7.0
    risk = predict_risk(features, status)
    assert risk.scores["auroc"] > 0.9 and risk.direction[5] == 0
