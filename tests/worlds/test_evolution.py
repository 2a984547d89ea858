import copy

import numpy as np
import pytest

from regdna.worlds.catalogue import open_world
from regdna.worlds.elements import build_classes, draw_bases, lay_out
from regdna.worlds.evolution import Evolution, Lineage, decay_cpg

LENGTHS = np.array([200_000, 120_000, 80_000])
QUIET = dict(cpg=0.0, indels=0.0, inversions_per_mb=0, translocations_per_mb=0, site_loss=0.0, element_loss=0.0)


@pytest.fixture(scope="module")
def start():
    """Make an evolution and its ancestor; keywords are rates, those not given are zero or the world's own."""
    plan = copy.deepcopy(open_world("simulated").description["simulation"])
    classes, motifs = build_classes(plan)
    rng = np.random.default_rng(1)
    layout, site_class = lay_out(plan, LENGTHS, classes, motifs, rng)
    codes = draw_bases(site_class, classes, rng)

    def make(seed=1, **rates):
        ancestor = Lineage(
            codes.copy(),
            np.arange(1, len(codes) + 1, dtype=np.int32),
            site_class.copy(),
            np.cumsum(LENGTHS),
            np.ones(len(layout.elements), bool),
            np.ones(len(layout.sites), bool),
        )
        rates = plan["rates"] | QUIET | rates
        return Evolution(rates, layout, classes, len(codes), np.random.default_rng(seed)), ancestor

    return make


def compare(ancestor, lineage):
    """Align by origin: base numbers in the ancestor, and whether the letter has changed."""
    old = np.flatnonzero(np.abs(lineage.origin) <= len(ancestor.codes))
    number = np.abs(lineage.origin[old]) - 1
    codes = np.where(lineage.origin[old] < 0, 3 - lineage.codes[old], lineage.codes[old])
    return number, codes != ancestor.codes[number]


def neutral_divergence(evolution, ancestor, length):
    """Expected share of changed neutral bases: Felsenstein 1981, each class in its own equilibrium."""
    classes = evolution.classes
    p = np.diff(classes.cumulative, axis=1, prepend=0)[: classes.backgrounds]
    b = 1 - (p**2).sum(axis=1)
    share = np.bincount(ancestor.site_class[ancestor.site_class < classes.backgrounds], minlength=len(b))
    return np.average(b * (1 - np.exp(-length / b)), weights=share)


@pytest.mark.parametrize("length", [0.01, 0.1, 0.5])
def test_neutral_bases_diverge_as_felsenstein_81_says(start, length):
    evolution, ancestor = start(indels=0.04, inversions_per_mb=20, translocations_per_mb=20)
    number, changed = compare(ancestor, evolution.along(ancestor, length))
    neutral = ancestor.site_class[number] < evolution.classes.backgrounds
    expected = neutral_divergence(evolution, ancestor, length)
    assert 0.7 * length < expected < length
    error = np.sqrt(expected * (1 - expected) / neutral.sum())
    assert abs(changed[neutral].mean() - expected) < 4 * error


def test_two_short_branches_diverge_as_one_long_one(start):
    evolution, ancestor = start()
    lineage = evolution.along(evolution.along(ancestor, 0.15), 0.15)
    number, changed = compare(ancestor, lineage)
    neutral = ancestor.site_class[number] < evolution.classes.backgrounds
    expected = neutral_divergence(evolution, ancestor, 0.3)
    assert abs(changed[neutral].mean() - expected) < 4 * np.sqrt(expected / neutral.sum())


def test_motifs_under_selection_are_conserved(start):
    evolution, ancestor = start()
    number, changed = compare(ancestor, evolution.along(ancestor, 0.3))
    which = ancestor.site_class[number]
    first_motif, backgrounds = evolution.classes.first_motif, evolution.classes.backgrounds
    neutral, motif = changed[which < backgrounds].mean(), changed[which >= first_motif].mean()
    element = changed[(which >= backgrounds) & (which < first_motif)].mean()
    assert motif < 0.4 * neutral
    assert motif < element < 0.8 * neutral


def test_a_lost_site_and_a_lost_element_evolve_neutrally(start):
    evolution, ancestor = start(site_loss=1.5, element_loss=1.5)
    lineage = evolution.along(ancestor, 0.5)
    number, changed = compare(ancestor, lineage)
    sites = evolution.layout.sites
    # Sites fall alone or with their element.
    assert lineage.site_alive.mean() == pytest.approx(np.exp(-2 * 1.5 * 0.5), abs=0.07)
    dead_in_dead_element = ~lineage.site_alive & ~lineage.element_alive[sites["element"]]
    rate = {}
    for name, which in (("alive", lineage.site_alive), ("dead", dead_in_dead_element)):
        bases = np.concatenate([np.arange(s, e) for s, e in zip(sites["start"][which], sites["end"][which])])
        rate[name] = changed[np.isin(number, bases)].mean()
    neutral = changed[ancestor.site_class[number] < evolution.classes.backgrounds].mean()
    assert rate["alive"] < 0.5 * rate["dead"]
    assert rate["dead"] == pytest.approx(neutral, rel=0.15)


def test_what_is_lost_stays_lost_and_a_site_falls_with_its_element(start):
    evolution, ancestor = start(site_loss=0.8, element_loss=0.8)
    first = evolution.along(ancestor, 0.4)
    second = evolution.along(first, 0.4)
    element = evolution.layout.sites["element"]
    for lineage in (first, second):
        assert not (lineage.site_alive & ~lineage.element_alive[element]).any()
    assert not (second.site_alive & ~first.site_alive).any()
    assert not (second.element_alive & ~first.element_alive).any()
    number = len(first.element_alive)
    assert abs(first.element_alive.mean() - np.exp(-0.32)) < 4 * np.sqrt(0.2 / number)
    # A site that lost selection has the class around it, one that kept it has its motif's.
    is_motif = second.site_class >= evolution.classes.first_motif
    position = evolution.positions(second)
    for site, alive in zip(evolution.layout.sites.itertuples(), second.site_alive):
        at = position[site.start : site.end]
        assert is_motif[at[at >= 0]].all() if alive else not is_motif[at[at >= 0]].any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_lineage_given_is_left_as_it_is(start, seed):
    rates = dict(indels=0.1, inversions_per_mb=60, translocations_per_mb=60, site_loss=0.8, element_loss=0.3, cpg=8.0)
    evolution, ancestor = start(seed, **rates)
    parent = evolution.along(ancestor, 0.1)
    before = copy.deepcopy(vars(parent))
    child = evolution.along(parent, 0.3)
    for name, values in before.items():
        assert np.array_equal(getattr(parent, name), values), name
    assert not np.array_equal(child.origin, parent.origin)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_balance(start, seed):
    evolution, ancestor = start(seed, indels=0.2, inversions_per_mb=100, translocations_per_mb=100)
    lineage = evolution.along(evolution.along(ancestor, 0.1), 0.1)
    total = len(lineage.codes)
    assert len(lineage.origin) == len(lineage.site_class) == lineage.ends[-1] == total
    assert (np.diff(lineage.ends) > 0).all() and lineage.ends[0] > 0
    number = np.abs(lineage.origin)
    assert len(np.unique(number)) == total  # no base twice
    assert number.min() >= 1 and number.max() < evolution.next_origin
    deleted = len(ancestor.codes) - (number <= len(ancestor.codes)).sum()
    inserted = (number > len(ancestor.codes)).sum()
    assert total == len(ancestor.codes) - deleted + inserted
    assert deleted > 1000 and inserted > 1000
    assert lineage.codes.max() <= 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_translocations_every_base_stays_on_its_chromosome(start, seed):
    evolution, ancestor = start(seed, indels=0.2, inversions_per_mb=100)
    lineage = evolution.along(ancestor, 0.2)
    number = np.abs(lineage.origin)
    old = np.flatnonzero(number <= len(ancestor.codes))
    now = np.searchsorted(lineage.ends, old, "right")
    assert (now == np.searchsorted(ancestor.ends, number[old] - 1, "right")).all()
    assert (lineage.origin < 0).any()


def test_without_rearrangements_order_and_strand_stay(start):
    evolution, ancestor = start(indels=0.2)
    origin = evolution.along(ancestor, 0.3).origin
    old = origin[np.abs(origin) <= len(ancestor.codes)]
    assert (np.diff(old) > 0).all() and (old > 0).all()


def test_translocations_move_bases_between_chromosomes_and_lose_none(start):
    moved = 0
    for seed in range(5):
        evolution, ancestor = start(seed, translocations_per_mb=40)
        lineage = evolution.along(ancestor, 0.5)
        number = np.abs(lineage.origin)
        assert sorted(number) == list(range(1, len(ancestor.codes) + 1))
        home = np.searchsorted(ancestor.ends, number - 1, "right")
        now = np.searchsorted(lineage.ends, np.arange(len(number)), "right")
        moved += (home != now).sum()
        # No segment holds a chromosome's last base, so each chromosome keeps its own.
        assert number[lineage.ends - 1].tolist() == ancestor.ends.tolist()
        joints = np.flatnonzero(np.abs(np.diff(lineage.origin)) != 1)
        inner = joints[~np.isin(joints + 1, lineage.ends)]
        assert 0 < len(inner) <= 3 * 40 * 0.5 * 0.4 * 2  # three joints for each translocation
    assert moved > 10_000


def test_selection_keeps_indels_out_of_living_motifs(start):
    evolution, ancestor = start(indels=1.0)
    lineage = evolution.along(ancestor, 0.3)
    position = evolution.positions(lineage)
    sites = evolution.layout.sites
    assert lineage.site_alive.all()
    for start_, end in zip(sites["start"], sites["end"]):
        at = position[start_:end]
        assert (at >= 0).all() and (np.diff(at) == 1).all()
    assert (position < 0).mean() > 0.1


def test_rearrangements_cut_no_living_element(start):
    evolution, ancestor = start(inversions_per_mb=300, translocations_per_mb=300)
    position = evolution.positions(evolution.along(ancestor, 0.5))
    for element in evolution.layout.elements.itertuples():
        if element.kind != "closed":
            assert (np.abs(np.diff(position[element.start : element.end])) == 1).all()


def test_an_inverted_base_is_read_from_the_other_strand(start):
    evolution, ancestor = start(inversions_per_mb=500)
    lineage = evolution.along(ancestor, 0.2)
    number, changed = compare(ancestor, lineage)
    turned, neutral = lineage.origin < 0, lineage.site_class < evolution.classes.backgrounds
    assert turned.mean() > 0.1
    assert changed[turned & neutral].mean() == pytest.approx(changed[~turned & neutral].mean(), abs=0.015)
    own = ancestor.site_class[number]
    complement = evolution.classes.complement
    assert np.array_equal(lineage.site_class, np.where(turned, complement[own], own))


def test_positions_find_every_base(start):
    evolution, ancestor = start(indels=0.2, inversions_per_mb=100)
    lineage = evolution.along(ancestor, 0.1)
    position = evolution.positions(lineage)
    here = position >= 0
    assert (np.abs(lineage.origin[position[here]]) - 1 == np.flatnonzero(here)).all()
    assert here.sum() == (np.abs(lineage.origin) <= len(ancestor.codes)).sum()


def test_equal_seeds_evolve_alike(start):
    rates = dict(indels=0.1, inversions_per_mb=20, translocations_per_mb=20, site_loss=0.8, element_loss=0.3)
    runs = []
    for seed in (1, 1, 2):
        evolution, ancestor = start(seed, **rates)
        runs.append(evolution.along(ancestor, 0.2).codes.tobytes())
    assert runs[0] == runs[1] != runs[2]


def test_cpg_decays_to_tpg_or_cpa():
    codes = np.tile(np.array([0, 1, 2, 3], np.uint8), 1000)  # ACGT
    decay_cpg(codes, np.ones(len(codes), bool), 1.0, np.random.default_rng(1))
    found = {tuple(row) for row in codes.reshape(-1, 4).tolist()}
    assert found == {(0, 3, 2, 3), (0, 1, 0, 3)}
    assert 0.4 < (codes.reshape(-1, 4)[:, 1] == 3).mean() < 0.6


def test_a_share_of_the_cpg_decays():
    codes = np.tile(np.array([0, 1, 2, 3], np.uint8), 5000)
    before = codes.copy()
    decay_cpg(codes, np.ones(len(codes), bool), 0.3, np.random.default_rng(1))
    assert (codes != before).sum() / 5000 == pytest.approx(0.3, abs=0.03)


def test_cpg_that_is_not_methylated_stays():
    codes = np.array([1, 2, 1, 2, 1, 2], np.uint8)
    decay_cpg(codes, np.array([0, 0, 1, 1, 0, 1], bool), 1.0, np.random.default_rng(1))
    assert codes[[0, 1, 4, 5]].tolist() == [1, 2, 1, 2]
    assert codes[2:4].tolist() in ([3, 2], [1, 0])


def test_cpg_of_elements_stays_and_of_neutral_dna_fades(start):
    evolution, ancestor = start(cpg=8.0)
    lineage = evolution.along(ancestor, 0.1)
    cpg = (ancestor.codes[:-1] == 1) & (ancestor.codes[1:] == 2)
    kept = (lineage.codes[:-1] == 1) & (lineage.codes[1:] == 2)
    neutral = ancestor.site_class < evolution.classes.backgrounds
    inside, outside = cpg & ~neutral[:-1] & ~neutral[1:], cpg & neutral[:-1] & neutral[1:]
    assert kept[inside].mean() > 0.8
    assert kept[outside].mean() == pytest.approx(np.exp(-0.8) * 0.9**2, abs=0.05)
