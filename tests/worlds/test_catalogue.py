import pytest
import yaml

from regdna.files import sha256
from regdna.worlds import catalogue
from regdna.worlds.catalogue import CATALOGUE, PROJECT, SPLITS, open_world, world_names

BASE = {
    "name": "base",
    "title": "Base",
    "simulated": True,
    "jaspar": {"release": "JASPAR2024", "tax_group": "vertebrates"},
    "reference": "a",
    "tree": "t.nwk",
    "test_chromosomes": ["chr8"],
    "validation_chromosomes": ["chr6"],
    "experiments": [{"name": "E", "width": 200}, {"name": "F", "width": 200}],
    "simulation": {"seed": 1, "rates": {"cpg": 8.0, "indels": 0.04}, "gc": [0.4, 0.5]},
}


@pytest.fixture
def write(tmp_path):
    (tmp_path / "t.nwk").write_text("((a:1,b:2):1,c:1);")

    def write_world(file="base", /, **description):
        text = {key: value for key, value in description.items() if value is not None}
        (tmp_path / f"{file}.yaml").write_text(yaml.safe_dump(text))
        return tmp_path

    return write_world


def test_a_world_from_its_description(write, tmp_path):
    world = open_world("base", write(**BASE), tmp_path / "built")
    assert (world.name, world.title, world.simulated, world.reference) == ("base", "Base", True, "a")
    assert world.relatives == ("b", "c")  # nearest first, the earlier in the tree at equal distance
    assert world.distances == {"b": 3.0, "c": 3.0}
    assert list(world.experiments) == ["E", "F"]
    assert world.description == BASE
    assert world.tree == tmp_path / "t.nwk"
    assert (world.aliases, world.peak_width, world.sources) == ({}, None, {})
    assert world.genome_path("b") == tmp_path / "built" / "genomes" / "b.fa"
    assert world.chain_path("b") == tmp_path / "built" / "chains" / "aToB.over.chain.gz"
    assert world.peaks_path("E") == tmp_path / "built" / "peaks" / "E.narrowPeak"
    assert world.ready.parent == world.built


def test_splits_by_chromosome(write):
    world = open_world("base", write(**BASE))
    assert [world.split(chrom) for chrom in ("chr8", "chr6", "chr1", "chr88")] == [
        "test",
        "validation",
        "train",
        "train",
    ]
    assert set(SPLITS) == {"train", "validation", "test"}


def test_an_unknown_world_is_named_with_those_known(write):
    folder = write(**BASE)
    write("other", **BASE)
    with pytest.raises(ValueError, match=rf"no world named 'nope' in {folder}; worlds: base, other$"):
        open_world("nope", folder)


def test_an_empty_catalogue(tmp_path):
    with pytest.raises(ValueError, match=r"no world named 'base' in .*; worlds: none"):
        open_world("base", tmp_path)


@pytest.mark.parametrize(
    "field", ["title", "simulated", "reference", "experiments", "test_chromosomes", "validation_chromosomes"]
)
def test_a_missing_field_is_named_with_its_file(write, field):
    with pytest.raises(ValueError, match=rf"base\.yaml: '{field}' is missing or unknown"):
        open_world("base", write(**BASE | {field: None}))


def test_a_copied_description_needs_a_name_of_its_own(write):
    with pytest.raises(ValueError, match=r"base\.yaml: its name is 'other'; it must be that of the file, 'base'"):
        open_world("base", write(**BASE | {"name": "other"}))


def test_a_file_without_url_lies_in_the_download_folder(write):
    genomes = [{"name": "a", "path": "genomes/a.fa"}, {"name": "b", "path": "genomes/b.fa"}]
    world = open_world("base", write(**BASE | {"tree": None, "reference": "a", "genomes": genomes}))
    assert world.genome_path("b") == world.downloaded / "genomes" / "b.fa"
    assert not world.sources


def test_a_reference_that_the_tree_lacks(write):
    with pytest.raises(ValueError, match=r"base\.yaml: .*'x' is not in the tree; it has a, b, c"):
        open_world("base", write(**BASE | {"reference": "x"}))


def test_a_reference_that_the_genomes_lack(write):
    genomes = [{"name": "a"}, {"name": "b"}]
    assert open_world("base", write(**BASE | {"tree": None, "genomes": genomes})).relatives == ("b",)
    with pytest.raises(ValueError, match=r"base\.yaml: .*'x'"):
        open_world("base", write(**BASE | {"tree": None, "genomes": genomes, "reference": "x"}))


def test_a_tree_that_is_absent_is_named(write):
    with pytest.raises((ValueError, FileNotFoundError), match=r"no\.nwk"):
        open_world("base", write(**BASE | {"tree": "no.nwk"}))


def test_an_unknown_experiment_is_named_with_those_known(write):
    with pytest.raises(KeyError, match="world base has no experiment 'e'; it has E, F"):
        open_world("base", write(**BASE)).peaks_path("e")


def test_extends_merges_sections_and_replaces_lists(write):
    write(**BASE)
    changes = {"name": "small", "test_chromosomes": ["chr1"], "simulation": {"rates": {"cpg": 1.0}, "gc": [0.3]}}
    world = open_world("small", write("small", extends="base", **changes))
    assert (world.name, world.title, world.reference) == ("small", "Base", "a")
    assert world.test_chromosomes == {"chr1"} and world.validation_chromosomes == {"chr6"}
    assert world.description["simulation"] == {"seed": 1, "rates": {"cpg": 1.0, "indels": 0.04}, "gc": [0.3]}
    assert open_world("base", write(**BASE)).description == BASE


def test_extends_in_two_steps(write):
    write(**BASE)
    write("small", extends="base", name="small", simulation={"seed": 2})
    world = open_world("tiny", write("tiny", extends="small", name="tiny", simulation={"rates": {"cpg": 0.0}}))
    assert world.description["simulation"]["seed"] == 2
    assert world.description["simulation"]["rates"] == {"cpg": 0.0, "indels": 0.04}


def test_extending_an_unknown_world(write):
    with pytest.raises(ValueError, match="no world named 'nope'"):
        open_world("small", write("small", extends="nope", name="small"))


def test_worlds_that_extend_each_other(write):
    write("one", extends="two", name="one")
    with pytest.raises(ValueError, match=r"one|two"):
        open_world("one", write("two", extends="one", name="two"))


@pytest.mark.parametrize("text", ["name: [", "a: b: c"])
def test_damaged_yaml(tmp_path, text):
    (tmp_path / "base.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"base\.yaml: not valid YAML"):
        open_world("base", tmp_path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a list\n", "one word"])
def test_yaml_without_fields(tmp_path, text):
    (tmp_path / "base.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"base\.yaml"):
        open_world("base", tmp_path)


def test_every_world_of_the_project_opens():
    assert {"simulated", "simulated_quick", "yeast"} <= set(world_names())
    for name in world_names():
        world = open_world(name)
        assert world.name == name
        assert world.built == PROJECT / "data" / "built" / name
        assert world.reference not in world.relatives and len(world.relatives) >= 12
        assert not world.test_chromosomes & world.validation_chromosomes
        assert world.test_chromosomes and world.validation_chromosomes


def test_the_quick_world_differs_in_size_alone():
    full, quick = (open_world(name).description for name in ("simulated", "simulated_quick"))
    assert quick["simulation"] == full["simulation"] | {"size": 2_000_000}
    assert quick["experiments"] == full["experiments"]


def test_regdna_data_moves_the_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path))
    world = open_world("yeast")
    assert world.downloaded == tmp_path / "yeast"
    assert world.genome_path("sacCer3") == tmp_path / "yeast" / "genomes" / "single_sequences.2bit"
    assert world.peaks_path("Reb1") == tmp_path / "yeast" / "peaks" / "Reb1_CX.bed"
    assert world.chain_path("Sarb") == PROJECT / "data" / "built" / "yeast" / "chains" / "sacCer3ToSarb.over.chain.gz"


@pytest.mark.parametrize("value", [None, ""])
def test_without_regdna_data_the_cache_of_the_project_is_used(monkeypatch, value):
    monkeypatch.delenv("REGDNA_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("REGDNA_DATA", value)
    assert catalogue.cache_folder() == PROJECT / "data" / "cache"
    assert open_world("yeast").downloaded == PROJECT / "data" / "cache" / "yeast"


def test_every_public_file_of_yeast_has_url_and_hash():
    world = open_world("yeast")
    assert len(world.sources) == 13 + 16
    for source in world.sources.values():
        assert source.url.startswith("https://") and len(source.sha256) == 64
    assert len({source.sha256 for source in world.sources.values()}) == 29
    assert world.relatives[0] == "SK1" and world.relatives[-1] == "Sarb"


def test_the_yeast_files_have_their_hashes(yeast_data):
    for source in open_world("yeast").sources.values():
        assert sha256(yeast_data / source.path) == source.sha256


def test_the_catalogue_lies_in_the_project():
    assert CATALOGUE == PROJECT / "data" / "worlds" and (PROJECT / "pyproject.toml").exists()
