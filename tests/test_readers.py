"""The readers that others use accept the files that are written here, and find the same in them."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from liftover import ChainFile
from pyfaidx import Faidx, Fasta

from regdna.data import dna
from regdna.data.chains import read_chains
from regdna.data.datasets import dataset
from regdna.data.genome import Genome
from regdna.data.labels import BIN, label_world
from regdna.data.liftover import aligned_pieces, lift
from regdna.data.peaks import read_narrowpeak, read_peaks
from regdna.worlds.writers import Chain, write_chains

SPECIES = ("gorGor4", "otoGar3", "mm10")  # near, farther, far; each has an inversion


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


@pytest.fixture(scope="module")
def labelled(tiny_world, tmp_path_factory):
    return dataset(tiny_world, "CTCF", tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def places(tiny_world):
    """Intervals of 200 bases and single bases all over the reference: chrom, start, end."""
    rng = np.random.default_rng(1)
    rows = []
    for chrom, length in Genome(tiny_world.genome_path("hg38")).lengths.items():
        for start in rng.integers(0, length - BIN, 60).tolist():
            rows += [(chrom, start, start + BIN), (chrom, start, start + 1)]
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


class TestFasta:
    @pytest.mark.parametrize("species", ["hg38", "mm10"])
    def test_pyfaidx(self, tiny_world, species):
        path = tiny_world.genome_path(species)
        genome, fasta = Genome(path), Fasta(str(path), rebuild=False)
        assert {record.name: len(record) for record in fasta} == genome.lengths
        for chrom, length in genome.lengths.items():
            assert str(fasta[chrom]) == dna.decode(genome.codes(chrom))
            for start in (0, 59, 60, 61, length - 200):
                window = dna.decode(genome.windows(chrom, [start], 200)[0])
                assert str(fasta[chrom][start : start + 200]) == window
                assert str(fasta[chrom][start : start + 200].reverse.complement) == dna.decode(
                    dna.reverse_complement(dna.encode(window))
                )

    def test_the_index_is_the_one_that_pyfaidx_would_make(self, tiny_world, tmp_path):
        path = tiny_world.genome_path("mm10")
        shutil.copy(path, tmp_path / "g.fa")
        Faidx(str(tmp_path / "g.fa"))
        assert (tmp_path / "g.fa.fai").read_bytes() == path.with_name(f"{path.name}.fai").read_bytes()

    def test_pysam(self, tiny_world):
        pysam = pytest.importorskip("pysam")
        path = tiny_world.genome_path("hg38")
        genome = Genome(path)
        with pysam.FastaFile(str(path)) as fasta:
            assert dict(zip(fasta.references, fasta.lengths)) == genome.lengths
            assert fasta.fetch("chr3", 100, 777) == dna.decode(genome.codes("chr3")[100:777])


@pytest.mark.parametrize("species", SPECIES)
class TestChains:
    """Points and intervals of 200 bases, where all that aligns to an interval lies in one chain.

    The rules differ in one thing: the others give what every chain aligns, here the best chain decides alone (with
    ``all_chains``, each for itself). Only liftover and pyliftover are asked for points alone; they know no intervals.
    """

    @pytest.fixture
    def path(self, tiny_world, species):
        return tiny_world.chain_path(species)

    @pytest.fixture
    def points(self, path, places):
        """The single bases, and what became of them."""
        points = places[places["end"] - places["start"] == 1].reset_index(drop=True)
        lifted = lift(read_chains(path), points["chrom"], points["start"], points["end"])
        assert (lifted.status == "lifted").sum() > 200
        return points.assign(**lifted._asdict())

    def test_liftover(self, path, points):
        theirs = ChainFile(str(path))
        for point in points.itertuples():
            found = theirs.query(point.chrom, point.start)
            ours = (point.to_chrom, point.to_start, point.strand)
            assert found == ([ours] if point.status == "lifted" else [])

    def test_pyliftover(self, path, points):
        theirs = pytest.importorskip("pyliftover").LiftOver(str(path))
        for point in points.itertuples():
            found = theirs.convert_coordinate(point.chrom, point.start)
            ours = (point.to_chrom, point.to_start, point.strand)
            assert [match[:3] for match in found] == ([ours] if point.status == "lifted" else [])

    def test_crossmap(self, path, places, species):
        """Piece by piece; then the interval that they span, and which part of it is aligned."""
        utils = pytest.importorskip("cmmodule.utils")
        mapping, there, here = utils.read_chain_file(str(path))
        chains = read_chains(path)
        assert here == chains.lengths
        assert there == dict(zip(chains.q_names.tolist(), chains.q_sizes.tolist()))
        lifted = lift(chains, places["chrom"], places["start"], places["end"])
        every = lift(chains, places["chrom"], places["start"], places["end"], all_chains=True)
        pieces = aligned_pieces(chains, places["chrom"], places["start"], places["end"])
        in_all = np.bincount(every.interval, every.mapped, len(places))
        met, strands = 0, set()
        for i, place in enumerate(places.itertuples(index=False)):
            found = utils.map_coordinates(mapping, *place) or []
            sources, targets = found[::2], found[1::2]
            assert sum(end - start for _, start, end, _ in sources) == in_all[i]
            own = pieces.interval == i
            ours = sorted(zip(pieces.start[own].tolist(), (pieces.start + pieces.size)[own].tolist()))
            theirs = sorted((start, end) for _, start, end, _ in sources)
            assert set(ours) <= set(theirs)
            if lifted.mapped[i] < in_all[i] or lifted.status[i] != "lifted":
                continue  # several chains, no chain, or pieces too far apart: here the rules differ
            assert ours == theirs
            chrom, start, end, strand = (set(column) for column in zip(*targets))
            assert (chrom, strand) == ({lifted.to_chrom[i]}, {lifted.strand[i]})
            assert (min(start), max(end)) == (lifted.to_start[i], lifted.to_end[i])
            met += 1
            strands |= strand
        assert met > 0.6 * len(places)
        assert strands == {"+", "-"}


def test_where_chains_overlap_the_best_decides_here_and_all_do_in_crossmap(tmp_path):
    utils = pytest.importorskip("cmmodule.utils")
    path, size = tmp_path / "overlapping.chain", np.array([300, 300])
    best = Chain(90, "chr1", 1000, "chr5", 1000, False, np.array([100, 500]), np.array([0, 315]), size)
    other = Chain(50, "chr1", 1000, "chr6", 2000, True, np.array([0]), np.array([700]), np.array([1000]))
    write_chains(path, [other, best])
    mapping, *_ = utils.read_chain_file(str(path))
    starts = np.arange(0, 801)
    given = read_chains(path, tmp_path), ["chr1"] * len(starts), starts, starts + BIN
    one, every = lift(*given), lift(*given, all_chains=True)
    assert set(one.status) == {"lifted"} and set(every.status) == {"lifted"}
    for i, start in enumerate(starts.tolist()):
        spans = {}
        for chrom, left, right, strand in utils.map_coordinates(mapping, "chr1", start, start + BIN)[1::2]:
            known = spans.get((chrom, strand), (left, right))
            spans[chrom, strand] = min(left, known[0]), max(right, known[1])
        spans = [(chrom, *span, strand) for (chrom, strand), span in sorted(spans.items())]
        rows = every.interval == i
        ours = zip(*(column[rows].tolist() for column in (every.to_chrom, every.to_start, every.to_end, every.strand)))
        assert list(ours) == spans  # chr5 has the better score
        assert (one.to_chrom[i], one.to_start[i], one.to_end[i], one.strand[i]) == spans[0]
        assert len(spans) == (1 if start == 800 else 2)


class TestPeaks:
    def test_bioframe_reads_narrowpeak(self, tiny_world):
        bioframe = pytest.importorskip("bioframe")
        path = tiny_world.peaks_path("CTCF")
        theirs, ours = bioframe.read_table(path, schema="narrowPeak"), read_narrowpeak(path)
        assert bioframe.is_bedframe(theirs)
        for column in ("chrom", "start", "end", "name"):
            assert theirs[column].tolist() == ours[column].tolist()
        assert theirs["fc"].tolist() == ours["signal"].tolist()
        assert (theirs["start"] + theirs["relSummit"]).tolist() == ours["summit"].tolist()

    def test_bioframe_reads_the_intervals_of_a_data_set(self, labelled, labels, tiny_world):
        bioframe = pytest.importorskip("bioframe")
        table = pd.read_csv(labelled.folder / "intervals.tsv.gz", sep="\t")
        assert bioframe.is_bedframe(table)
        own = bioframe.from_any(table[table["genome"] == "hg38"])
        overlaps = bioframe.overlap(own, labels.peaks, how="left", return_overlap=True)
        overlaps["bases"] = (overlaps["overlap_end"] - overlaps["overlap_start"]).fillna(0)
        most = overlaps.groupby(["chrom", "start"])["bases"].max()
        full = [bool(most[place] > BIN / 2) for place in zip(own["chrom"], own["start"])]
        assert full == (own["label"] == 1).tolist() and sum(full) > 10


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not on PATH")
class TestBedtools:
    """``bedtools intersect -f 0.5`` takes a bin of which exactly half is covered, the paper's rule does not."""

    @pytest.fixture
    def intersect(self, tiny_world, labels, tmp_path):
        """Run ``bedtools intersect`` of all bins with peaks; returns the bins and the rest of each line."""
        own = tmp_path / "bins.bed"
        ends = labels.bins["start"] + BIN
        own.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in zip(labels.bins["chrom"], labels.bins["start"], ends)))

        def run(peaks, *options):
            command = ["bedtools", "intersect", "-a", own, "-b", peaks, *options]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            lines = [line.split("\t") for line in done.stdout.splitlines()]
            return [(chrom, int(start), *rest) for chrom, start, _, *rest in lines]

        return run

    def bins(self, labels, column):
        rows = labels.bins[labels.bins[column]]
        return list(zip(rows["chrom"], rows["start"]))

    def test_positive_bins(self, intersect, labels, tiny_world):
        peaks = tiny_world.peaks_path("CTCF")
        assert intersect(peaks, "-u", "-f", "0.5025") == self.bins(labels, "positive")  # 101 of 200 bases or more
        assert intersect(peaks, "-u") == self.bins(labels, "touched")

    def test_bins_of_which_exactly_half_is_covered(self, intersect, tiny_world, tmp_path):
        path = tmp_path / "half.bed"
        halves = [("chr1", 1100, 1500), ("chr6", 1000, 1100), ("chr8", 2050, 2150)]
        others = [("chr1", 5099, 5300), ("chr2", 4000, 4101), ("chr3", 4000, 4099), ("chr9", 800, 1200)]
        path.write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in halves + others))
        labels = label_world(tiny_world, "half", path)
        by_count = [tuple(row[:2]) for row in intersect(path, "-wo") if int(row[-1]) > BIN / 2]
        assert by_count == self.bins(labels, "positive") == intersect(path, "-u", "-f", "0.5025")
        exactly = [("chr1", 1000), ("chr1", 1400), ("chr1", 5200), ("chr6", 1000), ("chr8", 2000)]
        theirs = intersect(path, "-u", "-f", "0.5")
        assert sorted(set(theirs) - set(by_count)) == exactly and set(by_count) < set(theirs)

    def test_homologs(self, labels, tiny_world, tmp_path):
        """The pseudo-labelled bins of a relative, from its homologs as BED; bins of two splits are left out here."""
        lifted = labels.lifted[(labels.lifted["species"] == "mm10") & (labels.lifted["status"] == "lifted")]
        lengths = Genome(tiny_world.genome_path("mm10")).lengths
        own = [(chrom, start) for chrom, length in lengths.items() for start in range(0, length - BIN + 1, BIN)]
        (tmp_path / "bins.bed").write_text("".join(f"{chrom}\t{start}\t{start + BIN}\n" for chrom, start in own))
        for name, rows in (("all", lifted), *lifted.groupby(labels.peaks["split"].to_numpy()[lifted["peak"]])):
            lines = zip(rows["to_chrom"], rows["to_start"], rows["to_end"])
            (tmp_path / f"{name}.bed").write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in lines))

        def found(*options):
            command = ["bedtools", "intersect", "-a", tmp_path / "bins.bed", "-b", *options, "-u"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return {tuple(line.split("\t")[:2]) for line in done.stdout.splitlines()}

        pseudo = labels.pseudo[labels.pseudo["species"] == "mm10"]
        splits = ("train", "validation", "test")
        for split in splits:
            others = [tmp_path / f"{name}.bed" for name in splits if name != split]
            expected = found(tmp_path / f"{split}.bed", "-f", "0.5025") - found(*others)
            rows = pseudo[pseudo["split"] == split]
            assert set(zip(rows["chrom"], rows["start"].astype(str))) == expected and expected


def test_bed_of_bioframe_is_read_here(labels, tiny_world, tmp_path):
    """And the way back: what bioframe writes is a peak file."""
    bioframe = pytest.importorskip("bioframe")
    merged = bioframe.merge(labels.peaks)[["chrom", "start", "end"]]
    bioframe.to_bed(merged, tmp_path / "merged.bed")
    again = read_peaks(tmp_path / "merged.bed", Genome(tiny_world.genome_path("hg38")))
    assert again[["chrom", "start", "end"]].values.tolist() == merged.values.tolist()
