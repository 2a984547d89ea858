import numpy as np
import pytest

from regdna.worlds.catalogue import open_world
from regdna.worlds.jaspar import Motif, fetch_all, fetch_motifs

RELEASE = "JASPAR2024"


def test_rows_are_distributions_over_acgt():
    for motif in fetch_motifs(["CTCF", "AR", "MAX::MYC"], RELEASE).values():
        assert motif.probabilities.shape[1] == 4
        assert (motif.probabilities > 0).all()
        assert np.allclose(motif.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("name, consensus", [("CTCF", "CCA"), ("GATA3", "GATA"), ("REST", "CAGCACC")])
def test_bases_are_in_the_order_acgt(name, consensus):
    probabilities = fetch_motifs([name], RELEASE)[name].probabilities
    best = "".join("ACGT"[i] for i in probabilities.argmax(axis=1))
    turned = "".join("ACGT"[3 - i] for i in probabilities.argmax(axis=1)[::-1])
    assert consensus in best or consensus in turned


def test_names_in_any_case():
    assert fetch_motifs(["ctcf"], RELEASE)["ctcf"].matrix_id == fetch_motifs(["CTCF"], RELEASE)["CTCF"].matrix_id


def test_the_oldest_profile_of_a_name_is_taken():
    ids = [motif.matrix_id for motif in fetch_all(RELEASE) if motif.name == "CTCF"]
    assert fetch_motifs(["CTCF"], RELEASE)["CTCF"].matrix_id == min(ids)
    assert fetch_motifs(["CTCF"], RELEASE)["CTCF"].matrix_id.startswith("MA0139.")


def test_the_simulated_world_finds_each_of_its_motifs_by_its_own_name():
    plan = open_world("simulated").description["simulation"]
    names = {name for kind in plan["elements"].values() for name in kind["motifs"]}
    names |= {factor["motif"] for factor in plan["factors"].values()}
    for name, motif in fetch_motifs(sorted(names), plan["jaspar"]).items():
        assert motif.name.upper() == name.upper()


@pytest.mark.filterwarnings("ignore:Zero motifs")
@pytest.mark.parametrize("name", ["NOSUCH", "CTC", "GAL4"])
def test_an_unknown_name(name):
    with pytest.raises(ValueError, match=f"{RELEASE} has no .*named '{name}'"):
        fetch_motifs(["CTCF", name], RELEASE)


@pytest.mark.filterwarnings("ignore:Zero motifs")
def test_a_name_outside_the_core_collection():
    """ATF6B has a matrix in UNVALIDATED alone, which is no curated binding profile."""
    assert "ATF6B" not in {motif.name for motif in fetch_all(RELEASE)}
    with pytest.raises(ValueError, match=r"no CORE matrix .*'ATF6B'"):
        fetch_motifs(["ATF6B"], RELEASE)


def test_no_names():
    assert fetch_motifs([], RELEASE) == {}


def test_all_motifs_are_ordered_by_id():
    motifs = fetch_all(RELEASE)
    ids = [motif.matrix_id for motif in motifs]
    assert len(ids) > 700 and ids == sorted(ids) and len(set(ids)) == len(ids)
    assert "GAL4" in {motif.name for motif in fetch_all(RELEASE, "fungi")}


def test_information_of_extreme_columns():
    columns = [[0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0], [0.5, 0, 0.5, 0], [0.5, 0.25, 0.125, 0.125]]
    assert Motif("x", "M0", np.array(columns)).information.tolist() == [0.0, 2.0, 1.0, 0.25]
