import dataclasses
import hashlib
import json
from contextlib import suppress

import numpy as np
import pytest
import yaml

from regdna.data import build
from regdna.data.build import build_world
from regdna.worlds import simulation
from regdna.worlds.catalogue import open_world
from regdna.worlds.writers import write_fasta


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def small(make_catalogue, tmp_path):
    """A simulated world of three species, small enough to be built often; keywords change its simulation."""

    def make(**changes):
        catalogue = make_catalogue(tmp_path / "catalogue", **changes)
        (catalogue / "mammals23.nwk").write_text("((hg38:0.01,panTro6:0.01):0.1,mm10:0.3);")
        return open_world("tiny", catalogue, tmp_path / "built")

    return make


def test_a_built_world_is_whole(small):
    world = small()
    build_world(world)
    assert world.ready.exists()
    for species in ("hg38", "panTro6", "mm10"):
        assert world.genome_path(species).exists()
    for species in world.relatives:
        assert world.chain_path(species).exists()
    for experiment in world.experiments:
        assert world.peaks_path(experiment).exists()


def test_building_twice_does_nothing_the_second_time(small, monkeypatch):
    build_world(small())
    before = times(small().built)
    monkeypatch.setattr(build, "simulate", lambda *_: pytest.fail("simulated again"))
    build_world(small())
    assert times(small().built) == before


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_killed_build_goes_on(small, monkeypatch, after):
    world = small()
    written = []

    def killed(path, sequences):
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(path)
        write_fasta(path, sequences)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(simulation, "write_fasta", killed)
        build_world(world)
    assert not world.ready.exists()
    assert len(list(world.built.glob("genomes/*.fa"))) == after
    build_world(world)
    whole = contents(world.built)
    again = dataclasses.replace(world, built=world.built.with_name("again"))
    build_world(again)
    assert whole == contents(again.built)


def test_a_changed_description_rebuilds(small):
    build_world(small())
    before = contents(small().built)
    stale = small().built / "genomes" / "stale.fa"
    stale.write_text(">x\n")
    build_world(small(seed=2))
    after = contents(small().built)
    assert not stale.exists()
    assert after.keys() == before.keys()
    assert after["genomes/hg38.fa"] != before["genomes/hg38.fa"]
    assert after["ready.json"] != before["ready.json"]


def test_a_changed_tree_rebuilds(small):
    build_world(small())
    before = contents(small().built)
    world = small()
    world.tree.write_text("((hg38:0.01,panTro6:0.02):0.1,mm10:0.3);")
    build_world(world)
    assert contents(world.built)["genomes/panTro6.fa"] != before["genomes/panTro6.fa"]


def test_a_rebuild_that_is_killed_is_not_taken_for_complete(small, monkeypatch):
    build_world(small())

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(build, "simulate", killed)
        build_world(small(seed=2))
    assert not small().ready.exists()
    build_world(small(seed=1))
    fresh = dataclasses.replace(small(seed=1), built=small().built.with_name("fresh"))
    build_world(fresh)
    assert contents(small().built) == contents(fresh.built)


def test_files_that_no_build_has_made_are_never_deleted(small):
    """A folder given for built files may by mistake hold something else."""
    world = small()
    world.built.mkdir()
    (world.built / "thesis.txt").write_text("years of work")
    with suppress(ValueError):
        build_world(world)
    assert (world.built / "thesis.txt").exists()


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A world of downloaded genomes, all of them in place."""
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path / "data"))
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 12_000).astype(np.uint8)
    genomes = []
    for name in ("ref", "near", "far"):
        path = tmp_path / "data" / "real" / f"{name}.fa"
        write_fasta(path, {f"{name}1": codes})
        genomes.append({"name": name, "path": f"{name}.fa", "url": f"http://127.0.0.1:9/{name}.fa"})
        genomes[-1]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        at = rng.random(len(codes)) < 0.1
        codes = np.where(at, rng.integers(0, 4, len(codes)), codes).astype(np.uint8)
    description = {
        "name": "real",
        "title": "Real",
        "simulated": False,
        "jaspar": {"release": "JASPAR2024", "tax_group": "fungi"},
        "reference": "ref",
        "genomes": genomes,
        "experiments": [],
        "test_chromosomes": [],
        "validation_chromosomes": [],
        "alignment": {"window": 2000, "step": 1000, "k": 11, "w": 5},
    }
    (tmp_path / "real.yaml").write_text(yaml.safe_dump(description))
    return open_world("real", tmp_path, tmp_path / "built")


def test_a_world_of_real_genomes_gets_chains_to_every_relative(real):
    build_world(real)
    assert sorted(path.name for path in (real.built / "chains").iterdir()) == [
        "refToFar.over.chain.gz",
        "refToNear.over.chain.gz",
    ]
    assert json.loads(real.ready.read_text())["world"] == "real"


def test_chains_that_are_there_are_not_built_again(real):
    build_world(real)
    before = times(real.built)
    real.ready.unlink()
    real.chain_path("far").unlink()
    build_world(real)
    assert real.chain_path("near").stat().st_mtime_ns == before[real.chain_path("near")]
    assert real.chain_path("far").stat().st_mtime_ns > before[real.chain_path("far")]


def test_a_complete_world_is_still_held_against_its_hashes(real):
    build_world(real)
    real.genome_path("near").write_text(">near1\nACGT\n")
    with pytest.raises(ValueError, match=r"cannot fetch http://127\.0\.0\.1:9/near\.fa"):
        build_world(real)
