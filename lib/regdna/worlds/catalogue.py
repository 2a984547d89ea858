"""Worlds by name: one YAML file each, and where its files lie."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from regdna.worlds import tree as trees
from regdna.worlds.consistency import contradictions
from regdna.worlds.writers import chain_name

PROJECT = Path(__file__).resolve().parents[3]
CATALOGUE = PROJECT / "data" / "worlds"
SPLITS = ("train", "validation", "test")


def cache_folder():
    """Folder of downloaded files: the environment variable REGDNA_DATA, or ``data/cache`` of the project."""
    return Path(os.environ.get("REGDNA_DATA") or PROJECT / "data" / "cache")


@dataclass(frozen=True)
class Source:
    """A public file: its path below the world's download folder, its URL and its SHA-256 if that is known."""

    path: str
    url: str
    sha256: str | None


@dataclass(frozen=True)
class World:
    """A reference genome, its relatives, experiments on the reference, and a split by chromosome.

    Attributes
    ----------
    name, title : str
    simulated : bool
    reference : str
    relatives : tuple of str
        Nearest first.
    near_identical : tuple of str
        Relatives that the description calls near-identical to the reference: strains, or sister species.
    distances : dict of str to float
        Substitutions per site from the reference, where a tree is given; else empty.
    experiments : dict of str to dict
        By name, as the YAML file describes them.
    test_chromosomes, validation_chromosomes : frozenset of str
    chromosomes : tuple of str or None
        The reference chromosomes that bins are taken from; None for all. An assembly with alternate haplotypes needs
        them: these repeat parts of the test chromosomes under names of their own, which would be trained on.
    aliases : dict of str to str
        Other names of reference chromosomes.
    peak_width : int or None
        Width in bases that point-like peaks are set to.
    max_unknown : float
        Largest share of unknown bases (N) that a bin may have; 0.1 by default.
    tree : pathlib.Path or None
        Newick file of the clade.
    jaspar : dict
        ``release`` and ``tax_group`` of the motifs that fit this world.
    description : dict
        The whole YAML file.
    downloaded, built : pathlib.Path
        Folders of files fetched from their public source and of files made here.
    """

    name: str
    title: str
    simulated: bool
    reference: str
    relatives: tuple
    experiments: dict
    test_chromosomes: frozenset
    validation_chromosomes: frozenset
    downloaded: Path
    built: Path
    jaspar: dict
    description: dict = field(repr=False)
    near_identical: tuple = ()
    distances: dict = field(default_factory=dict)
    chromosomes: tuple | None = None
    aliases: dict = field(default_factory=dict)
    peak_width: int | None = None
    max_unknown: float = 0.1
    tree: Path | None = None

    def split(self, chrom):
        """Say which part a reference chromosome belongs to: train, validation or test."""
        if chrom in self.test_chromosomes:
            return "test"
        return "validation" if chrom in self.validation_chromosomes else "train"

    def genome_path(self, species):
        """Path of a genome, downloaded or built."""
        given = self._genomes.get(species, {})
        return self.downloaded / given["path"] if "path" in given else self.built / "genomes" / f"{species}.fa"

    def chain_path(self, species):
        """Path of the chain file from the reference to a relative, downloaded or built."""
        given = self._genomes.get(species, {}).get("chain")
        return self.downloaded / given["path"] if given else self.built / "chains" / chain_name(self.reference, species)

    def peaks_path(self, experiment):
        """Path of an experiment's peaks.

        Raises
        ------
        KeyError
            If the world has no such experiment; the message lists those it has.
        """
        if experiment not in self.experiments:
            known = ", ".join(self.experiments)
            raise KeyError(f"world {self.name} has no experiment {experiment!r}; it has {known}")
        given = self.experiments[experiment]
        return self.downloaded / given["path"] if "path" in given else self.built / "peaks" / f"{experiment}.narrowPeak"

    @property
    def sequenced(self):
        """The experiments that have sequencing reads; tuple of str, empty for a world of peaks only."""
        return tuple(self.description.get("simulation", {}).get("reads", {}).get("experiments", ()))

    def reads_path(self, experiment):
        """Path of an experiment's sequencing reads, BED6.

        Raises
        ------
        KeyError
            If the world has no reads of it; the message lists the experiments that have reads.
        """
        if experiment not in self.sequenced:
            known = ", ".join(self.sequenced) or "no experiment"
            raise KeyError(f"world {self.name} has no reads of {experiment!r}; it has reads of {known}")
        return self.built / "reads" / f"{experiment}.bed.gz"

    @property
    def control_path(self):
        """Path of the control's sequencing reads, BED6; one control serves all experiments that have reads."""
        return self.built / "reads" / "control.bed.gz"

    @property
    def with_variants(self):
        """The experiments whose allele-specific binding is known; tuple of str."""
        simulated = self.description.get("simulation", {}).get("variants", {}).get("experiments", ())
        return (*simulated, *(name for name, experiment in self.experiments.items() if "variants" in experiment))

    def variants_path(self, experiment):
        """Path of the variants of an experiment with the reads of both alleles, a table like ADASTRA's.

        Raises
        ------
        KeyError
            If the world has none for it; the message lists the experiments that have.
        """
        if experiment not in self.with_variants:
            known = ", ".join(self.with_variants) or "no experiment"
            raise KeyError(f"world {self.name} has no variants of {experiment!r}; it has variants of {known}")
        given = self.experiments[experiment].get("variants")
        return self.downloaded / given["path"] if given else self.built / "variants" / f"{experiment}.tsv.gz"

    @property
    def cells_path(self):
        """Folder of counts of single cells with their types, None for a world without; pathlib.Path or None."""
        return self.built / "cells" if "cells" in self.description.get("simulation", {}) else None

    @property
    def cohort_path(self):
        """Folder of a cohort's genotypes and phenotypes, None for a world without; pathlib.Path or None."""
        return self.built / "cohort" if "cohort" in self.description.get("simulation", {}) else None

    @property
    def genes_path(self):
        """Path of the gene models of the reference, GTF; None for a world without; pathlib.Path or None."""
        there = "genes" in self.description.get("simulation", {})
        return self.built / "genes" / "annotation.gtf.gz" if there else None

    @property
    def sources(self):
        """The files that have a URL; dict of (``genome``, ``chain``, ``peaks`` or ``variants``, name) to Source."""
        genomes = {("genome", name): genome for name, genome in self._genomes.items()}
        chains = {("chain", name): genome["chain"] for name, genome in self._genomes.items() if "chain" in genome}
        peaks = {("peaks", name): experiment for name, experiment in self.experiments.items()}
        variants = {("variants", name): e["variants"] for name, e in self.experiments.items() if "variants" in e}
        return {
            key: Source(entry["path"], entry["url"], entry.get("sha256"))
            for key, entry in (genomes | chains | peaks | variants).items()
            if "url" in entry
        }

    @property
    def unhashed(self):
        """Name, size and modification time of the genomes and chains whose SHA-256 the description does not give.

        What was made from a file is made anew if the file changes; where no hash tells, these do. List of list.
        """
        entries = [entry for genome in self._genomes.values() for entry in (genome, genome.get("chain", {}))]
        paths = [self.downloaded / e["path"] for e in entries if "path" in e and "sha256" not in e]
        stats = [(path.name, path.stat()) for path in paths if path.exists()]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]

    @property
    def without_chain(self):
        """The relatives whose chains are not given, but made here; tuple of str."""
        return tuple(species for species in self.relatives if "chain" not in self._genomes.get(species, {}))

    @property
    def _genomes(self):
        return {genome["name"]: genome for genome in self.description.get("genomes", ())}

    @property
    def ready(self):
        """Path of the stamp that says that the world's files are complete."""
        return self.built / "ready.json"


def world_names():
    """List the worlds of the catalogue, sorted."""
    return sorted(path.stem for path in CATALOGUE.glob("*.yaml"))


def open_world(name, catalogue=CATALOGUE, built=None):
    """Open a world by its name. Its files need not exist yet; ``regdna world NAME`` makes them.

    Parameters
    ----------
    name : str
    catalogue : path
        Folder of world descriptions.
    built : path, optional
        Folder for built files, ``data/built/<name>`` of the project by default.

    Returns
    -------
    World

    Raises
    ------
    ValueError
        If there is no such world, or its description lacks a field, names an unknown species or contradicts itself;
        file and field are named.
    """
    text = _description(name, Path(catalogue))
    path = Path(catalogue) / f"{name}.yaml"
    if text.get("name") != name:
        raise ValueError(f"{path}: its name is {text.get('name')!r}; it must be that of the file, {name!r}")
    try:
        tree = Path(catalogue) / text["tree"] if "tree" in text else None
        scale = text.get("simulation", {}).get("tree_scale", 1.0)
        distances = trees.distances(trees.read_tree(tree, scale), text["reference"]) if tree else {}
        genomes = [genome["name"] for genome in text.get("genomes", ())]
        relatives = tuple(distances) or tuple(name for name in genomes if name != text["reference"])
        if not tree and text["reference"] not in genomes:
            raise ValueError(f"{path}: the reference {text['reference']!r} is not among the genomes")
        if problems := [*contradictions(text, {text["reference"], *relatives})]:
            raise ValueError(f"{path}: {'; '.join(problems)}")
        return World(
            name=text["name"],
            title=text["title"],
            simulated=text["simulated"],
            reference=text["reference"],
            relatives=relatives,
            distances=distances,
            near_identical=tuple(text.get("near_identical", ())),
            tree=tree,
            experiments={e["name"]: e for e in text["experiments"]},
            test_chromosomes=frozenset(text["test_chromosomes"]),
            validation_chromosomes=frozenset(text["validation_chromosomes"]),
            chromosomes=tuple(text["chromosomes"]) if "chromosomes" in text else None,
            aliases=text.get("chromosome_aliases", {}),
            peak_width=text.get("peak_width"),
            max_unknown=text.get("max_unknown", 0.1),
            downloaded=cache_folder() / text["name"],
            built=Path(built) if built else PROJECT / "data" / "built" / text["name"],
            jaspar=text["jaspar"],
            description=text,
        )
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]!r} is missing or unknown") from error


def _description(name, catalogue, extending=()):
    path = catalogue / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in catalogue.glob("*.yaml"))) or "none"
        raise ValueError(f"no world named {name!r} in {catalogue}; worlds: {known}")
    try:
        text = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML ({error})") from error
    if not isinstance(text, dict):
        raise ValueError(f"{path}: not a world description; its top level must be a mapping")
    if "extends" not in text:
        return text
    if text["extends"] in (name, *extending):
        raise ValueError(f"{path}: {' extends '.join((*extending, name, text['extends']))}, which has no end")
    return _merge(_description(text["extends"], catalogue, (*extending, name)), text)


def _merge(base, changes):
    both = {key: _merge(base[key], changes[key]) for key in base.keys() & changes if isinstance(base[key], dict)}
    return base | changes | both
