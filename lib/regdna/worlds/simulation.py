"""The simulated world, from a seed to files on disk."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from regdna.files import write_table
from regdna.worlds import tree as trees
from regdna.worlds.assays import true_peaks
from regdna.worlds.elements import build_classes, draw_bases, lay_out
from regdna.worlds.evolution import Evolution, Lineage, decay_cpg
from regdna.worlds.genes import simulate_genes
from regdna.worlds.homology import true_chains
from regdna.worlds.liability import simulate_cohort
from regdna.worlds.reads import simulate_reads
from regdna.worlds.single_cells import simulate_cells
from regdna.worlds.snps import allele_specific_binding, draw_variants, motif_effects
from regdna.worlds.writers import (
    chain_name,
    write_cells,
    write_chains,
    write_cohort,
    write_fasta,
    write_gtf,
    write_narrowpeak,
    write_reads,
    write_vcf,
)

log = logging.getLogger(__name__)

# Chromosomes 1 to 10 of hg38 in megabases: the simulated ones have their proportions.
HUMAN_MEGABASES = (248.96, 242.19, 198.30, 190.21, 181.54, 170.81, 159.35, 145.14, 138.39, 133.80)


def simulate(plan, experiments, reference, tree_path, folder):
    """Simulate a clade and write its files.

    Written below ``folder``: ``genomes/<species>.fa`` with ``.fai``, ``chains/<reference>To<Species>.over.chain.gz``,
    ``peaks/<experiment>.narrowPeak``, ``truth/elements.tsv.gz`` and ``truth/sites.tsv.gz``
    (reference coordinates of what is still under selection there, "." and -1 otherwise, and for each species whether
    it is under selection); where the plan has ``reads``, ``reads/<experiment>.bed.gz`` and ``reads/control.bed.gz``;
    where it has ``variants``, ``variants/population.vcf.gz``, ``variants/<experiment>.tsv.gz`` with the reads of both
    alleles, and ``truth/variants.tsv.gz`` with the effects that were planted; where it has a ``cohort`` as well,
    ``cohort/genotypes.vcf.gz`` and ``cohort/phenotypes.tsv``, and below ``truth`` what its variants do
    (``cohort.tsv.gz``) and what its people have inherited (``liability.tsv.gz``); where it has ``cells``, the folder
    ``cells`` with the fragments of single cells (see :func:`regdna.worlds.writers.write_cells`), and below ``truth``
    which factors drive a cell type (``programs.tsv.gz``), where which one is favored (``domains.tsv.gz``) and which
    regions are open in which type (``accessibility.tsv.gz``); where it has ``genes``, ``genes/annotation.gtf.gz`` and
    ``truth/splice_sites.tsv.gz`` with the strengths of the sites. Equal arguments give equal bytes; reads, variants,
    cohort, cells and genes change no other file.

    Parameters
    ----------
    plan : dict
        The ``simulation`` section of a world description.
    experiments : list of dict
    reference : str
        The species that is assayed.
    tree_path : path
        Newick file, branch lengths in substitutions per site; the plan's ``tree_scale`` multiplies them.
    folder : path
    """
    folder = Path(folder)
    root = trees.read_tree(tree_path, plan.get("tree_scale", 1.0))
    rng = np.random.default_rng(plan["seed"])
    names = [f"chr{i}" for i in range(1, len(HUMAN_MEGABASES) + 1)]
    lengths = np.round(plan["size"] * np.array(HUMAN_MEGABASES) / sum(HUMAN_MEGABASES)).astype(int)

    classes, motifs = build_classes(plan)
    layout, site_class = lay_out(plan, lengths, classes, motifs, rng)
    codes = draw_bases(site_class, classes, rng)
    decay_cpg(codes, site_class < classes.backgrounds, 1 - plan["cpg_kept"], rng)
    ancestor = Lineage(
        codes,
        np.arange(1, len(codes) + 1, dtype=np.int32),
        site_class,
        np.cumsum(lengths),
        np.ones(len(layout.elements), bool),
        np.ones(len(layout.sites), bool),
    )
    evolution = Evolution(plan["rates"], layout, classes, len(codes), rng)
    alive = {}
    reference_lineage = None
    for name, lineage in _species(root, ancestor, evolution, reference):
        log.info("simulated %s", name)
        chromosomes = np.split(lineage.codes, lineage.ends[:-1])
        write_fasta(folder / "genomes" / f"{name}.fa", dict(zip(names, chromosomes)))
        alive[name] = lineage.element_alive, lineage.site_alive
        if name == reference:
            reference_lineage = lineage
        else:
            chains = true_chains(reference_lineage, lineage, names)
            write_chains(folder / "chains" / chain_name(reference, name), chains)
    elements, sites = _truth(layout, reference_lineage, evolution, names, alive)
    write_table(folder / "truth" / "elements.tsv.gz", elements)
    write_table(folder / "truth" / "sites.tsv.gz", sites)
    living = [table[table[reference] & (table["start"] >= 0)] for table in (elements, sites)]
    sizes = dict(zip(names, np.diff(np.r_[0, reference_lineage.ends]).tolist()))
    peaks = true_peaks(experiments, *living, sizes, rng)
    for name, table in peaks.items():
        columns = (table[column] for column in ("chrom", "start", "end", "name", "signal", "summit"))
        write_narrowpeak(folder / "peaks" / f"{name}.narrowPeak", *columns)
    if "reads" in plan:
        for name, reads in simulate_reads(plan["reads"], plan["seed"], experiments, peaks, living[0], sizes):
            log.info("simulated the reads of %s", name)
            write_reads(folder / "reads" / f"{name}.bed.gz", reads)
    bases = dict(zip(names, np.split(reference_lineage.codes, reference_lineage.ends[:-1])))
    if "variants" in plan:
        _write_variants(plan, experiments, bases, peaks, motifs, folder)
    if "cells" in plan:
        settings = plan["cells"]
        cells = simulate_cells(settings, plan["seed"], peaks[settings["regions"]], *living, sizes)
        write_cells(folder / "cells", cells)
        write_table(folder / "truth" / "programs.tsv.gz", cells.programs)
        write_table(folder / "truth" / "domains.tsv.gz", cells.domains)
        write_table(folder / "truth" / "accessibility.tsv.gz", cells.regions.join(cells.open))
    if "genes" in plan:
        genes = simulate_genes(plan["genes"], plan["seed"], living[0], bases)
        write_gtf(folder / "genes" / "annotation.gtf.gz", genes.exons)
        write_table(folder / "truth" / "splice_sites.tsv.gz", genes.sites.drop(columns="gene"))


def _write_variants(plan, experiments, bases, peaks, motifs, folder):
    settings, seed = plan["variants"], plan["seed"]
    variants, lengths = draw_variants(settings, seed, bases), {name: len(codes) for name, codes in bases.items()}
    write_vcf(folder / "variants" / "population.vcf.gz", variants, lengths)
    bound_by = {experiment["name"]: experiment.get("motif") for experiment in experiments}
    truth, changes = [], []
    for name in settings["experiments"]:
        motif = motifs[plan["factors"][bound_by[name]]["motif"]]
        counted, effects = allele_specific_binding(settings, seed, name, variants, peaks[name], bases, motif)
        write_table(folder / "variants" / f"{name}.tsv.gz", counted)
        truth.append(effects)
        found = motif_effects(settings, variants, peaks[name], bases, motif)
        changes.append(pd.Series(found.effect, found.variants["id"]))
    write_table(folder / "truth" / "variants.tsv.gz", pd.concat(truth, ignore_index=True))
    if "cohort" in plan:
        change = pd.concat(changes).groupby(level=0).sum()  # peaks of two experiments may overlap
        inside = variants[variants["id"].isin(change.index)]
        cohort = simulate_cohort(plan["cohort"], seed, inside, change.loc[inside["id"]].to_numpy())
        log.info("simulated a cohort of %d people at %d variants", len(cohort.people), len(cohort.variants))
        write_cohort(folder / "cohort", cohort, lengths)
        write_table(folder / "truth" / "cohort.tsv.gz", cohort.effects)
        write_table(folder / "truth" / "liability.tsv.gz", cohort.people)


def _species(branch, lineage, evolution, reference):
    """Yield (species, lineage) depth first, the branch that leads to the reference before the others."""
    if not branch.children:
        yield branch.name, lineage
    for child in sorted(branch.children, key=lambda child: reference not in trees.species(child)):
        yield from _species(child, evolution.along(lineage, child.length), evolution, reference)


def _truth(layout, lineage, evolution, names, alive):
    position = evolution.positions(lineage)
    own = lineage.element_alive, lineage.site_alive
    chrom_start = np.r_[0, lineage.ends[:-1]]

    def locate(table, which):
        # Its ends may have been deleted, and the whole may have been turned around: look at all bases that are left.
        kept = [position[start:end] for start, end in zip(table["start"], table["end"])]
        kept = [where[where >= 0] for where in kept]
        spans = [(w[0], w[-1], w.min(), w.max() + 1) if len(w) else (-1, -1, -1, -1) for w in kept]
        first, last, start, end = np.array(spans).T
        chrom = np.searchsorted(lineage.ends, start, "right").clip(max=len(names) - 1)
        # What is no longer under selection may have been torn apart; it has no place.
        there = (start >= 0) & own[which]
        offset = chrom_start[chrom]
        located = pd.DataFrame(
            {
                "chrom": np.where(there, np.array(names)[chrom], "."),
                "start": np.where(there, start - offset, -1),
                "end": np.where(there, end - offset, -1),
            }
        )
        if "strand" in table:
            turned = (first > last) != (table["strand"] == "-").to_numpy()
            located["strand"] = np.where(turned, "-", "+")
        return located.assign(**{species: state[which] for species, state in alive.items()})

    elements = layout.elements[["kind"]].join(locate(layout.elements, 0))
    elements.insert(0, "element", np.arange(len(elements)))
    sites = layout.sites[["element", "factor", "motif"]].join(locate(layout.sites, 1))
    sites.insert(1, "kind", layout.elements["kind"].to_numpy()[sites["element"]])
    return elements, sites
