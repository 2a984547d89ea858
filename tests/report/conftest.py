"""Handmade notebooks and worlds, and figures without a screen."""

from types import SimpleNamespace

import matplotlib
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from regdna.worlds.writers import write_chains, write_fasta

matplotlib.use("Agg")

PARAMETERS = 'world: str = "simulated"  # a world of the catalogue\nnumber: int = 3  # how many\n'


def write_notebook(path, *code, parameters=PARAMETERS, prose="# Title\n\nSome prose."):
    """Write a notebook's source: prose, the parameters (None for no such cell), code cells."""
    cells = [new_markdown_cell(prose)]
    if parameters is not None:
        cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source) for source in code]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    return path


def write_executed(path, source, date="2026-01-02", injected="", **values):
    """Write what the runner would make of a source, without running it."""
    page = nbformat.read(source, as_version=4)
    if injected:
        tags = [cell.metadata.get("tags", []) for cell in page.cells]
        cell = new_code_cell(injected, metadata={"tags": ["injected-parameters"]})
        page.cells.insert(tags.index(["parameters"]) + 1, cell)
    page.metadata["regdna"] = {
        "source": source.name,
        "parameters": {"world": "simulated", "number": 3} | values,
        "date": date,
        "seconds": 12.4,
        "peak_mb": 345,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(page, path)
    return path


def handmade_world(folder, genomes, chains=(), **more):
    """A world of a reference ``ref`` and a relative ``rel``; its genomes by species, then chromosome."""
    for species, sequences in genomes.items():
        write_fasta(folder / f"{species}.fa", sequences)
    write_chains(folder / "refToRel.over.chain", chains)
    return SimpleNamespace(
        reference="ref",
        relatives=("rel",),
        aliases={},
        distances={},
        built=folder,
        genome_path=lambda species: folder / f"{species}.fa",
        chain_path=lambda species: folder / "refToRel.over.chain",
        **more,
    )


@pytest.fixture(autouse=True)
def close_figures():
    """Free the memory of the figures a test has drawn."""
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
