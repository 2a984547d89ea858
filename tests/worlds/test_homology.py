import numpy as np
import pytest

from regdna.data.chains import read_chains
from regdna.worlds.catalogue import open_world
from regdna.worlds.elements import build_classes, draw_bases, lay_out
from regdna.worlds.evolution import Evolution, Lineage
from regdna.worlds.homology import MAX_GAP, true_chains
from regdna.worlds.writers import write_chains

LENGTHS = np.array([120_000, 80_000])
NAMES = ["chr1", "chr2"]


@pytest.fixture(scope="module")
def pair():
    """Two lineages of one ancestor, with indels and many rearrangements on both."""
    plan = open_world("simulated").description["simulation"]
    rng = np.random.default_rng(1)
    classes, motifs = build_classes(plan)
    layout, site_class = lay_out(plan, LENGTHS, classes, motifs, rng)
    ancestor = Lineage(
        draw_bases(site_class, classes, rng),
        np.arange(1, LENGTHS.sum() + 1, dtype=np.int32),
        site_class,
        np.cumsum(LENGTHS),
        np.ones(len(layout.elements), bool),
        np.ones(len(layout.sites), bool),
    )
    rates = plan["rates"] | {"inversions_per_mb": 500, "translocations_per_mb": 500}
    evolution = Evolution(rates, layout, classes, LENGTHS.sum(), rng)
    shared = evolution.along(ancestor, 0.1)  # bases inserted here are homologous, too
    return evolution.along(shared, 0.15), evolution.along(shared, 0.15)


@pytest.fixture(scope="module")
def chains(pair):
    return true_chains(*pair, NAMES)


def aligned(chains, reference, other):
    """List (base of the reference, base of the other, minus), both on the concatenated genomes."""
    t_first, q_first = (dict(zip(NAMES, np.r_[0, lineage.ends])) for lineage in (reference, other))
    for chain in chains:
        for t, q, size in zip(chain.t_start, chain.q_start, chain.size):
            for i in range(size):
                place = chain.q_size - 1 - (q + i) if chain.minus else q + i
                yield t_first[chain.t_name] + t + i, q_first[chain.q_name] + place, chain.minus


def test_aligned_bases_are_of_one_origin_and_on_the_right_strand(pair, chains):
    reference, other = pair
    t, q, minus = map(np.array, zip(*aligned(chains, reference, other)))
    assert (np.abs(reference.origin[t]) == np.abs(other.origin[q])).all()
    assert ((reference.origin[t] != other.origin[q]) == minus).all()
    assert minus.any() and not minus.all()


def test_every_homologous_base_is_aligned_once(pair, chains):
    reference, other = pair
    t = [base for base, _, _ in aligned(chains, reference, other)]
    shared = np.isin(np.abs(reference.origin), np.abs(other.origin))
    assert sorted(t) == np.flatnonzero(shared).tolist()
    assert (np.abs(reference.origin[t]) > LENGTHS.sum()).any()


def test_chains_are_well_formed(pair, chains):
    assert len(chains) > 10
    sizes = [dict(zip(NAMES, np.diff(np.r_[0, lineage.ends]))) for lineage in pair]
    for chain in chains:
        assert (chain.t_size, chain.q_size) == (sizes[0][chain.t_name], sizes[1][chain.q_name])
        t_gap = chain.t_start[1:] - chain.t_start[:-1] - chain.size[:-1]
        q_gap = chain.q_start[1:] - chain.q_start[:-1] - chain.size[:-1]
        assert (t_gap >= 0).all() and (q_gap >= 0).all() and (t_gap + q_gap > 0).all()
        assert (t_gap < MAX_GAP).all() and (q_gap < MAX_GAP).all()
        assert chain.t_start[0] >= 0 and chain.t_start[-1] + chain.size[-1] <= chain.t_size
        assert chain.q_start[0] >= 0 and chain.q_start[-1] + chain.size[-1] <= chain.q_size


def test_score_counts_matches_less_mismatches(pair, chains):
    reference, other = pair
    for chain in (chains[0], max(chains, key=lambda chain: chain.score), min(chains, key=lambda chain: chain.score)):
        score = 0
        for t, q, minus in aligned([chain], reference, other):
            letter = 3 - other.codes[q] if minus else other.codes[q]
            score += 100 if letter == reference.codes[t] else -100
        assert chain.score == max(score, 1)


def test_the_written_file_reads_back(pair, chains, tmp_path):
    write_chains(tmp_path / "true.chain.gz", chains)
    read = read_chains(tmp_path / "true.chain.gz", tmp_path)
    assert len(read.score) == len(chains)
    assert (read.block_end - read.block_start).sum() == sum(chain.size.sum() for chain in chains)


def lineage(codes, origin, ends):
    alive = np.empty(0, bool)
    return Lineage(
        np.array(codes, np.uint8),
        np.array(origin, np.int32),
        np.zeros(len(codes), np.int16),
        np.array(ends),
        alive,
        alive,
    )


def test_a_genome_aligned_to_itself_is_one_chain_for_each_chromosome():
    one = lineage([0, 1, 2, 3, 0], [1, 2, 3, 4, 5], [3, 5])
    first, second = true_chains(one, one, NAMES)
    assert first[:6] == (300, "chr1", 3, "chr1", 3, False) and second[:6] == (200, "chr2", 2, "chr2", 2, False)
    assert [array.tolist() for array in first[6:]] == [[0], [0], [3]]


def test_an_exact_inversion_with_a_deletion():
    reference = lineage([0, 1, 2, 3, 0, 1], [1, 2, 3, 4, 5, 6], [6])
    # The other genome: base 1, then 5, 4 and 2 on the other strand (3 is lost), then 6.
    other = lineage([0, 3, 0, 2, 1], [1, -5, -4, -2, 6], [5])
    chains = {chain.t_start[0]: chain for chain in true_chains(reference, other, NAMES)}
    assert sorted(chains) == [0, 1, 5]
    turned = chains[1]
    assert turned.minus and turned.score == 300
    assert turned.t_start.tolist() == [1, 3] and turned.size.tolist() == [1, 2]
    assert turned.q_start.tolist() == [1, 2]  # on the reverse strand of 5 bases
    assert not chains[0].minus and chains[5].q_start.tolist() == [4]


def test_a_mismatch_on_every_base_still_scores_one():
    (chain,) = true_chains(lineage([0, 0], [1, 2], [2]), lineage([1, 1], [1, 2], [2]), NAMES)
    assert chain.score == 1
