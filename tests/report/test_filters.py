import numpy as np
import pytest

from regdna.data.motifs import log_odds
from regdna.models.cnn import shallow_cnn
from regdna.report.filters import filter_motifs, match_motifs
from regdna.worlds.jaspar import fetch_all, fetch_motifs

WIDTH = 24
ROWS, LENGTH = 60, 100


@pytest.fixture(scope="module")
def ctcf():
    return fetch_motifs(["CTCF"], "JASPAR2024")["CTCF"]


@pytest.fixture(scope="module")
def known(ctcf):
    """Enough motifs for p-values to mean something; that of insects' CTCF is among them."""
    return [*fetch_all("JASPAR2024", "insects"), ctcf]


@pytest.fixture(scope="module")
def codes(ctcf):
    """Random sequences with one site of CTCF each."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (ROWS, LENGTH)).astype(np.uint8)
    for row, at in enumerate(rng.integers(0, LENGTH - WIDTH, ROWS)):
        for column, probabilities in enumerate(ctcf.probabilities):
            codes[row, at + column] = rng.choice(4, p=probabilities)
    return codes


def network_with(*filters):
    """A network whose filters are given as (weights of shape (K, A), bias); the others are never excited."""
    network = shallow_cnn(4, LENGTH)
    kernel, bias = np.full((WIDTH, 4, 4), -1, np.float32), np.full(4, -1, np.float32)
    for number, (weights, offset) in enumerate(filters):
        kernel[:, :, number] = 0
        kernel[: len(weights), :, number], bias[number] = weights, offset
    network.get_layer("filters").set_weights([kernel, bias])
    return network


def reversed_complement(probabilities):
    return probabilities[::-1, ::-1]


def test_finds_a_planted_motif(codes, ctcf):
    weights = log_odds(ctcf.probabilities)
    ((number, sites, found),) = filter_motifs(network_with((weights, -4)), codes)
    assert number == 0
    assert 40 <= sites <= ROWS
    assert found.shape == (WIDTH, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    width = len(ctcf.probabilities)
    strong = ctcf.information > 1
    assert (found[:width].argmax(axis=1) == ctcf.probabilities.argmax(axis=1))[strong].all()
    assert np.abs(found[:width] - ctcf.probabilities).mean() < 0.08
    assert found[width:].max() < 0.5  # beyond the motif there is nothing


def test_a_filter_needs_ten_sites():
    word = np.full((WIDTH, 4), -1.0)
    word[:, 0] = 1  # excited by A only
    for sites in (9, 10):
        codes = np.full((30, LENGTH), 3, np.uint8)
        codes[:sites, 40 : 40 + WIDTH] = 0
        found = filter_motifs(network_with((word, 0)), codes)
        assert [(number, rows) for number, rows, _ in found] == ([(0, 10)] if sites == 10 else [])


def test_share_of_the_strongest_activation():
    word = np.zeros((WIDTH, 4))
    word[:, 0] = 1  # counts the A
    codes = np.full((40, LENGTH), 3, np.uint8)
    codes[:20, 30 : 30 + WIDTH] = 0
    codes[20:, 30 : 30 + WIDTH // 2] = 0
    network = network_with((word, 0))
    assert [filter_motifs(network, codes, share)[0][1] for share in (0.4, 0.5, 0.51, 1.0)] == [40, 40, 20, 20]
    probabilities = filter_motifs(network, codes, share=1.0)[0][2]
    np.testing.assert_allclose(probabilities, np.tile([20.25, 0.25, 0.25, 0.25], (WIDTH, 1)) / 21)


def test_filters_with_more_sites_come_first(codes):
    words = np.zeros((2, WIDTH, 4))
    words[0, :, 0] = words[1, :, 1] = 1
    codes = np.full((40, LENGTH), 3, np.uint8)
    codes[:12, :WIDTH] = 0
    codes[12:30, :WIDTH] = 1
    found = filter_motifs(network_with((words[0], 0), (words[1], 0)), codes)
    assert [(number, sites) for number, sites, _ in found] == [(1, 18), (0, 12)]


@pytest.mark.parametrize("strand", ["+", "-"])
def test_match_on_either_strand(known, ctcf, strand):
    padded = np.full((WIDTH, 4), 0.25)
    padded[4 : 4 + len(ctcf.probabilities)] = ctcf.probabilities
    probabilities = padded if strand == "+" else reversed_complement(padded)
    (found,) = match_motifs([(7, 33, probabilities)], known)
    assert found.match is ctcf
    assert found.strand == strand
    assert (found.filter, found.sites) == (7, 33)
    assert 0 <= found.p_value < 1e-4
    np.testing.assert_array_equal(found.probabilities, probabilities)


def test_match_says_where(known, ctcf):
    for shift in (0, 3, 6):
        padded = np.full((WIDTH, 4), 0.25)
        padded[shift : shift + len(ctcf.probabilities)] = ctcf.probabilities
        (found,) = match_motifs([(0, 10, padded)], known)
        assert found.offset in (shift, -shift)
        assert abs(found.offset) == shift


def test_the_best_match_comes_first(known, ctcf):
    rng = np.random.default_rng(1)
    noise = rng.dirichlet(np.full(4, 5.0), WIDTH)
    found = match_motifs([(0, 50, noise), (1, 20, ctcf.probabilities)], known)
    assert [motif.filter for motif in found] == [1, 0]
    assert found[0].match is ctcf
    assert found[0].p_value < found[1].p_value <= 1


def test_from_a_network_to_a_name(codes, known, ctcf):
    weights = log_odds(reversed_complement(ctcf.probabilities))
    turned = (3 - codes[:, ::-1]).astype(np.uint8)
    (found,) = match_motifs(filter_motifs(network_with((weights, -4)), turned), known)
    assert (found.match, found.strand) == (ctcf, "-")
