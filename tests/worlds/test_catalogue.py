import pytest
import yaml

from regdna.files import sha256
from regdna.worlds import catalogue, tree
from regdna.worlds.catalogue import CATALOGUE, PROJECT, SPLITS, Source, open_world, world_names
from regdna.worlds.writers import chain_name

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
    assert (world.aliases, world.chromosomes, world.peak_width, world.sources) == ({}, None, None, {})
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


def test_chains_by_address(write):
    far = "https://x.org/aToC.over.chain.gz"
    genomes = [
        {"name": "a", "path": "a.2bit", "url": "https://x.org/a.2bit", "sha256": "0" * 64},
        {"name": "b", "path": "b.2bit", "chain": {"path": "chains/b.gz"}},
        {"name": "c", "path": "c.2bit", "chain": {"path": "chains/c.gz", "url": far}},
        {"name": "d", "path": "d.fa"},
    ]
    real = BASE | {"tree": None, "simulated": False, "simulation": None, "genomes": genomes}
    world = open_world("base", write(**real))
    assert world.relatives == ("b", "c", "d") and world.without_chain == ("d",)
    assert [world.chain_path(species) for species in world.relatives] == [
        world.downloaded / "chains" / "b.gz",
        world.downloaded / "chains" / "c.gz",
        world.built / "chains" / "aToD.over.chain.gz",
    ]
    assert world.sources == {
        ("genome", "a"): Source("a.2bit", "https://x.org/a.2bit", "0" * 64),
        ("chain", "c"): Source("chains/c.gz", far, None),
    }


def test_chromosomes_keep_their_order(write):
    assert open_world("base", write(**BASE, chromosomes=["chr8", "chr6", "chr10"])).chromosomes == (
        "chr8",
        "chr6",
        "chr10",
    )


GENOMES = [{"name": "a", "path": "a.fa"}, {"name": "b", "path": "b.fa"}, {"name": "c", "path": "c.fa"}]
REAL = BASE | {"simulated": False, "simulation": None, "tree": None, "genomes": GENOMES}


def b_with(**fields):
    return {"genomes": [GENOMES[0], GENOMES[1] | fields, GENOMES[2]]}


@pytest.mark.parametrize(
    "base, changes, problem",
    [
        (BASE, {"simulated": False}, "simulated is False, but there is a simulation section"),
        (BASE, {"simulation": None}, "simulated is True, but there is no simulation section"),
        (REAL, {"genomes": [*GENOMES, {"name": "b", "path": "other.fa"}]}, "genomes: b is listed twice"),
        (REAL, {"experiments": [{"name": "E"}, {"name": "E"}]}, "experiments: E is listed twice"),
        (REAL, {"tree": "t.nwk", "genomes": GENOMES[:2]}, "genomes: c of the tree is missing"),
        (REAL, {"tree": "t.nwk", "genomes": [*GENOMES, {"name": "d"}]}, "genomes: d is not in the tree"),
        (REAL, b_with(chain="aToB.chain"), "genomes: the chain of b needs a path"),
        (REAL, b_with(chain={"url": "https://x.org/x"}), "genomes: the chain of b needs a path"),
        (REAL | {"reference": "b"}, b_with(chain={"path": "x.gz"}), "genomes: b is the reference, which has no chain"),
        (REAL, b_with(chain={"path": "x", "url": "ftp://x"}), "genomes: the chain of b has the url ftp://x"),
        (REAL, b_with(url="ftp://x.org/x"), "genomes: b has the url ftp://x.org/x, which is neither https nor http"),
        (REAL, b_with(sha256="abc"), "genomes: b has a sha256 that is not 64 hexadecimal digits"),
        (REAL, b_with(path="a.fa"), "two files have the path a.fa"),
        (REAL, {"experiments": [{"name": "E", "url": "https://x.org/x"}]}, "experiments: E has a url, but no path"),
        (BASE, b_with(url="https://x"), "genomes: b has a url, but the world is simulated"),
        (REAL, {"test_chromosomes": ["chr6"]}, "test_chromosomes and validation_chromosomes share chr6"),
        (REAL, {"chromosomes": ["chr1", "chr6"]}, "test_chromosomes: chr8 is not in chromosomes"),
        (REAL, {"test_chromosomes": [8, "X"]}, 'test_chromosomes: 8 is a number; write "8" in quotation marks'),
        (REAL, b_with(url=None), "genomes: b has the url None, which is neither https nor http"),
        (REAL, {"max_unknown": 10}, "max_unknown is 10; it is a share, between 0 and 1"),
        (REAL, {"max_unknown": -1}, "max_unknown is -1; it is a share"),
        (REAL, {"peak_width": 0}, "peak_width is 0; it must be at least 1 base"),
    ],
)
def test_a_description_that_contradicts_itself(write, base, changes, problem):
    open_world("base", write(**base))
    with pytest.raises(ValueError, match=rf"base\.yaml: {problem}"):
        open_world("base", write(**base | changes))


def test_every_contradiction_is_named(write):
    with pytest.raises(ValueError, match=r"base\.yaml: genomes: b has a sha256 .*; test_chromosomes and .* chr6$"):
        open_world("base", write(**REAL | b_with(sha256="abc") | {"test_chromosomes": ["chr6"]}))


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
    assert {"mammals", "simulated", "simulated_quick", "yeast"} <= set(world_names())
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


class TestMammals:
    @pytest.fixture
    def world(self):
        return open_world("mammals")

    def test_its_species_are_those_of_the_tree_nearest_first(self, world):
        distances = tree.distances(tree.read_tree(CATALOGUE / "mammals.nwk"), "hg38")
        assert world.distances == distances and len(distances) == 22
        assert world.relatives == tuple(distances) and world.relatives[-1] == "monDom5"
        assert [genome["name"] for genome in world.description["genomes"]] == ["hg38", *distances]
        assert list(distances.values()) == sorted(distances.values())

    def test_its_tree_is_that_of_the_simulated_clade_but_for_one_name(self):
        simulated, real = ((CATALOGUE / name).read_text() for name in ("mammals23.nwk", "mammals.nwk"))
        assert simulated.replace("gorGor4", "gorGor6") == real != simulated

    def test_its_addresses_follow_the_naming_of_ucsc(self, world):
        root = "https://hgdownload.soe.ucsc.edu/goldenPath"
        assert len(world.sources) == 23 + 22 and not world.without_chain
        for (kind, name), source in world.sources.items():
            if kind == "genome":
                assert source == Source(f"genomes/{name}.2bit", f"{root}/{name}/bigZips/{name}.2bit", None)
            else:
                file = chain_name("hg38", name)
                assert source == Source(f"chains/{file}", f"{root}/hg38/liftOver/{file}", None)
                assert world.chain_path(name) == world.downloaded / "chains" / file

    def test_its_peaks_are_placed_by_the_reader(self, world):
        assert list(world.experiments) == list(open_world("simulated").experiments)
        assert world.peaks_path("ATF3") == world.downloaded / "peaks" / "ATF3.narrowPeak"

    def test_bins_are_of_primary_chromosomes(self, world):
        assert world.chromosomes == tuple(f"chr{name}" for name in (*range(1, 23), "X", "Y"))
        assert world.test_chromosomes == {"chr8", "chr9"} and world.validation_chromosomes == {"chr6", "chr7"}


def test_the_catalogue_lies_in_the_project():
    assert CATALOGUE == PROJECT / "data" / "worlds" and (PROJECT / "pyproject.toml").exists()


class TestReads:
    READS = BASE | {"simulation": {"seed": 1, "reads": {"experiments": ["F"]}}}

    def test_paths(self, write, tmp_path):
        world = open_world("base", write(**self.READS), tmp_path / "built")
        assert world.sequenced == ("F",)
        assert world.reads_path("F") == tmp_path / "built" / "reads" / "F.bed.gz"
        assert world.control_path == tmp_path / "built" / "reads" / "control.bed.gz"

    def test_an_experiment_without_reads(self, write):
        world = open_world("base", write(**self.READS))
        with pytest.raises(KeyError, match=r"world base has no reads of 'E'; it has reads of F\b"):
            world.reads_path("E")

    @pytest.mark.parametrize("simulation", [{"seed": 1}, {"reads": {"experiments": []}}])
    def test_a_world_without_reads(self, write, simulation):
        world = open_world("base", write(**BASE | {"simulation": simulation}))
        assert world.sequenced == ()
        with pytest.raises(KeyError, match=r"world base has no reads of 'E'; it has reads of no experiment\b"):
            world.reads_path("E")

    def test_the_books_worlds(self):
        assert open_world("yeast").sequenced == ()
        for name in ("simulated", "simulated_quick"):
            world = open_world(name)
            assert set(world.sequenced) == {"CTCF", "H3K4me3", "REST", "ATF3"} <= set(world.experiments)


class TestVariants:
    EXPERIMENTS = (
        {"name": "E", "at": "sites", "variants": {"path": "v/E.tsv"}},
        {"name": "F", "at": "elements"},
    )

    def test_paths(self, write):
        world = open_world("base", write(**BASE | {"experiments": list(self.EXPERIMENTS)}))
        assert world.with_variants == ("E",)
        assert world.variants_path("E") == world.downloaded / "v" / "E.tsv"
        with pytest.raises(KeyError, match="no variants of 'F'; it has variants of E"):
            world.variants_path("F")

    def test_an_address(self, write):
        experiments = [{"name": "E", "variants": {"path": "v/E.tsv", "url": "https://x.org/E.tsv"}}]
        real = {name: value for name, value in BASE.items() if name != "simulation"}
        world = open_world("base", write(**real | {"simulated": False, "experiments": experiments}))
        assert world.sources["variants", "E"] == Source("v/E.tsv", "https://x.org/E.tsv", None)

    def test_simulated_ones_are_built(self):
        world = open_world("simulated")
        assert world.with_variants == ("CTCF", "ANDR")
        assert world.variants_path("ANDR") == world.built / "variants" / "ANDR.tsv.gz"

    def test_contradictions(self, write):
        broken = {"experiments": [{"name": "E", "variants": "v.tsv"}]}
        with pytest.raises(ValueError, match="the variants of E need a path"):
            open_world("base", write(**BASE | broken))
        simulation = BASE["simulation"] | {"variants": {"experiments": ["F", "E", "G"]}}
        more = {"experiments": list(self.EXPERIMENTS), "simulation": simulation}
        with pytest.raises(ValueError, match="variants of F, G, which is no experiment that looks at sites"):
            open_world("base", write(**BASE | more))


def test_cells_lie_in_a_folder_of_worlds_that_have_them(tiny_world):
    assert (tiny_world.cells_path / "matrix.mtx.gz").exists()
    assert open_world("yeast").cells_path is None


class TestCohorts:
    def test_a_cohort_lies_in_a_folder_of_worlds_that_have_one(self, tiny_world):
        assert (tiny_world.cohort_path / "genotypes.vcf.gz").exists()
        assert open_world("yeast").cohort_path is None

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"frequency": [0.5, 0.05]}, r"the cohort's frequency is 0\.5 to 0\.05"),
            ({"frequency": [0, 0.5]}, r"the cohort's frequency is 0 to 0\.5; two shares"),
            ({"heritability": 1}, "the cohort's heritability is 1; it is a share"),
            ({"causal": 1.2}, r"the cohort's causal is 1\.2"),
            ({"prevalence": 0}, "the cohort's prevalence is 0"),
            ({"cases": 0}, "the cohort's cases is 0; it must be at least 1"),
        ],
    )
    def test_contradictions(self, make_catalogue, tmp_path, changes, problem):
        given = open_world("simulated").description["simulation"]["cohort"]
        open_world("tiny", make_catalogue(tmp_path, cohort=given | {"causal": 1}))
        with pytest.raises(ValueError, match=rf"tiny\.yaml: simulation: {problem}"):
            open_world("tiny", make_catalogue(tmp_path, cohort=given | changes))

    def test_it_needs_variants(self, write):
        cohort = open_world("simulated").description["simulation"]["cohort"]
        with pytest.raises(ValueError, match="a cohort needs variants"):
            open_world("base", write(**BASE | {"simulation": BASE["simulation"] | {"cohort": cohort}}))
