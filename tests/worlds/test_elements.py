import copy

import numpy as np
import pytest

from regdna.worlds.catalogue import open_world
from regdna.worlds.elements import CLOSED, CLOSED_LENGTH, GAP, build_classes, draw_bases, lay_out

LENGTHS = np.array([150_000, 90_000, 60_000])


@pytest.fixture(scope="module")
def plan():
    return open_world("simulated").description["simulation"]


@pytest.fixture(scope="module")
def built(plan):
    return build_classes(plan)


@pytest.fixture(scope="module")
def laid(plan, built):
    return lay_out(plan, LENGTHS, *built, np.random.default_rng(1))


def test_complement_is_an_involution(built):
    complement = built[0].complement
    assert complement[complement].tolist() == list(range(len(complement)))


def test_the_complement_class_draws_complement_bases(built):
    classes = built[0]
    distribution = np.diff(classes.cumulative, axis=1, prepend=0)
    assert np.allclose(distribution.sum(axis=1), 1)
    assert np.allclose(distribution[classes.complement], distribution[:, ::-1])
    assert np.allclose(classes.intensity[classes.complement], classes.intensity)


def test_motif_classes_are_the_columns_of_the_matrix_then_of_its_reverse_complement(built):
    classes, motifs = built
    distribution = np.diff(classes.cumulative, axis=1, prepend=0)
    for name, first in classes.motif.items():
        matrix, width = motifs[name].probabilities, len(motifs[name].probabilities)
        assert np.allclose(distribution[first : first + width], matrix)
        assert np.allclose(distribution[first + width : first + 2 * width], matrix[::-1, ::-1])
        assert classes.complement[first] == first + 2 * width - 1
    assert classes.first_motif == min(classes.motif.values())
    assert len(classes.intensity) == classes.first_motif + 2 * sum(len(m.probabilities) for m in motifs.values())


def test_intensity_of_a_motif_column_falls_with_its_information(plan, built):
    classes, motifs = built
    for name, first in classes.motif.items():
        p = motifs[name].probabilities
        bits = 2 + np.sum(p * np.log2(p), axis=1)
        assert np.allclose(motifs[name].information, bits)
        expected = plan["rates"]["motif"] * (1 - bits / 2) / 0.75
        assert np.allclose(classes.intensity[first : first + len(p)], expected)
        assert (classes.intensity[first : first + len(p)] >= 0).all()


def test_neutral_classes_substitute_at_rate_one(plan, built):
    """A proposal that draws the base that is there changes nothing; the others must add up to the rate."""
    classes = built[0]
    p = np.diff(classes.cumulative, axis=1, prepend=0)
    rate = classes.intensity * (1 - (p**2).sum(axis=1))
    assert np.allclose(rate[: classes.backgrounds], 1)
    assert np.allclose(rate[list(classes.element.values())], plan["rates"]["element"])
    assert np.allclose(p[: classes.backgrounds, 1:3].sum(axis=1), plan["isochores"]["gc"])


def test_elements_never_overlap_and_stay_on_their_chromosome(laid):
    elements = laid[0].elements.sort_values("start")
    assert (elements["start"].to_numpy()[1:] >= elements["end"].to_numpy()[:-1]).all()
    ends = np.cumsum(LENGTHS)
    chromosome = np.searchsorted(ends, elements["start"], "right")
    assert (elements["end"] <= ends[chromosome]).all() and (elements["start"] >= 0).all()
    assert set(chromosome) == {0, 1, 2}


def test_elements_have_the_planned_number_and_length(plan, laid):
    elements = laid[0].elements
    megabases = LENGTHS.sum() / 1e6
    size = elements["end"] - elements["start"]
    for kind, settings in plan["elements"].items():
        of_kind = elements["kind"] == kind
        assert of_kind.sum() == round(settings["per_mb"] * megabases)
        assert size[of_kind].between(settings["length"][0], settings["length"][1] - 1).all()
    closed = elements["kind"] == CLOSED
    assert closed.sum() == sum(round(factor["decoys_per_mb"] * megabases) for factor in plan["factors"].values())
    assert (size[closed] == CLOSED_LENGTH).all()


def test_motifs_lie_inside_their_element_apart_from_each_other(laid):
    layout = laid[0]
    for number, sites in layout.sites.groupby("element"):
        element = layout.elements.iloc[number]
        sites = sites.sort_values("start")
        assert element["start"] <= sites["start"].iloc[0] and sites["end"].max() <= element["end"]
        assert (sites["start"].to_numpy()[1:] - sites["end"].to_numpy()[:-1] >= GAP).all()


def test_every_position_has_the_class_of_what_lies_there(plan, built, laid):
    classes, motifs = built
    layout, site_class = laid
    expected = np.zeros(LENGTHS.sum(), bool)
    for site in layout.sites.itertuples():
        width = len(motifs[site.motif].probabilities)
        first = classes.motif[site.motif] + (width if site.strand == "-" else 0)
        assert site_class[site.start : site.end].tolist() == list(range(first, first + width))
        expected[site.start : site.end] = True
    assert ((site_class >= classes.first_motif) == expected).all()
    inside = np.zeros(LENGTHS.sum(), bool)
    for element in layout.elements.itertuples():
        inside[element.start : element.end] = True
        own = site_class[element.start : element.end]
        around = classes.element.get(element.kind, element.background)
        assert ((own == around) | (own >= classes.first_motif)).all()
    assert (site_class[~inside] < classes.backgrounds).all()


def test_decoys_hold_one_site_of_their_factor_and_elements_hold_factors_as_planned(plan, laid):
    layout = laid[0]
    kind = layout.elements["kind"].to_numpy()[layout.sites["element"]]
    assert layout.sites["element"][kind == CLOSED].is_unique
    for factor, settings in plan["factors"].items():
        assigned = set(kind[layout.sites["factor"] == factor]) - {CLOSED}
        assert assigned <= set(settings["in"])
        assert set(layout.sites["motif"][layout.sites["factor"] == factor]) == {settings["motif"]}
    insulators = layout.elements.index[layout.elements["kind"] == "insulator"]
    with_ctcf = layout.sites.loc[layout.sites["factor"] == "CTCF", "element"]
    assert set(insulators) <= set(with_ctcf)  # the chance is 1
    assert set(layout.sites["strand"]) == {"+", "-"}


def test_too_many_elements_are_refused(plan, built):
    crowded = copy.deepcopy(plan)
    crowded["elements"]["promoter"]["per_mb"] = 3000
    with pytest.raises(ValueError, match=r"elements of up to \d+ bases do not fit one to \d+ bases; lower per_mb"):
        lay_out(crowded, LENGTHS, *built, np.random.default_rng(1))


def test_equal_seeds_give_equal_layouts(plan, built, laid):
    again = lay_out(plan, LENGTHS, *built, np.random.default_rng(1))
    other = lay_out(plan, LENGTHS, *built, np.random.default_rng(2))
    assert again[0].elements.equals(laid[0].elements) and again[0].sites.equals(laid[0].sites)
    assert (again[1] == laid[1]).all()
    assert not other[0].elements.equals(laid[0].elements)


def test_bases_are_drawn_from_the_distribution_of_their_class(built):
    classes = built[0]
    number = 40_000
    for which in (0, classes.backgrounds - 1, classes.element["promoter"], classes.motif["CTCF"] + 3):
        codes = draw_bases(np.full(number, which, np.int16), classes, np.random.default_rng(1))
        assert codes.dtype == np.uint8 and codes.max() <= 3
        expected = np.diff(classes.cumulative[which], prepend=0)
        error = np.abs(np.bincount(codes, minlength=4) / number - expected)
        assert (error < 5 * np.sqrt(expected * (1 - expected) / number) + 1e-9).all()
