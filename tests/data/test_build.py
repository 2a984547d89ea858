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
        tiny = yaml.safe_load((catalogue / "tiny.yaml").read_text()) | {"near_identical": ["panTro6"]}
        (catalogue / "tiny.yaml").write_text(yaml.safe_dump(tiny))
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


def changed(real, **description):
    """The same world with another description; None removes a field."""
    text = {key: value for key, value in (real.description | description).items() if value is not None}
    (real.built.parent / "real.yaml").write_text(yaml.safe_dump(text))
    return open_world("real", real.built.parent, real.built)


def chained(real, *relatives):
    """The genomes of a world, some of them with a chain file at a path below its download folder."""
    return [
        genome | ({"chain": {"path": f"chains/{genome['name']}.gz"}} if genome["name"] in relatives else {})
        for genome in real.description["genomes"]
    ]


def place(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"chain")


def test_given_chains_need_no_alignment(real, monkeypatch):
    world = changed(real, genomes=chained(real, "near", "far"), alignment=None)
    monkeypatch.setattr(build, "build_chain_file", lambda *_, **__: pytest.fail("aligned"))
    for species in world.relatives:
        place(world.chain_path(species))
    build_world(world)
    assert world.ready.exists() and not (world.built / "chains").exists()
    build_world(world)


def test_chains_are_built_where_none_is_given(real):
    world = changed(real, genomes=chained(real, "near"))
    place(world.chain_path("near"))
    build_world(world)
    assert sorted(path.name for path in (world.built / "chains").iterdir()) == ["refToFar.over.chain.gz"]
    assert world.chain_path("near").read_bytes() == b"chain"


def test_a_relative_with_neither_a_chain_nor_settings_of_the_alignment(real, monkeypatch):
    monkeypatch.setattr(build, "download", lambda _: pytest.fail("fetched files in vain"))
    world = changed(real, genomes=chained(real, "near"), alignment=None)
    with pytest.raises(ValueError, match=r"world real: no chain to far; give each a chain, or the world an alignment"):
        build_world(world)
    assert not world.built.exists()


def test_files_without_url_must_be_in_place(real, monkeypatch):
    monkeypatch.setattr(build, "download", lambda _: pytest.fail("fetched files in vain"))
    genomes = chained(real, "near", "far")
    del genomes[1]["url"], genomes[1]["sha256"]
    world = changed(real, genomes=genomes)
    world.genome_path("near").unlink()
    place(world.chain_path("near"))
    with pytest.raises(ValueError) as error:
        build_world(world)
    paths = f"{world.genome_path('near')}, {world.chain_path('far')}"
    assert str(error.value) == f"world real gives no url for these files; place them yourself: {paths}"


def test_peaks_without_url_that_are_absent_are_told(real, caplog):
    peaks = [{"name": name, "path": f"peaks/{name}.narrowPeak"} for name in ("A", "B")]
    world = changed(real, experiments=peaks, genomes=chained(real, "near", "far"))
    for path in (*map(world.chain_path, world.relatives), world.peaks_path("B")):
        place(path)
    build_world(world)
    assert world.ready.exists()
    assert f"no url is given for these peaks; place them yourself: {world.peaks_path('A')}" in caplog.text
    assert "B.narrowPeak" not in caplog.text


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
