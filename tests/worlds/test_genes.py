import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data import dna
from regdna.worlds.catalogue import open_world
from regdna.worlds.genes import exon_bits, simulate_genes, site_strengths, splice
from regdna.worlds.writers import write_gtf

SETTINGS = {
    "per_mb": 100,
    "length": [300, 900],
    "exon": {"mode": 40, "spread": 0.4, "range": [15, 90]},
    "end": [10, 60],
    "intron": {"least": 20, "mean": 30},
}


def strengths_one_by_one(codes):
    """Bits of each position, letter by letter, from the percentages of the paper's table."""
    donor = {"A": "38 62 12 0 0 71 73 11 21", "C": "31 10 4 0 0 2 6 6 10"}
    donor |= {"G": "18 12 77 100 0 24 8 75 14", "T": "13 16 7 0 100 3 13 8 55"}
    table = {base: [int(n) for n in row.split()] for base, row in donor.items()}
    letters, scores = dna.decode(codes), []
    for at in range(len(letters)):
        window = letters[at - 2 : at + 7] if at >= 2 else ""
        shares = [table[base][i] / 100 if base != "N" else 0 for i, base in enumerate(window)]
        scores.append(sum(np.log2(4 * s) for s in shares) if len(shares) == 9 and all(shares) else -np.inf)
    return scores


class TestStrengths:
    def test_the_consensus_is_the_strongest(self):
        codes = dna.encode("CCCC" + "AAGGTAAGT" + "CCCCCC" + "TTTTTTTTTTTTCAGGT" + "CC")
        donors, acceptors = site_strengths(codes)
        assert donors.argmax() == 6 and donors.max() == pytest.approx(13.31, abs=0.01)
        assert acceptors.argmax() == 19 + 15 and np.isfinite(acceptors).sum() == 1

    @given(st.lists(st.integers(0, 4), max_size=60).map(lambda codes: np.array(codes, np.uint8)))
    def test_letter_by_letter(self, codes):
        np.testing.assert_allclose(site_strengths(codes)[0], strengths_one_by_one(codes))

    def test_a_site_needs_gt_or_ag(self):
        codes = np.random.default_rng(0).integers(0, 4, 5000).astype(np.uint8)
        letters, (donors, acceptors) = dna.decode(codes), site_strengths(codes)
        for at in range(20, 4980):
            assert np.isfinite(donors[at]) == (letters[at + 1 : at + 3] == "GT")
            assert np.isfinite(acceptors[at]) == (letters[at - 2 : at] == "AG")


def score(codes, donors, acceptors, settings):
    """Score a transcript from its definition; minus infinity if it is none."""
    bits = site_strengths(codes)
    donors, acceptors = np.array(donors, int), np.array(acceptors, int)
    exons = np.r_[donors, len(codes) - 1] + 1 - np.r_[0, acceptors]
    introns = acceptors - donors - 1
    low, high = settings["end"]
    mean, least = settings["intron"]["mean"], settings["intron"]["least"]
    if not low <= exons[0] <= high or not low <= exons[-1] <= high or (introns < least).any():
        return -np.inf
    lengths = np.log2(np.exp(-(introns - least) / mean) / mean).sum() + exon_bits(exons[1:-1], settings["exon"]).sum()
    return bits[0][donors].sum() + bits[1][acceptors].sum() + lengths


def best_by_trying(codes, settings):
    donors, acceptors = (np.flatnonzero(np.isfinite(bits)).tolist() for bits in site_strengths(codes))
    best, way = -np.inf, ([], [])
    for number in (1, 2):  # a third intron has no room
        for some in itertools.combinations(donors, number):
            for others in itertools.combinations(acceptors, number):
                ordered = [at for pair in zip(some, others) for at in pair]
                if ordered == sorted(ordered) and (found := score(codes, some, others, settings)) > best:
                    best, way = found, (some, others)
    return best, way


class TestSplice:
    @pytest.mark.parametrize("seed", range(30))
    def test_no_other_way_is_better(self, seed):
        rng = np.random.default_rng(seed)
        codes = rng.choice(4, 109, p=[0.22, 0.16, 0.34, 0.28]).astype(np.uint8)
        best, way = best_by_trying(codes, SETTINGS)
        found = splice(codes, SETTINGS)
        assert [part.tolist() for part in found] == [list(part) for part in way]
        if way[0]:
            assert score(codes, *found, SETTINGS) == pytest.approx(best)

    def test_no_site_no_way(self):
        assert [part.tolist() for part in splice(np.zeros(400, np.uint8), SETTINGS)] == [[], []]

    def test_a_strong_site_without_a_partner_is_passed_over(self):
        """An intron needs both its ends, and an exon a length."""
        exon, donor, acceptor = "CTCACC" * 7, "CAGGTAAGT", "TTTTTTTTTTTTCAGGT"
        gene = exon + donor + "CACACA" * 5 + acceptor + exon
        alone = gene + "CACACA" * 40
        assert [part.tolist() for part in splice(dna.encode(gene), SETTINGS)] == [[44], [96]]
        assert splice(dna.encode(alone), SETTINGS)[0].size == 0  # the last exon would be too long
        for least, ways in ((51, 1), (52, 0)):  # the intron from 45 to 95
            shorter = SETTINGS | {"intron": {"least": least, "mean": 30}}
            assert len(splice(dna.encode(gene), shorter)[0]) == ways


def test_lengths_of_exons():
    settings = {"mode": 120, "spread": 0.35, "range": [50, 300]}
    lengths = np.arange(1, 400)
    bits = exon_bits(lengths, settings)
    assert lengths[bits.argmax()] == 120 and lengths[np.isfinite(bits)].tolist() == list(range(50, 301))
    everything = exon_bits(np.arange(1, 5000), settings | {"range": [1, 5000]})
    assert np.exp2(everything).sum() == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
def genes():
    return simulate_genes(SETTINGS, 1, *surroundings())


def surroundings():
    rng = np.random.default_rng(5)
    bases = {f"chr{i}": rng.choice(4, 40_000, p=[0.2, 0.2, 0.32, 0.28]).astype(np.uint8) for i in (1, 2, 10)}
    starts = np.arange(200, 39_000, 400)
    rows = [("promoter" if i % 2 else "enhancer", c, s, s + 101) for c in bases for i, s in enumerate(starts)]
    return pd.DataFrame(rows, columns=["kind", "chrom", "start", "end"]), bases


def transcripts(genes):
    for _, exons in genes.exons.groupby("gene"):
        yield exons["chrom"].iloc[0], exons["strand"].iloc[0], exons["start"].to_numpy(), exons["end"].to_numpy()


class TestGenes:
    def test_they_begin_at_promoters_and_do_not_overlap(self, genes):
        elements, _ = surroundings()
        middles = {(c, s + 50) for k, c, s in elements[["kind", "chrom", "start"]].to_numpy() if k == "promoter"}
        spans = {}
        for chrom, strand, start, end in transcripts(genes):
            assert (chrom, start[0] if strand == "+" else end[-1] - 1) in middles
            assert 300 <= end[-1] - start[0] <= 900 and (start[1:] > end[:-1]).all()
            spans.setdefault(chrom, []).append((start[0], end[-1]))
        assert sum(map(len, spans.values())) == 12 and set(genes.exons["strand"]) == {"+", "-"}
        for here in spans.values():
            assert here == sorted(here) and all(a[1] <= b[0] for a, b in itertools.pairwise(here))

    def test_sites_are_the_ends_of_exons(self, genes):
        _, bases = surroundings()
        assert len(genes.sites) == 2 * (len(genes.exons) - genes.exons["gene"].nunique()) > 0
        for (_, chrom, strand), sites in genes.sites.groupby(["gene", "chrom", "strand"]):
            codes = bases[chrom] if strand == "+" else dna.reverse_complement(bases[chrom])
            at = sites["position"] if strand == "+" else len(codes) - 1 - sites["position"]
            bits = site_strengths(codes)
            expected = [bits[kind == "acceptor"][a] for kind, a in zip(sites["kind"], at)]
            np.testing.assert_allclose(sites["strength"], expected, atol=1e-3)
        exons = genes.exons
        inner = {*exons[exons["gene"].eq(exons["gene"].shift(-1))][["chrom", "end"]].itertuples(index=False, name=None)}
        left = genes.sites[(genes.sites["strand"] == "+") == (genes.sites["kind"] == "donor")]
        assert {(c, p + 1) for c, p in zip(left["chrom"], left["position"])} == inner

    def test_the_same_seed_gives_the_same(self, genes):
        again, other = (simulate_genes(SETTINGS, seed, *surroundings()) for seed in (1, 2))
        assert all(a.equals(b) for a, b in zip(genes, again)) and not genes.exons.equals(other.exons)


def test_gtf(tmp_path):
    exons = pd.DataFrame(
        [(0, "chr1", 9, 20, "-"), (0, "chr1", 50, 70, "-"), (1, "chr2", 0, 5, "+")],
        columns=["gene", "chrom", "start", "end", "strand"],
    )
    write_gtf(tmp_path / "x.gtf", exons)
    lines = [line.split("\t") for line in (tmp_path / "x.gtf").read_text().splitlines()]
    assert [(line[2], line[3], line[4]) for line in lines[:4]] == [
        ("gene", "10", "70"),
        ("transcript", "10", "70"),
        ("exon", "51", "70"),
        ("exon", "10", "20"),
    ]
    assert lines[2][6:] == ["-", ".", 'gene_id "SIMG00001"; transcript_id "SIMT00001"; exon_number 1;']
    assert lines[-1][:5] == ["chr2", "simulated", "exon", "1", "5"] and lines[-1][8].startswith('gene_id "SIMG00002";')


def test_a_description_with_impossible_genes(make_catalogue, tmp_path):
    genes = {"length": [100, 50], "exon": {"range": [0, 10]}, "end": [50, 1000], "intron": {"least": 70}}
    catalogue = make_catalogue(tmp_path / "catalogue", genes=genes)
    with pytest.raises(ValueError, match=r"tiny\.yaml: ") as error:
        open_world("tiny", catalogue)
    assert "the length of genes is 100 to 50" in str(error.value) and "the exon range of genes is 0 to 10" in str(
        error.value
    )
    assert "a gene of 100 bases holds no two exons; the least is 170" in str(error.value)


def test_worlds_with_genes(tiny_world):
    assert tiny_world.genes_path.name == "annotation.gtf.gz" and tiny_world.genes_path.exists()
    assert open_world("yeast").genes_path is None
