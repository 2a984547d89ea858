import numpy as np
import pytest

from regdna.data import dna
from regdna.data.gene_models import read_gene_models
from regdna.data.genome import Genome
from regdna.data.splice_windows import KINDS, cut
from regdna.report import splice_tables
from regdna.report.splice_tables import ALONE, rule_scores, strength_table, transcripts
from regdna.training.metrics import site_scores
from regdna.worlds.genes import exon_bits, site_strengths


@pytest.fixture(scope="module")
def blocks(tiny_world):
    genome = Genome(tiny_world.genome_path("hg38"))
    models = read_gene_models(tiny_world.genes_path, genome)
    return cut(models, genome, np.arange(len(models)), 300)


def test_whole_transcripts(blocks):
    genes = list(transcripts(blocks))
    assert [gene for gene, _, _ in genes] == sorted(set(blocks.gene.tolist()))
    assert sum(len(labels) for _, _, labels in genes) == (blocks.labels >= 0).sum()
    for _, codes, labels in genes:
        letters = dna.decode(codes)
        assert len(codes) == len(labels)
        assert all(letters[at + 1 : at + 3] == "GT" for at in np.flatnonzero(labels == KINDS["donor"]))
        assert all(letters[at - 2 : at] == "AG" for at in np.flatnonzero(labels == KINDS["acceptor"]))


def test_strengths(blocks):
    table = strength_table(blocks)
    for kind, label in KINDS.items():
        here = table[table["kind"] == kind]
        assert here["site"].sum() == (blocks.labels == label).sum() > 0
        assert here.loc[here["site"], "strength"].mean() > here.loc[~here["site"], "strength"].mean() + 3
    assert len(table) > 20 * table["site"].sum() and np.isfinite(table["strength"]).all()


def test_without_a_partner_in_sight_the_rule_is_the_strength(blocks, tiny_world):
    settings = tiny_world.description["simulation"]["genes"]
    scores = rule_scores(blocks, settings, [80, 400, 2000]).set_index("context")
    labels, bits = [], []
    for _, codes, label in transcripts(blocks):
        donors, acceptors = (np.nan_to_num(part, neginf=-1000) for part in site_strengths(codes))
        labels.append(label)
        bits.append(np.stack([donors, acceptors, donors], 1))
    alone = site_scores(np.concatenate(labels), np.concatenate(bits), KINDS)
    assert scores.loc[80].to_dict() == pytest.approx(alone)
    assert scores.loc[80, "aupr"] + 0.05 < scores.loc[400, "aupr"] <= scores.loc[2000, "aupr"] + 0.02


def test_a_partner_by_hand():
    """One acceptor and one donor: each gets the other's bits and the exon's, if it is in sight."""
    exon = {"mode": 120, "spread": 0.35, "range": [50, 300]}
    codes = dna.encode("C" * 60 + "TTTTTTTTTTTTCAGGT" + "C" * 100 + "AAGGTAAGT" + "C" * 60)
    bits = site_strengths(codes)
    acceptor, donor = 75, 60 + 17 + 100 + 2
    assert np.isfinite(bits[1][acceptor]) and np.isfinite(bits[0][donor])
    length = exon_bits([donor - acceptor + 1], exon)[0]
    both = length + bits[0][donor], length + bits[1][acceptor]
    # Half a context of 200 bases less the partner's own matrix: exons of up to 195 and 186 bases are in sight.
    for half, partners, sights in ((200, both, (195, 186)), (100, (-np.inf, -np.inf), (95, 86))):
        scores = splice_tables._seen(codes, exon, half)
        longer = [np.log2(np.exp2(exon_bits(np.arange(sight + 1, 301), exon)).sum()) for sight in sights]
        ends = [np.log2(sum(np.exp2(part) for part in parts)) for parts in zip(partners, longer, (ALONE, ALONE))]
        assert scores[acceptor, 1] == pytest.approx(bits[1][acceptor] + ends[0])
        assert scores[donor, 2] == pytest.approx(bits[0][donor] + ends[1])
    assert scores[0, 1] < bits[1][acceptor] - 100
