import dataclasses
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from handmade import SIZE, SPLIT, bed, block, handmade_world
from pyfaidx import Fasta

from regdna.data import datasets
from regdna.data.chains import read_chains
from regdna.data.datasets import dataset, dataset_fingerprint, open_dataset
from regdna.data.labels import BIN, label_world
from regdna.data.liftover import lift
from regdna.files import sha256

COLUMNS = ["experiment", "genome", "chrom", "start", "end", "label", "split", "source_peak", "source_chrom"]
PARTS = ["codes.npy", "homologs.tsv.gz", "intervals.tsv.gz", "peaks.tsv.gz", "provenance.json"]
PEAKS = bed(("one", 0, 200), ("two", 0, 200), ("three", 0, 200), ("one", 850, 1150))
CHAINS = {"rel": [block("one", 0, 400), block("two", 0, 1000), block("one", 850, 1200, size=300, minus=True)]}


@pytest.fixture(scope="module")
def labels(tiny_world):
    return label_world(tiny_world, "CTCF")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def made(tiny_world, folder):
    return dataset(tiny_world, "CTCF", folder)


@pytest.fixture(scope="module")
def wide(tiny_world, folder):
    return dataset(tiny_world, "CTCF", folder, window=1000)


@pytest.fixture(scope="module")
def letters(tiny_world):
    """All genomes as text, by another reader."""
    species = (tiny_world.reference, *tiny_world.relatives)
    fastas = {name: Fasta(str(tiny_world.genome_path(name)), rebuild=False) for name in species}
    return {name: {record.name: str(record) for record in fasta} for name, fasta in fastas.items()}


@pytest.fixture
def small(tmp_path):
    return handmade_world(tmp_path / "world", CHAINS, PEAKS)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def text(codes):
    return "".join("ACGTN"[code] for code in codes)


class TestRows:
    def test_parts(self, made, folder):
        assert made.folder == folder / "CTCF-200"
        assert sorted(contents(made.folder)) == PARTS
        assert made.codes.dtype == np.uint8 and made.codes.shape == (len(made.intervals), 200)
        assert isinstance(made.codes, np.memmap)
        assert list(made.intervals.columns) == COLUMNS
        assert made.window == 200
        assert (made.intervals["experiment"] == "CTCF").all()

    def test_exact_rows_of_a_handmade_world(self, small, tmp_path):
        table = dataset(small, "E", tmp_path / "datasets").intervals
        assert (table["end"] - table["start"] == BIN).all()
        columns = ["genome", "chrom", "start", "label", "split", "source_peak", "source_chrom"]
        positive = table[table["label"] == 1][columns].values.tolist()
        assert positive == [
            ["ref", "one", 0, 1, "train", "peak1", "one"],
            ["ref", "one", 800, 1, "train", "peak4", "one"],
            ["ref", "one", 1000, 1, "train", "peak4", "one"],
            ["ref", "two", 0, 1, "validation", "peak2", "two"],
            ["ref", "three", 0, 1, "test", "peak3", "three"],
            ["rel", "r", 400, 1, "train", "peak1", "one"],
            ["rel", "r", 1000, 1, "validation", "peak2", "two"],
            ["rel", "r", 1600, 1, "train", "peak4", "one"],
        ]  # the homolog of peak4 is 1500 to 1800, which is exactly half of bin 1400
        negative = table[table["label"] == 0]
        assert set(negative["source_peak"]) == set(negative["source_chrom"]) == {""}
        places = [(chrom, at) for chrom in SPLIT for at in range(0, SIZE, BIN)]
        taken = {tuple(row[1:3]) for row in positive if row[0] == "ref"}
        assert list(zip(negative["chrom"], negative["start"])) == [place for place in places if place not in taken]

    def test_bins_that_are_only_touched_are_no_training_negatives(self, tmp_path):
        peaks = bed(*[(chrom, 150, 400) for chrom in SPLIT])
        world = handmade_world(tmp_path / "world", CHAINS, peaks)
        table = dataset(world, "E", tmp_path / "datasets").intervals
        own = table[(table["genome"] == "ref") & (table["start"] < 600)]
        assert own[["chrom", "start", "label"]].values.tolist() == [
            ["one", 200, 1],
            ["one", 400, 0],
            ["two", 0, 0],
            ["two", 200, 1],
            ["two", 400, 0],
            ["three", 0, 0],
            ["three", 200, 1],
            ["three", 400, 0],
        ]

    def test_rows_of_the_reference_are_its_bins(self, made, labels, tiny_world):
        own = made.intervals[made.intervals["genome"] == tiny_world.reference]
        bins = labels.bins
        bins = bins[bins["positive"] | ~bins["touched"] | (bins["split"] != "train")]
        assert own["chrom"].tolist() == bins["chrom"].tolist()
        assert own["start"].tolist() == bins["start"].tolist()
        assert own["label"].tolist() == bins["positive"].astype(int).tolist()
        assert own["split"].tolist() == [tiny_world.split(chrom) for chrom in bins["chrom"]]

    def test_rows_of_the_relatives_are_the_pseudo_labelled_bins(self, made, labels, tiny_world):
        others = made.intervals[made.intervals["genome"] != tiny_world.reference]
        assert (others["label"] == 1).all()
        assert others["genome"].tolist() == labels.pseudo["species"].tolist()
        for column in ("chrom", "start", "split"):
            assert others[column].tolist() == labels.pseudo[column].tolist()
        source = labels.peaks.iloc[labels.pseudo["peak"]]
        assert others["source_peak"].tolist() == source["name"].tolist()
        assert others["source_chrom"].tolist() == source["chrom"].tolist()

    def test_every_window_has_the_letters_of_its_interval(self, made, letters):
        rows = made.intervals
        expected = [letters[g][c][s:e] for g, c, s, e in zip(rows["genome"], rows["chrom"], rows["start"], rows["end"])]
        assert [text(row) for row in made.codes] == expected

    def test_every_positive_leads_back_to_a_peak_that_covers_it_or_lifts_to_it(self, made, tiny_world):
        """By the peak's name in the file itself, and the liftover of that peak alone."""
        lines = [line.split("\t") for line in tiny_world.peaks_path("CTCF").read_text().splitlines()]
        peaks = {name: (chrom, int(start), int(end)) for chrom, start, end, name, *_ in lines}
        assert len(peaks) == len(lines)
        positive = made.intervals[made.intervals["label"] == 1]
        assert set(positive["genome"]) == {tiny_world.reference, *tiny_world.relatives}
        for species, rows in positive.groupby("genome", observed=True):
            source = [peaks[name] for name in rows["source_peak"]]
            chrom, start, end = map(list, zip(*source))
            assert rows["source_chrom"].tolist() == chrom
            assert rows["split"].tolist() == [tiny_world.split(name) for name in chrom]
            if species != tiny_world.reference:
                lifted = lift(read_chains(tiny_world.chain_path(species)), chrom, start, end)
                assert set(lifted.status) == {"lifted"}
                chrom, start, end = lifted.to_chrom.tolist(), lifted.to_start, lifted.to_end
            inside = np.minimum(end, rows["end"]) - np.maximum(start, rows["start"])
            assert rows["chrom"].tolist() == chrom and (inside > BIN / 2).all()

    def test_wide_windows_have_their_bin_in_the_middle_and_n_beyond_the_ends(self, made, wide, letters):
        pd.testing.assert_frame_equal(wide.intervals, made.intervals)
        assert wide.codes.shape == (len(made.codes), 1000)
        np.testing.assert_array_equal(wide.codes[:, 400:600], made.codes)
        beyond = 0
        for genome, chrom, start, codes in zip(*(made.intervals[c] for c in ("genome", "chrom", "start")), wide.codes):
            padded = "N" * 400 + letters[genome][chrom] + "N" * 400
            assert text(codes) == padded[start : start + 1000]
            beyond += (codes == 4).any()
        assert beyond > 40

    def test_peaks_are_kept_with_their_split(self, made, labels):
        pd.testing.assert_frame_equal(made.peaks, labels.peaks[["chrom", "start", "end", "name", "split"]])

    def test_names_that_look_like_something_else(self, tmp_path):
        names = ["NA", 'a "b"', "1e5", "None", "0012"]
        places = [("one", 0), ("two", 0), ("three", 0), ("one", 400), ("one", 800)]
        peaks = "".join(f"{chrom}\t{at}\t{at + 200}\t{name}\n" for (chrom, at), name in zip(places, names))
        world = handmade_world(tmp_path / "world", CHAINS, peaks)
        made = dataset(world, "E", tmp_path / "datasets")
        own = made.intervals[(made.intervals["genome"] == "ref") & (made.intervals["label"] == 1)]
        assert own["source_peak"].tolist() == ["NA", "None", "0012", 'a "b"', "1e5"]
        assert made.peaks["name"].tolist() == names

    def test_peaks_of_one_name_are_told_apart(self, tmp_path):
        peaks = "".join(f"{chrom}\t{at}\t{at + 200}\tE\n" for chrom, at in [*((c, 0) for c in SPLIT), ("one", 800)])
        made = dataset(handmade_world(tmp_path / "world", CHAINS, peaks), "E", tmp_path / "datasets")
        assert made.peaks["name"].tolist() == ["E@one:0-200", "E@two:0-200", "E@three:0-200", "E@one:800-1000"]
        positive = made.intervals[made.intervals["label"] == 1]
        assert positive["source_peak"].tolist() == [made.peaks["name"][i] for i in (0, 3, 1, 2, 0, 1, 3)]

    def test_of_overlapping_peaks_the_source_is_one_that_fills_the_bin(self, tmp_path):
        peaks = bed(("one", 0, 110), ("one", 0, 90), ("one", 300, 700), ("one", 50, 199), ("two", 0, 200))
        made = dataset(handmade_world(tmp_path / "world", CHAINS, peaks), "E", tmp_path / "datasets")
        own = made.intervals[(made.intervals["genome"] == "ref") & (made.intervals["label"] == 1)]
        assert own[["chrom", "start", "source_peak"]].values.tolist() == [
            ["one", 0, "peak1"],
            ["one", 400, "peak3"],
            ["two", 0, "peak5"],
        ]


CHANGES = {
    "test chromosomes": {"test_chromosomes": frozenset({"two"})},
    "validation chromosomes": {"validation_chromosomes": frozenset()},
    "chromosomes": {"chromosomes": ("one", "two", "three")},
    "peak width": {"peak_width": 100},
    "unknown bases": {"max_unknown": 0.2},
    "aliases": {"aliases": {"chr1": "one"}},
}


class TestProvenance:
    def test_hashes_are_those_of_the_parts(self, made):
        assert made.provenance["sha256"] == {name: sha256(made.folder / name) for name in PARTS[:4]}

    def test_what_it_says(self, made, tiny_world, labels):
        told = made.provenance
        assert (told["world"], told["simulated"], told["reference"]) == ("tiny", True, "hg38")
        assert told["experiment"] == "CTCF" and told["rows"] == len(made.intervals)
        assert told["fingerprint"] == dataset_fingerprint(tiny_world, "CTCF")
        *steps, sampling = told["ledger"]
        assert steps == labels.ledger.steps
        bins, rows = labels.bins, made.intervals
        neither = (bins["split"] == "train") & bins["touched"] & ~bins["positive"]
        assert (sampling["in"], sampling["out"]) == (len(bins), (rows["genome"] == "hg38").sum())
        assert sampling["dropped"] == {"touches a peak": neither.sum()}
        rules = told["rules"]
        assert rules["peaks_sha256"] == sha256(tiny_world.peaks_path("CTCF"))
        assert rules["world"] == json.loads(tiny_world.ready.read_text())
        assert (rules["test_chromosomes"], rules["validation_chromosomes"]) == (["chr8", "chr9"], ["chr6", "chr7"])
        assert (rules["merge_gap"], rules["bin"], rules["window"]) == (20, 200, 200)
        assert {"regdna", "numpy", "pandas"} == set(told["versions"])

    def test_the_ledger_has_the_numbers_of_the_rows(self, made, tiny_world):
        steps = {(s["step"], s["genome"], s["what"]): s for s in made.provenance["ledger"]}
        rows = made.intervals
        own = rows["genome"] == "hg38"
        assert steps["tiling", "hg38", "positive bins"]["out"] == (rows["label"][own] == 1).sum()
        assert steps["select", "hg38", "peaks"]["out"] == len(made.peaks)
        for species in tiny_world.relatives:
            assert steps["selection", species, "bins"]["out"] == (rows["genome"] == species).sum()
            assert steps["liftover", species, "peaks"]["in"] == len(made.peaks)

    @pytest.mark.parametrize("change", CHANGES)
    def test_the_fingerprint_depends_on_each_rule_of_the_world(self, small, change):
        other = dataclasses.replace(small, **CHANGES[change])
        assert dataset_fingerprint(other, "E") != dataset_fingerprint(small, "E")

    @pytest.mark.parametrize("rule", ["MERGE_GAP", "BIN", "NEGATIVES", "__version__"])
    def test_the_fingerprint_depends_on_each_rule_of_the_library(self, small, monkeypatch, rule):
        before = dataset_fingerprint(small, "E")
        monkeypatch.setattr(datasets, rule, 7)
        assert dataset_fingerprint(small, "E") != before

    def test_the_fingerprint_depends_on_what_is_labelled(self, small, tmp_path):
        peaks = tmp_path / "same.bed"
        peaks.write_text(PEAKS)
        before = dataset_fingerprint(small, "E")
        assert dataset_fingerprint(small, "E", peaks) == before  # content, not place
        others = [dataset_fingerprint(small, "E", window=400), dataset_fingerprint(small, "F", peaks)]
        peaks.write_text(PEAKS + "one\t2000\t2100\n")
        others.append(dataset_fingerprint(small, "E", peaks))
        small.ready.write_text(json.dumps({"world": "small", "fingerprint": "other files"}))
        others.append(dataset_fingerprint(small, "E"))
        assert len({before, *others}) == 5

    @pytest.mark.parametrize("given", [{}, {"sha256": "0" * 64}])
    def test_the_fingerprint_depends_on_files_whose_hash_nobody_gives(self, tmp_path, given):
        genomes = [{"name": "ref"}, {"name": "rel", "path": "rel.fa"} | given]
        world = handmade_world(tmp_path / "world", CHAINS, PEAKS)
        description = world.description | {"genomes": genomes}
        world = dataclasses.replace(world, description=description, downloaded=tmp_path)
        path = tmp_path / "rel.fa"
        path.write_text(">r\nACGT\n")
        before = dataset_fingerprint(world, "E")
        assert dataset_fingerprint(world, "E") == before
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
        assert (dataset_fingerprint(world, "E") == before) == bool(given)


class TestMaking:
    def test_equal_inputs_give_equal_bytes(self, small, tmp_path):
        one, two = (dataset(small, "E", tmp_path / name) for name in ("one", "two"))
        assert contents(one.folder) == contents(two.folder)

    def test_what_is_there_is_opened_and_not_made_again(self, small, tmp_path, monkeypatch):
        first = dataset(small, "E", tmp_path)
        monkeypatch.setattr(datasets, "label_world", lambda *_: pytest.fail("labelled again"))
        again = dataset(small, "E", tmp_path)
        pd.testing.assert_frame_equal(again.intervals, first.intervals)
        pd.testing.assert_frame_equal(again.intervals, open_dataset(first.folder).intervals)
        np.testing.assert_array_equal(again.codes, first.codes)
        assert again.provenance == first.provenance

    def test_other_peaks_of_one_name_make_it_again(self, small, tmp_path):
        before = dataset(small, "E", tmp_path)
        rows, kept = len(before.intervals), before.codes[:].copy()
        path = tmp_path / "other.bed"
        path.write_text(PEAKS + "one\t2000\t2150\n")
        after = dataset(small, "E", tmp_path, path)
        assert after.folder == before.folder
        positive = after.intervals[(after.intervals["label"] == 1) & (after.intervals["genome"] == "ref")]
        assert 2000 in positive["start"].tolist() and len(after.intervals) == rows
        np.testing.assert_array_equal(before.codes, kept)  # who has it open keeps what was there
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["E-200", "world"]

    def test_windows_lie_side_by_side(self, small, tmp_path):
        for window in (200, 202, 1000):
            assert dataset(small, "E", tmp_path, window=window).window == window
        assert {path.name for path in tmp_path.glob("E-*")} == {"E-200", "E-202", "E-1000"}

    @pytest.mark.parametrize("window", [0, 100, 199, 201, -200])
    def test_a_window_that_is_no_bin_with_equal_flanks(self, small, tmp_path, window):
        with pytest.raises(ValueError, match=f"^window {window}: it must be a bin of 200 bases with equal flanks$"):
            dataset(small, "E", tmp_path / "datasets", window=window)
        assert not (tmp_path / "datasets").exists()

    @pytest.mark.parametrize("name", ["../E", "a/E", ".E", ""])
    def test_a_name_that_leads_elsewhere(self, small, tmp_path, name):
        with pytest.raises(ValueError, match="cannot be a name"):
            dataset(small, name, tmp_path / "datasets", small.peaks_path("E"))
        assert not (tmp_path / "datasets").exists()

    def test_negatives_are_capped_and_drawn_alike_each_time(self, small, tmp_path, monkeypatch):
        whole = dataset(small, "E", tmp_path).intervals
        monkeypatch.setattr(datasets, "NEGATIVES", 5)
        few, again = (dataset(small, "E", tmp_path / name) for name in ("one", "two"))
        assert contents(few.folder) == contents(again.folder)

        def empty(table):
            return table[(table["split"] == "train") & (table["label"] == 0)]

        assert len(empty(few.intervals)) == 5 < len(empty(whole))
        assert set(empty(few.intervals)["start"]) < set(empty(whole)["start"])
        assert empty(few.intervals)["start"].is_monotonic_increasing
        others = whole.drop(empty(whole).index).values.tolist()
        assert few.intervals.drop(empty(few.intervals).index).values.tolist() == others
        monkeypatch.setattr(datasets, "NEGATIVES", len(empty(whole)))
        assert dataset(small, "E", tmp_path / "all").intervals.values.tolist() == whole.values.tolist()

    def test_an_error_leaves_nothing(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(datasets, "write_text", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dataset(small, "E", tmp_path / "datasets")
        assert [path.name for path in (tmp_path / "datasets").iterdir()] == [".E-200.lock"]

    def test_a_world_that_is_not_built(self, small, tmp_path):
        small.ready.unlink()
        with pytest.raises(ValueError, match=r"^world small is not built; run: regdna world small$"):
            dataset(small, "E", tmp_path / "datasets")
        assert not (tmp_path / "datasets").exists()

    def test_missing_peaks(self, small, tmp_path):
        with pytest.raises(KeyError, match="world small has no experiment 'F'; it has E"):
            dataset(small, "F", tmp_path)
        with pytest.raises(FileNotFoundError, match=rf"^peak file {tmp_path / 'no.bed'} does not exist$"):
            dataset(small, "F", tmp_path, tmp_path / "no.bed")
        small.peaks_path("E").unlink()
        with pytest.raises(FileNotFoundError, match=r"^peak file .*E\.narrowPeak does not exist$"):
            dataset(small, "E", tmp_path)

    def test_processes_that_make_the_same_at_a_time(self, small, tmp_path):
        """They start together; each ends well, one of them has made it, and the bytes are those of one alone."""
        (tmp_path / "code.py").write_text(
            "import sys, time; from pathlib import Path; import pooch\n"
            "from regdna.data import datasets; from regdna.worlds.catalogue import open_world\n"
            "here, number = Path(sys.argv[1]), sys.argv[2]\n"
            "pooch.os_cache = lambda project: here / 'cache'\n"
            "make, datasets._make = datasets._make, lambda *a: (make(*a), print('made', end=' '))\n"
            "world = open_world('small', here / 'world', here / 'world' / 'built')\n"
            "(here / f'ready{number}').touch()\n"
            "while not (here / 'go').exists(): time.sleep(0.001)\n"
            "print(len(datasets.dataset(world, 'E', here / 'together').intervals))\n"
        )
        command = [sys.executable, tmp_path / "code.py", tmp_path]
        running = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(3)]
        while len(list(tmp_path.glob("ready*"))) < 3 and all(process.poll() is None for process in running):
            time.sleep(0.01)
        (tmp_path / "go").touch()
        told = sorted(process.communicate(timeout=60)[0] for process in running)
        assert [process.returncode for process in running] == [0, 0, 0]
        rows = len(dataset(small, "E", tmp_path / "alone").intervals)
        assert told == [f"{rows}\n", f"{rows}\n", f"made {rows}\n"]
        assert contents(tmp_path / "together" / "E-200") == contents(tmp_path / "alone" / "E-200")
        assert sorted(path.name for path in (tmp_path / "together").iterdir()) == [".E-200.lock", "E-200"]


FILES = {
    "no provenance": {"notes.txt": "mine"},
    "no data set's provenance": {"provenance.json": '{"world": "yeast", "date": "2026-01-02"}'},
    "a list": {"provenance.json": "[1]"},
    "half a file": {"provenance.json": '{"fingerprint": "'},
}


class TestForeignFolders:
    @pytest.mark.parametrize("files", FILES)
    def test_they_are_refused_and_left_as_they_are(self, small, tmp_path, files):
        (tmp_path / "E-200").mkdir()
        for name, content in FILES[files].items():
            (tmp_path / "E-200" / name).write_text(content)
        before = contents(tmp_path / "E-200")
        for use in (lambda: dataset(small, "E", tmp_path), lambda: open_dataset(tmp_path / "E-200")):
            with pytest.raises(ValueError, match=r"E-200 is no data set; move it away or delete it$"):
                use()
        assert contents(tmp_path / "E-200") == before

    def test_a_file_in_its_place(self, small, tmp_path):
        (tmp_path / "E-200").write_text("mine")
        with pytest.raises(ValueError, match=r"E-200 is no data set"):
            dataset(small, "E", tmp_path)
        assert (tmp_path / "E-200").read_text() == "mine"

    def test_a_folder_that_is_absent(self, tmp_path):
        with pytest.raises(ValueError, match=r"no is no data set"):
            open_dataset(tmp_path / "no")


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


DAMAGE = {
    "fewer codes": ("codes.npy", lambda old: saved(np.load(io.BytesIO(old))[:-1]), "47 by 200 codes, 48 intervals"),
    "more codes": ("codes.npy", lambda old: saved(np.zeros((49, 200), np.uint8)), "49 by 200 codes, 48 intervals"),
    "other width": ("codes.npy", lambda old: saved(np.zeros((48, 198), np.uint8)), "48 by 198 codes, 48 intervals"),
    "cut codes": ("codes.npy", lambda old: old[:-1], r"E-200 is damaged \(.*\); delete it and make it again"),
    "no codes": ("codes.npy", lambda old: b"", r"E-200 is damaged \(.*\); delete it and make it again"),
    "a row lost": (
        "intervals.tsv.gz",
        lambda old: gzip.compress(gzip.decompress(old).rpartition(b"\nE")[0] + b"\n"),
        "intervals.tsv.gz is not what was made; delete",
    ),
    "cut intervals": ("intervals.tsv.gz", lambda old: old[:-9], r"E-200 is damaged \(.*\); delete it and"),
    "cut peaks": ("peaks.tsv.gz", lambda old: old[:30], r"E-200 is damaged \(.*\); delete it and make it again"),
    "other columns": (
        "intervals.tsv.gz",
        lambda old: gzip.compress(b"a\tb\n1\t2\n"),
        "intervals.tsv.gz is not what was made",
    ),
    "no homologs": (
        "homologs.tsv.gz",
        None,
        r"E-200 is damaged \(.*homologs\.tsv\.gz.*\); delete it and make it again",
    ),
    "no peaks": ("peaks.tsv.gz", None, r"E-200 is damaged \(.*peaks\.tsv\.gz.*\); delete it and make it again"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    world = handmade_world(folder / "world", CHAINS, PEAKS)
    assert len(dataset(world, "E", folder).intervals) == 48
    return folder / "E-200"


class TestDamage:
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_it_is_an_error(self, whole, tmp_path, damage):
        name, change, message = DAMAGE[damage]
        path = shutil.copytree(whole, tmp_path / "E-200") / name
        if change:
            path.write_bytes(change(path.read_bytes()))
        else:
            path.unlink()
        with pytest.raises(ValueError, match=message):
            open_dataset(tmp_path / "E-200")
