import numpy as np
import pytest

from regdna.data import dna
from regdna.data.alignment import align_genomes, build_chain_file
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.liftover import lift
from regdna.data.peaks import read_peaks, widen
from regdna.worlds.catalogue import open_world
from regdna.worlds.writers import write_fasta

INVERTED = slice(20_000, 32_000)


@pytest.fixture(scope="module")
def mutated(tmp_path_factory):
    """A random genome and a relative: 12% substitutions, small indels, an inversion; and where each base went."""
    folder = tmp_path_factory.mktemp("mutated")
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 60_000).astype(np.uint8)
    copy, origin = codes.copy(), np.arange(len(codes))
    at = rng.random(len(codes)) < 0.12
    copy[at] = (copy[at] + rng.integers(1, 4, at.sum())) % 4
    turned = np.zeros(len(codes), bool)
    copy[INVERTED], origin[INVERTED] = 3 - copy[INVERTED][::-1], origin[INVERTED][::-1]
    turned[INVERTED] = True
    keep = np.ones(len(codes), bool)
    for start in rng.integers(0, len(codes) - 10, 80):
        keep[start : start + rng.integers(1, 9)] = False
    copy, origin, turned = copy[keep], origin[keep], turned[keep]
    places = np.sort(rng.integers(0, len(copy), 80)).repeat(5)
    copy = np.insert(copy, places, rng.integers(0, 4, len(places)).astype(np.uint8))
    origin, turned = np.insert(origin, places, -1), np.insert(turned, places, False)
    truth = np.full(len(codes), -1)
    truth[origin[origin >= 0]] = np.flatnonzero(origin >= 0)
    write_fasta(folder / "reference.fa", {"one": codes})
    write_fasta(folder / "relative.fa", {"uno": copy})
    return Genome(folder / "reference.fa"), Genome(folder / "relative.fa"), truth, turned


@pytest.fixture(scope="module")
def chains(mutated):
    return align_genomes(*mutated[:2])


def aligned(chains):
    """List (base, place, minus) of all aligned bases, places on the forward strand."""
    rows = []
    for chain in chains:
        for t, q, size in zip(chain.t_start, chain.q_start, chain.size):
            i = np.arange(size)
            place = chain.q_size - 1 - (q + i) if chain.minus else q + i
            rows.append(np.stack([t + i, place, np.full(size, chain.minus)]))
    return np.concatenate(rows, axis=1)


def test_most_bases_find_their_true_place(mutated, chains):
    _, _, truth, _ = mutated
    base, place, _ = aligned(chains)
    assert len(np.unique(base)) == len(base)  # no base is aligned twice
    right = truth[base] == place
    assert right.mean() > 0.99
    assert right.sum() > 0.95 * (truth >= 0).sum()


def test_the_inversion_runs_on_the_minus_strand(mutated, chains):
    _, _, truth, turned = mutated
    base, place, minus = aligned(chains)
    right = truth[base] == place
    assert (minus[right] == turned[place[right]]).all()
    inside = np.arange(INVERTED.start, INVERTED.stop)
    assert np.isin(inside, base[minus == 1]).mean() > 0.9


def test_windows_are_joined_into_few_chains(mutated, chains):
    reference, relative = mutated[:2]
    assert 3 <= len(chains) < 10
    for chain in chains:
        assert (chain.t_name, chain.t_size) == ("one", reference.lengths["one"])
        assert (chain.q_name, chain.q_size) == ("uno", relative.lengths["uno"])
        assert chain.score == chain.size.sum()
        assert (chain.size > 0).all()
        for start in (chain.t_start, chain.q_start):
            assert (start[1:] >= start[:-1] + chain.size[:-1]).all()
        gaps = np.diff(chain.t_start) - chain.size[:-1], np.diff(chain.q_start) - chain.size[:-1]
        assert ((gaps[0] > 0) | (gaps[1] > 0)).all()  # blocks that meet are one block


def test_the_file_reads_back(mutated, chains, tmp_path):
    build_chain_file(*mutated[:2], tmp_path / "a.chain.gz")
    read = read_chains(tmp_path / "a.chain.gz", tmp_path)
    assert (read.block_end - read.block_start).sum() == sum(chain.size.sum() for chain in chains)


def test_a_genome_without_likeness_has_no_chain(mutated, tmp_path):
    write_fasta(tmp_path / "alien.fa", {"x": np.random.default_rng(9).integers(0, 4, 20_000).astype(np.uint8)})
    base = sum(chain.size.sum() for chain in align_genomes(mutated[0], Genome(tmp_path / "alien.fa")))
    assert base < 0.02 * mutated[0].lengths["one"]


def test_a_relative_in_2bit_is_refused(mutated, yeast_data):
    relative = Genome(yeast_data / "genomes" / "single_sequences.2bit")
    with pytest.raises(ValueError, match=r"single_sequences\.2bit: minimap2 reads FASTA, not 2bit; give the relative"):
        align_genomes(mutated[0], relative)


def holds_core(genome, chrom, center):
    """Say for each place whether the core of the Reb1 motif lies within 50 bases, on either strand."""
    windows = [dna.decode(genome.windows(c, [at - 50], 100)[0]) for c, at in zip(chrom, center)]
    return np.array(["TTACCCG" in window or "CGGGTAA" in window for window in windows])


def test_reb1_sites_are_conserved_at_lifted_yeast_peaks(yeast_data, tmp_path, monkeypatch):
    """The biology that the chains must carry: a factor's motif sits at the homologs of its peaks."""
    monkeypatch.setenv("REGDNA_DATA", str(yeast_data.parent))
    world = open_world("yeast", built=tmp_path)
    reference = Genome(world.genome_path("sacCer3"), world.aliases)
    peaks = widen(read_peaks(world.peaks_path("Reb1"), reference), world.peak_width, reference.lengths)
    rate = holds_core(reference, peaks["chrom"], (peaks["start"] + peaks["end"]) // 2).mean()
    assert rate > 0.3
    for species, least in (("CBS432", 0.95), ("Sarb", 0.7)):
        relative = Genome(world.genome_path(species))
        build_chain_file(reference, relative, world.chain_path(species), **world.description["alignment"])
        found = lift(read_chains(world.chain_path(species)), peaks["chrom"], peaks["start"], peaks["end"])
        lifted = found.status == "lifted"
        assert lifted.mean() >= least
        center = (found.to_start[lifted] + found.to_end[lifted]) // 2
        assert holds_core(relative, found.to_chrom[lifted], center).mean() >= 0.8 * rate
        assert holds_core(relative, found.to_chrom[lifted], center + 1000).mean() < 0.1 * rate
