"""Species trees with branch lengths in substitutions per site."""

from typing import NamedTuple

from Bio import Phylo


class Branch(NamedTuple):
    """One branch, from a parent node to a child node; ``children`` are the branches below it (none for a species)."""

    name: str
    length: float
    children: tuple


def read_tree(path, scale=1.0):
    """Read a rooted Newick tree.

    Parameters
    ----------
    path : path
    scale : float
        Factor on all branch lengths.

    Returns
    -------
    Branch
        The root, with length 0.

    Raises
    ------
    ValueError
        If the file is no Newick tree, a branch lacks its length or has a negative one, or two species share a name.
    """
    try:
        tree = Phylo.read(path, "newick")
    except Exception as error:  # Bio.Phylo raises several unrelated types on damaged text
        raise ValueError(f"{path}: not a Newick tree ({error})") from error
    for clade in tree.find_clades():
        if clade is not tree.root and (clade.branch_length is None or clade.branch_length < 0):
            problem = "has no length" if clade.branch_length is None else f"has length {clade.branch_length}"
            raise ValueError(f"{path}: branch to {clade.name or 'an inner node'} {problem}")
    root = _branch(tree.root, scale)
    names = species(root)
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a species name occurs twice")
    return root


def _branch(clade, scale):
    children = tuple(_branch(child, scale) for child in clade.clades)
    return Branch(clade.name or "", scale * float(clade.branch_length or 0), children)


def species(branch):
    """List the names of the species at or below a branch, in the order of the tree's text."""
    return [branch.name] if not branch.children else [name for child in branch.children for name in species(child)]


def distances(root, reference):
    """Sum the branch lengths from one species to every other.

    Parameters
    ----------
    root : Branch
    reference : str

    Returns
    -------
    dict of str to float
        Substitutions per site, nearest first; equal distances keep the order of the tree's text. The reference is left
        out.

    Raises
    ------
    KeyError
        If the tree has no such species.
    """
    depths = {}

    def walk(branch, path, depth):
        path, depth = [*path, (id(branch), depth + branch.length)], depth + branch.length
        if not branch.children:
            depths[branch.name] = path
        for child in branch.children:
            walk(child, path, depth)

    walk(root, [], 0.0)
    if reference not in depths:
        raise KeyError(f"species {reference!r} is not in the tree; it has {', '.join(depths)}")
    own = dict(depths[reference])

    def distance(path):
        shared = max(depth for node, depth in path if node in own)
        return path[-1][1] + depths[reference][-1][1] - 2 * shared

    found = {name: distance(path) for name, path in depths.items() if name != reference}
    return dict(sorted(found.items(), key=lambda item: item[1]))
