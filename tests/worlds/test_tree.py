import itertools

import pytest
from Bio import Phylo

from regdna.worlds.catalogue import CATALOGUE
from regdna.worlds.tree import distances, read_tree, species

MAMMALS = CATALOGUE / "mammals23.nwk"


def write(path, text):
    path.write_text(text)
    return path


def test_exact_tree(tmp_path):
    root = read_tree(write(tmp_path / "t.nwk", "((a:1,b:2):0.5,c:4);"))
    assert (root.name, root.length) == ("", 0.0)
    inner, c = root.children
    assert (inner.length, c.name, c.length, c.children) == (0.5, "c", 4.0, ())
    assert [(leaf.name, leaf.length) for leaf in inner.children] == [("a", 1.0), ("b", 2.0)]
    assert species(root) == ["a", "b", "c"]
    assert species(inner) == ["a", "b"]


def test_exact_distances(tmp_path):
    root = read_tree(write(tmp_path / "t.nwk", "((a:1,b:2):0.5,c:4);"))
    assert distances(root, "a") == {"b": 3.0, "c": 5.5}
    assert list(distances(root, "c")) == ["a", "b"]
    assert distances(root, "c") == {"a": 5.5, "b": 6.5}


def test_equal_distances_keep_the_order_of_the_text(tmp_path):
    root = read_tree(write(tmp_path / "t.nwk", "(a:1,(z:1,y:1):1,c:1,b:1);"))
    assert list(distances(root, "a")) == ["c", "b", "z", "y"]


def test_the_mammals():
    found = distances(read_tree(MAMMALS), "hg38")
    assert len(found) == 22 and "hg38" not in found
    assert list(found.values()) == sorted(found.values())
    assert list(found)[:2] == ["panTro6", "panPan2"]
    assert list(found)[-1] == "monDom5"
    assert found["panTro6"] == pytest.approx(0.00655 + 0.002 + 0.00484)


def test_distances_against_biopython():
    tree = Phylo.read(MAMMALS, "newick")
    root = read_tree(MAMMALS)
    names = species(root)
    assert len(names) == 23
    for reference, other in itertools.permutations(names[::4], 2):
        assert distances(root, reference)[other] == pytest.approx(tree.distance(reference, other))


def test_an_unknown_species(tmp_path):
    root = read_tree(write(tmp_path / "t.nwk", "(a:1,b:2);"))
    with pytest.raises(KeyError, match="species 'x' is not in the tree; it has a, b"):
        distances(root, "x")


@pytest.mark.parametrize(
    "text, message",
    [
        ("((a:1,b:2:0.5,c:4;", "not a Newick tree"),
        ("", "not a Newick tree"),
        ("(a:1,b);", "branch to b has no length"),
        ("((a:1,b:1),c:1);", "branch to an inner node has no length"),
        ("((a:1,b:1)primates,c:1);", "branch to primates has no length"),
        ("((a:1,b:1):1,a:1);", "a species name occurs twice"),
    ],
)
def test_a_damaged_tree_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"t\.nwk: {message}"):
        read_tree(write(tmp_path / "t.nwk", text))


def test_a_missing_tree(tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=r"none\.nwk"):
        read_tree(tmp_path / "none.nwk")


def test_a_branch_of_negative_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"t\.nwk: .*\bb\b"):
        read_tree(write(tmp_path / "t.nwk", "(a:1,b:-2);"))
