"""Every notebook runs at quick size: by the book's own runner, and cell by cell under nbval."""

import os
import subprocess
import sys

import matplotlib
import nbformat
import papermill
import pytest

from regdna.data.build import build_world
from regdna.report.notebooks import check_parameters, parameters, run_notebook
from regdna.worlds.catalogue import PROJECT, open_world

SOURCES = sorted((PROJECT / "notebooks").glob("*.ipynb"))
WORLD = "simulated_quick"
TRAINING = {"seeds": [0], "steps": 20, "finetune_steps": 10, "iterations": 1}
QUICK = {
    "01_worlds": {},
    "02_peaks": {"experiment": "CTCF", "fragment_length": 200},
    "03_liftover": {"experiment": "CTCF", "motif": "CTCF"},
    "04_cnn": {"experiment": "CTCF", **TRAINING},
    "05a_pretraining": {"steps": 2},
    "05_dnabert2": {"experiments": ["CTCF"], "cnn": "deepbind", "pretraining_steps": 2, **TRAINING},
    "06_benchmark": {
        "experiments": ["CTCF", "H3K4me3", "ATAC"],
        "other_models": ["deepbind"],
        "other_experiments": ["CTCF", "ATAC"],
        **TRAINING,
    },
    "06a_ceiling": {"experiments": ["CTCF", "ATAC"], "regimes": ["SL", "SSL"], **TRAINING},
    "07_noisy_student": {"experiments": ["CTCF", "ATAC"], "students": [2], "noises": [0], **TRAINING},
    "08_genomes": {"experiments": ["CTCF", "ATAC"], "nearest": [1], **TRAINING},
    "09_leakage": {"experiments": ["CTCF"], **TRAINING},
    "19_gain": {
        "experiments": ["CTCF", "ATAC"],
        "turned_worlds": [WORLD],
        "turned_experiments": ["CTCF"],
        "turned_seeds": [0],
        **TRAINING,
    },
    "10_snp_effects": {"experiments": ["CTCF"], "regimes": ["SL", "SSL"], "other_models": [], **TRAINING},
    "11_findna": {"steps": 2},
    "12_findna_tasks": {"steps": 2, "seeds": [0], "tasks": ["enhancer", "CTCF"], "tuned_tasks": ["CTCF"]},
    "13_findna_ablations": {"steps": 2, "tasks": ["CTCF"], "pairs": ["M+None"], "widths": [], "cost_lengths": [40, 80]},
    "14_cells": {"release": "JASPAR2018"},
    "15_genebert": {"steps": 2},
    "16_genebert_tasks": {"steps": 2, "tasks": ["TFBS"]},
    "16a_disease_risk": {"steps": 2, "experiments": ["CTCF"], "splits": [0, 1]},
    "16b_splice_sites": {"steps": 2, "contexts": [80], "blocks": 8, "epochs": 1, "test_genes": 2, "published": []},
    "17_genebert_ablations": {
        "steps": 2,
        "tasks": ["TFBS"],
        "losses": ["mgm"],
        "types": [4],
        "encoders": ["swin"],
        "batches": [16],
        "weights": [5.0],
    },
    "20_understanding": {"experiment": "CTCF", **TRAINING},
}
COLLECTIONS = {"21_human_ctcf": {"seeds": [0], "steps": 20}}  # notebooks on data without a world


@pytest.fixture(scope="module", autouse=True)
def surroundings(own_cache):
    """The world the notebooks open, and caches of their own for their kernels."""
    build_world(open_world(WORLD))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(own_cache))
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # spares the search for fonts
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            patch.setenv(name, "1")  # as Snakemake runs them; threads of two libraries would wait for each other
        yield


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder of what notebooks keep; what one test has trained, another one reads."""
    return tmp_path_factory.mktemp("results")


def quick(path, results):
    """Parameters that make a notebook quick; a new notebook runs with its defaults on the quick world."""
    keeps = {"results": str(results)} if "results" in {p.name for p in parameters(path)} else {}
    given = COLLECTIONS.get(path.stem) or {"world": WORLD} | QUICK.get(path.stem, {})
    return check_parameters(path, given | keeps)


@pytest.fixture
def path(request, data_folder, monkeypatch):
    """A notebook; skips where the collection that it is about is absent."""
    if request.param.stem in COLLECTIONS:
        collection = request.getfixturevalue("human_ctcf")
        monkeypatch.setenv("REGDNA_DATA", str(collection.downloaded.parent))
    return request.param


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem, indirect=True)
def test_runs(path, results, tmp_path):
    output = tmp_path / path.name
    run_notebook(path, output, quick(path, results))
    page = nbformat.read(output, as_version=4)
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert sum("image/png" in out.get("data", {}) for cell in code for out in cell.outputs) >= 1
    given = page.metadata["regdna"]["parameters"]
    assert given.get("world", WORLD) == WORLD and (path.stem in COLLECTIONS) == ("collection" in given)
    assert str(tmp_path) not in output.read_text().replace(str(results), "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem, indirect=True)
def test_nbval(path, results, tmp_path):
    prepared = tmp_path / path.name
    papermill.execute_notebook(str(path), str(prepared), quick(path, results), prepare_only=True, progress_bar=False)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", "-q", "--tb=short", prepared]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    code = [cell for cell in nbformat.read(prepared, as_version=4).cells if cell.cell_type == "code"]
    assert f"{len(code)} passed" in done.stdout
