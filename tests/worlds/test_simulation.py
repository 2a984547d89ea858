import dataclasses

import numpy as np
import pandas as pd
import pytest

from regdna.data import dna
from regdna.data.build import build_world
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.liftover import lift
from regdna.data.peaks import read_peaks
from regdna.worlds.catalogue import open_world
from regdna.worlds.jaspar import fetch_motifs
from regdna.worlds.simulation import HUMAN_MEGABASES, simulate

OF_COHORT = {"cohort/genotypes.vcf.gz", "cohort/phenotypes.tsv", "truth/cohort.tsv.gz", "truth/liability.tsv.gz"}


def files(world):
    return {str(p.relative_to(world.built)): p.read_bytes() for p in world.built.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def truth(tiny_world):
    return {
        name: pd.read_csv(tiny_world.built / "truth" / f"{name}.tsv.gz", sep="\t") for name in ("elements", "sites")
    }


def test_the_same_seed_gives_the_same_bytes_in_every_file(tiny_world, tmp_path):
    again = dataclasses.replace(tiny_world, built=tmp_path / "again")
    build_world(again)
    here, there = files(tiny_world), files(again)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    # Genomes with index, chains, peaks, reads and control, variants and the population's, cohort, cells, genes, truth,
    # stamps.
    assayed = len(tiny_world.experiments) + (len(tiny_world.sequenced) + 1) + (len(tiny_world.with_variants) + 1)
    assert len(here) == 2 * 23 + 22 + assayed + 2 + 4 + 1 + 9 + 2


def test_reads_change_no_other_file(tiny_world, make_catalogue, tmp_path):
    without = open_world("tiny", make_catalogue(tmp_path / "catalogue", reads={"experiments": []}), tmp_path / "built")
    build_world(without)
    here, there = files(tiny_world), files(without)
    assert {name for name in here if name not in there} == {
        f"reads/{name}.bed.gz" for name in ("control", *tiny_world.sequenced)
    }
    stamps = {"begun.json", "ready.json"}
    assert [name for name in there if here[name] != there[name] and name not in stamps] == []


def test_variants_change_no_other_file(tiny_world, make_catalogue, tmp_path):
    variants = tiny_world.description["simulation"]["variants"] | {"experiments": ["ANDR"], "per_kb": 10}
    other = open_world("tiny", make_catalogue(tmp_path / "catalogue", variants=variants), tmp_path / "built")
    build_world(other)
    here, there = files(tiny_world), files(other)
    of_variants = {"variants/population.vcf.gz", "variants/ANDR.tsv.gz", "truth/variants.tsv.gz", *OF_COHORT}
    assert here.keys() - there.keys() == {"variants/CTCF.tsv.gz"}
    assert {name for name in there if here[name] != there[name]} == {*of_variants, "begun.json", "ready.json"}


def test_a_cohort_changes_no_other_file(tiny_world, make_catalogue, tmp_path):
    cohort = tiny_world.description["simulation"]["cohort"] | {"cases": 20, "heritability": 0.3, "causal": 1}
    other = open_world("tiny", make_catalogue(tmp_path / "catalogue", cohort=cohort), tmp_path / "built")
    build_world(other)
    here, there = files(tiny_world), files(other)
    assert here.keys() == there.keys()
    assert {name for name in there if here[name] != there[name]} == {*OF_COHORT, "begun.json", "ready.json"}


def test_the_cohort_lies_in_peaks_and_its_truth_is_that_of_the_variants(cells_world):
    truth = pd.read_csv(cells_world.built / "truth" / "cohort.tsv.gz", sep="\t").set_index("id")
    single = pd.read_csv(cells_world.built / "truth" / "variants.tsv.gz", sep="\t")
    once = single[~single["id"].duplicated(keep=False)].set_index("id")["motif_effect"]
    both = truth.index.intersection(once.index)
    assert len(both) > 0.7 * len(truth) > 20 and truth["causal"].any()
    np.testing.assert_allclose(truth.loc[both, "motif_effect"], once[both], atol=2e-4)


def test_cells_change_no_other_file(tiny_world, make_catalogue, tmp_path):
    cells = tiny_world.description["simulation"]["cells"] | {"per_type": 5, "domain": 10_000}
    other = open_world("tiny", make_catalogue(tmp_path / "catalogue", cells=cells), tmp_path / "built")
    build_world(other)
    here, there = files(tiny_world), files(other)
    of_cells = {"cells/matrix.mtx.gz", "cells/barcodes.tsv.gz", "cells/cell_types.tsv"}
    of_cells |= {"truth/domains.tsv.gz", "truth/accessibility.tsv.gz"}
    assert here.keys() == there.keys()
    assert {name for name in there if here[name] != there[name]} == {*of_cells, "begun.json", "ready.json"}


def test_genes_change_no_other_file(tiny_world, make_catalogue, tmp_path):
    genes = tiny_world.description["simulation"]["genes"] | {"per_mb": 20, "length": [2000, 5000]}
    other = open_world("tiny", make_catalogue(tmp_path / "catalogue", genes=genes), tmp_path / "built")
    build_world(other)
    here, there = files(tiny_world), files(other)
    of_genes = {"genes/annotation.gtf.gz", "truth/splice_sites.tsv.gz"}
    assert here.keys() == there.keys()
    assert {name for name in there if here[name] != there[name]} == {*of_genes, "begun.json", "ready.json"}


def test_another_seed_gives_other_files(tiny_world, make_catalogue, tmp_path):
    other = open_world("tiny", make_catalogue(tmp_path / "catalogue", seed=2), tmp_path / "built")
    build_world(other)
    here, there = files(tiny_world), files(other)
    for name in here.keys() - {"truth/programs.tsv.gz"}:  # the description gives them
        if name.endswith((".fa", ".chain.gz", ".tsv.gz", "CTCF.narrowPeak", ".bed.gz")):
            assert here[name] != there[name], name


def test_chromosomes_have_the_proportions_of_the_human_ones(tiny_world):
    lengths = Genome(tiny_world.genome_path("hg38")).lengths
    assert list(lengths) == [f"chr{i}" for i in range(1, 11)]
    assert sum(lengths.values()) == pytest.approx(200_000, rel=0.05)
    shares = np.array(list(lengths.values())) / sum(lengths.values())
    # Translocations move segments of up to 50 kb, so that a chromosome may be off.
    assert np.median(np.abs(shares - np.array(HUMAN_MEGABASES) / sum(HUMAN_MEGABASES))) < 0.01


def test_identity_falls_with_distance(tiny_world):
    """Read through the files alone: letters of aligned bases, nearest to farthest."""
    reference = Genome(tiny_world.genome_path("hg38"))
    identity = {}
    for species in ("panTro6", "rheMac10", "mm10", "monDom5"):
        genome, same, total = Genome(tiny_world.genome_path(species)), 0, 0
        chains = read_chains(tiny_world.chain_path(species))
        for chrom in reference.lengths:
            here = chains.on(chrom)
            for start, end, to, number in zip(here.start, here.end, here.to, here.chain):
                other = genome.codes(chains.q_names[chains.q_chrom[number]])
                other = dna.reverse_complement(other) if chains.minus[number] else other
                same += (reference.codes(chrom)[start:end] == other[to : to + end - start]).sum()
                total += end - start
        identity[species] = same / total
        assert total > 0.7 * sum(reference.lengths.values())
    assert list(identity.values()) == sorted(identity.values(), reverse=True)
    assert identity["panTro6"] > 0.97
    assert 0.5 < identity["monDom5"] < 0.75


def test_the_chain_files_fit_the_genomes(tiny_world):
    reference = Genome(tiny_world.genome_path("hg38")).lengths
    for species in tiny_world.relatives:
        chains, lengths = read_chains(tiny_world.chain_path(species)), Genome(tiny_world.genome_path(species)).lengths
        chains.check_genomes(reference, lengths, tiny_world.chain_path(species))


def test_the_truth_names_every_element_and_site_once(tiny_world, truth):
    elements, sites = truth["elements"], truth["sites"]
    assert elements["element"].tolist() == list(range(len(elements)))
    assert set(sites["element"]) <= set(elements["element"])
    assert (sites["kind"] == elements["kind"].to_numpy()[sites["element"]]).all()
    for table in truth.values():
        for species in ("hg38", *tiny_world.relatives):
            assert table[species].dtype == bool
        assert table["monDom5"].sum() < table["panTro6"].sum() or table["monDom5"].sum() < len(table)
        here = table[table["start"] >= 0]
        assert (here["end"] > here["start"]).all() and (here["chrom"] != ".").all()
        assert (table.loc[table["start"] < 0, "chrom"] == ".").all()


def test_living_elements_have_a_place(truth):
    """An element may lose a base at its edge and still be there."""
    elements = truth["elements"]
    living = elements[elements["hg38"]]
    assert (living["start"] >= 0).all()


def test_motifs_lie_where_the_truth_says_and_on_its_strand(tiny_world, truth):
    genome = Genome(tiny_world.genome_path("hg38"))
    sites = truth["sites"]
    sites = sites[sites["hg38"] & (sites["factor"] != "")]
    release = tiny_world.description["simulation"]["jaspar"]
    motifs = fetch_motifs(sorted(set(sites["motif"])), release)
    right, wrong, beside = [], [], []
    for site in sites.itertuples():
        matrix = np.log2(motifs[site.motif].probabilities / 0.25)
        assert site.end - site.start == len(matrix)
        codes = genome.codes(site.chrom)
        assert site.end <= len(codes)
        own = codes[site.start : site.end]
        turned = dna.reverse_complement(own)
        if site.strand == "-":
            own, turned = turned, own
        rows = np.arange(len(matrix))
        right.append(matrix[rows, own].sum())
        wrong.append(matrix[rows, turned].sum())
        at = max(site.start - 3, 0)
        beside.append(matrix[rows, codes[at : at + len(matrix)]].sum())
    assert len(right) > 50
    assert set(sites["strand"]) == {"+", "-"}
    assert np.mean(right) > 6 and np.mean(wrong) < 0 and np.mean(beside) < 0


def test_peaks_are_the_living_open_sites(tiny_world, truth):
    sites = truth["sites"]
    living = sites[sites["hg38"] & (sites["factor"] == "CTCF") & (sites["kind"] != "closed")]
    peaks = read_peaks(tiny_world.peaks_path("CTCF"), Genome(tiny_world.genome_path("hg38")))
    assert len(peaks) == len(living) > 10
    center = dict(zip(peaks["name"], (peaks["start"] + peaks["end"]) / 2))
    assert len(center) == len(peaks)
    for site in living.itertuples():
        here = peaks[peaks["chrom"] == site.chrom]
        assert (np.abs((here["start"] + here["end"]) / 2 - (site.start + site.end) / 2) <= 6).any()


def test_a_living_site_is_found_in_the_relative_by_its_chain(tiny_world, truth):
    sites = truth["sites"]
    both = sites[sites["hg38"] & sites["panTro6"] & (sites["factor"] == "CTCF")]
    lifted = lift(read_chains(tiny_world.chain_path("panTro6")), both["chrom"], both["start"], both["end"])
    assert (lifted.status == "lifted").all()
    assert (lifted.to_end - lifted.to_start == both["end"] - both["start"]).all()
    matrix = np.log2(fetch_motifs(["CTCF"], "JASPAR2024")["CTCF"].probabilities / 0.25)
    genome = Genome(tiny_world.genome_path("panTro6"))
    scores = []
    places = lifted.to_chrom, lifted.to_start, lifted.to_end, lifted.strand
    for chrom, start, end, strand, own in zip(*places, both["strand"]):
        codes = genome.codes(chrom)[start:end]
        codes = codes if strand == own else dna.reverse_complement(codes)
        scores.append(matrix[np.arange(len(matrix)), codes].sum())
    assert np.mean(scores) > 8


def test_peaks_end_with_their_chromosome(tmp_path):
    """A wide peak at the last element of a chromosome must still be one that the reader of peaks takes."""
    description = open_world("simulated").description
    (tmp_path / "two.nwk").write_text("(hg38:0.05,panTro6:0.05);")
    wide = {"name": "wide", "at": "elements", "kinds": {"promoter": 1.0, "enhancer": 1.0}, "width": 4000}
    plan = {
        key: value
        for key, value in description["simulation"].items()
        if key not in ("reads", "variants", "cohort", "cells")
    }
    simulate(plan | {"size": 200_000}, [wide], "hg38", tmp_path / "two.nwk", tmp_path)
    genome = Genome(tmp_path / "genomes" / "hg38.fa")
    peaks = read_peaks(tmp_path / "peaks" / "wide.narrowPeak")
    assert (peaks["end"] <= peaks["chrom"].map(genome.lengths)).all()
