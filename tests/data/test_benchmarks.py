import contextlib
import zipfile
from collections import Counter

import numpy as np
import pytest

from regdna.data import benchmarks
from regdna.data.benchmarks import open_task, task_names
from regdna.worlds.collections import open_collection

HUMAN_OR_WORM = {
    "train/human/10.txt": "ACGT\n",
    "train/human/9.txt": "AAAA",
    "train/worm/0.txt": "tttn",
    "test/human/3.txt": "CC",
    "test/worm/2.txt": "TTTN",
}
ROWS = "sequence,label\nACGT,0\nGGCA,1\n"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Folder of downloaded files, empty."""
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path))
    return tmp_path


def place(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def texts(task):
    return {split: part.sequences.strings() for split, part in task.parts.items()}


def test_names():
    assert len(task_names("gue")) == 28 and len(task_names("genomic_benchmarks")) == 8
    assert task_names("mtcdna") == ["MTcDNA/1024", "MTcDNA/4096", "MTcDNA/8192"]
    kinds = Counter(name.split("/")[0] for name in task_names("gue"))
    assert kinds == {"EMP": 10, "prom": 6, "splice": 1, "tf": 5, "mouse": 5, "virus": 1}
    assert task_names("human_ctcf") == ["human_ctcf"]
    assert len(set(task_names())) == 40
    with pytest.raises(
        ValueError, match="no group of tasks named 'x'; groups: genomic_benchmarks, gue, human_ctcf, mtcdna"
    ):
        task_names("x")
    with pytest.raises(ValueError, match=r"no task named 'EMP/H9'; tasks: .*EMP/H3,"):
        open_task("EMP/H9")


class TestGue:
    def place(self, data, name="tf/2", **files):
        files = {"train": ROWS, "dev": ROWS, "test": ROWS} | files
        place(data / "gue" / name, {f"{file}.csv": text for file, text in files.items() if text is not None})

    def test_three_parts(self, data):
        self.place(
            data, dev="label,sequence,more\n 1 ,acgn,x\n0,NA,y\n", test="\ufeffsequence,label\r\nTT,1\r\nG,0\r\n"
        )
        task = open_task("tf/2")
        assert texts(task) == {"train": ["ACGT", "GGCA"], "validation": ["ACGN", "NA"], "test": ["TT", "G"]}
        assert [part.labels.tolist() for part in task.parts.values()] == [[0, 1], [1, 0], [1, 0]]
        assert task.parts["test"].labels.dtype == np.int64
        assert (task.group, task.metric, task.classes) == ("gue", "mcc", ("unbound", "bound"))
        assert not task.simulated and not task.dropped
        assert task.notes == tuple(
            f"tf/2/{file} has 2 sequences; the published one has {size}."
            for file, size in (("train.csv", "19,000"), ("dev.csv", "1,000"), ("test.csv", "1,000"))
        )

    def test_without_a_training_file_the_dev_file_is_trained_on_and_a_note_says_so(self, data):
        self.place(data, name="EMP/H3K4me3", train=None, test="sequence,label\nTT,1\nG,0\n")
        task = open_task("EMP/H3K4me3")
        assert texts(task) == {"train": ["ACGT", "GGCA"], "test": ["TT", "G"]}
        assert task.notes[0] == (
            "Trained on the published dev split of 3,680 sequences, since the training split of 29,439 is not at hand."
        )
        assert [note.split()[0] for note in task.notes[1:]] == ["EMP/H3K4me3/dev.csv", "EMP/H3K4me3/test.csv"]

    def test_a_training_file_that_can_be_fetched_is_not_done_without(self, data):
        self.place(data, name="tf/0", train=None)
        with pytest.raises(FileNotFoundError, match=r"tf/0/train\.csv does not exist; fetch https://raw.*/train\.csv"):
            open_task("tf/0")

    @pytest.mark.parametrize("missing", [("train", "dev"), ("test",), ("train", "dev", "test")])
    def test_absent_files_say_where_to_get_them(self, data, missing):
        self.place(data, **dict.fromkeys(missing))
        with pytest.raises(FileNotFoundError, match=rf"{missing[0]}\.csv does not exist; download GUE\.zip from https"):
            open_task("tf/2")

    def test_f1_for_the_viral_variants(self, data):
        rows = "sequence,label\n" + "".join(f"{'A' * (label + 1)},{label}\n" for label in range(9))
        self.place(data, name="virus/covid", train=rows, dev=rows, test=rows)
        assert open_task("virus/covid").metric == "f1"

    def test_what_is_in_training_and_test_is_told(self, data):
        self.place(data, train="sequence,label\nacgt,0\nGGCA,1\nGT,1\n", dev="sequence,label\nT,0\nC,1\n")
        assert open_task("tf/2").notes[3:] == ("2 of the 2 test sequences are also in the training part.",)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (ROWS + "AC,2\n", "line 4: label '2' is none of 0 to 1"),
            (ROWS + "AC,-1\n", "line 4: label '-1' is none of 0 to 1"),
            (ROWS + "AC,1.0\n", "line 4: label '1.0' is not an integer, one of 0 to 1"),
            (ROWS + "AC\n", "line 4: label '' is not an integer"),
            ("sequence,label\nAC,1\nGG,1\n", "no row has the label 0 \\(unbound\\)"),
            (ROWS + ",1\n", "line 4: an empty sequence"),
            ("sequence,label\n\nACGT,0\nGGCA,1\n", "line 2: label '' is not an integer"),
            (ROWS + "AC-T,1\n", "line 4: '-' at position 2 is not a nucleotide letter"),
            ("text,label\nAC,1\n", "no column 'sequence'; it has text, label"),
            ("sequence\tlabel\nAC\t1\n", "no column 'sequence'"),
            ("", "not comma-separated text"),
            (ROWS + "A,1,1\n", "not comma-separated text .*line 4"),
        ],
    )
    def test_bad_files(self, data, text, problem):
        self.place(data, test=text)
        with pytest.raises(ValueError, match=rf"test\.csv:? .*{problem}|test\.csv: {problem}"):
            open_task("tf/2")

    def test_a_file_that_is_no_text(self, data):
        self.place(data)
        (data / "gue" / "tf" / "2" / "test.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ValueError, match=r"test\.csv: not comma-separated text"):
            open_task("tf/2")


class TestPublishedGue:
    """The files themselves."""

    @pytest.fixture
    def gue(self, data_folder, monkeypatch):
        if data_folder is None or not (data_folder / "gue" / "tf" / "0" / "train.csv").exists():
            pytest.skip("set REGDNA_DATA to a folder that holds the gue files")
        monkeypatch.setenv("REGDNA_DATA", str(data_folder))

    def test_sizes_and_lengths(self, gue):
        task = open_task("tf/0")
        assert task.counts().sum(axis=1).to_dict() == {"train": 32378, "validation": 1000, "test": 1000}
        assert set(task.parts["train"].sequences.lengths) == {101}
        task = open_task("splice/reconstructed")
        assert task.counts().sum(axis=1).to_dict() == {"train": 4562, "test": 4562}
        assert len(task.notes) == 2 and task.notes[1].startswith("32 of the 4,562 test sequences")

    def test_all_files_at_hand_are_as_large_as_published(self, gue):
        opened = 0
        for name in task_names("gue"):
            with contextlib.suppress(FileNotFoundError):
                opened += not any("the published one has" in note for note in open_task(name).notes)
        assert opened >= 11

    def test_the_classes_of_splice_are_what_they_are_called(self, gue):
        sequences, labels = open_task("splice/reconstructed").parts["test"]
        codes, _ = sequences.padded()
        acceptor, donor = codes[labels == 0], codes[labels == 1]
        assert ((acceptor[:, 198:200] == [0, 2]).all(1)).mean() > 0.99  # AG
        assert ((donor[:, 200:202] == [2, 3]).all(1)).mean() > 0.95  # GT


class TestGenomicBenchmarks:
    NAME = "demo_human_or_worm"

    def archive(self, data, files, name=NAME):
        (data / "genomic_benchmarks").mkdir(exist_ok=True)
        with zipfile.ZipFile(data / "genomic_benchmarks" / f"{name}_v0.zip", "w") as zipped:
            for file, text in files.items():
                zipped.writestr(file, text)

    @pytest.mark.parametrize("packed", [True, False])
    def test_folders_are_classes_and_files_are_in_order_of_their_numbers(self, data, packed):
        if packed:
            others = {
                "__MACOSX/train/human/10.txt": "?",
                f"{self.NAME}/a.txt": "?",
                f"../{self.NAME}/train/human/1.txt": "?",
            }
            self.archive(data, {f"{self.NAME}/{file}": text for file, text in HUMAN_OR_WORM.items()} | others)
        else:
            place(data / "genomic_benchmarks" / self.NAME, HUMAN_OR_WORM)
        task = open_task(self.NAME)
        assert texts(task) == {"train": ["AAAA", "ACGT", "TTTN"], "test": ["CC", "TTTN"]}
        assert [part.labels.tolist() for part in task.parts.values()] == [[0, 0, 1], [0, 1]]
        assert (task.classes, task.metric) == (("human", "worm"), "accuracy")
        assert task.notes == ("1 of the 2 test sequences are also in the training part.",)

    def test_nothing_is_written_beside_the_archive(self, data):
        self.archive(data, {f"{self.NAME}/{file}": text for file, text in HUMAN_OR_WORM.items()})
        open_task(self.NAME)
        assert [path.name for path in data.rglob("*")] == ["genomic_benchmarks", f"{self.NAME}_v0.zip"]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"test/worm/2.txt": " \n"}, r"test/worm/2\.txt: an empty sequence"),
            ({"train/worm/0.txt": "ACé"}, r"train/worm/0\.txt: .* at position 2 is not a nucleotide letter"),
            ({"train/fly/0.txt": "AC"}, r"train/fly/0\.txt: not in train or test, in a folder of one of .*human, worm"),
            ({"dev/worm/0.txt": "AC"}, r"dev/worm/0\.txt: not in train or test"),
            ({"test/worm/2.txt": None}, r"demo_human_or_worm: test/worm holds no sequence"),
        ],
    )
    @pytest.mark.parametrize("packed", [True, False])
    def test_bad_files_are_named(self, data, changes, problem, packed):
        files = {file: text for file, text in (HUMAN_OR_WORM | changes).items() if text is not None}
        if packed:
            self.archive(data, {f"{self.NAME}/{file}": text for file, text in files.items()})
        else:
            place(data / "genomic_benchmarks" / self.NAME, files)
        with pytest.raises(ValueError, match=problem):
            open_task(self.NAME)

    def test_a_damaged_archive(self, data):
        self.archive(data, {f"{self.NAME}/{file}": text for file, text in HUMAN_OR_WORM.items()})
        path = data / "genomic_benchmarks" / f"{self.NAME}_v0.zip"
        whole = path.read_bytes()
        for content in (whole[:-30], whole.replace(b"AAAA", b"AAAC", 1), b""):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=r"_v0\.zip: truncated or damaged .*; delete it and fetch it again"):
                open_task(self.NAME)

    def test_absent(self, data):
        source = open_collection("genomic_benchmarks").sources[self.NAME]
        with pytest.raises(FileNotFoundError, match=r"demo_human_or_worm_v0\.zip does not exist") as error:
            open_task(self.NAME)
        assert source.url in str(error.value)


class TestMtcdna:
    TURTLES, MICE = ("Chelonoidis_turtle", "Gopherus_turtle"), ("Mus_musculus", "Mus_spretus")

    def place(self, data, number=10, **changes):
        """Each species has cDNA of 5001, 5002, … bases, and one of 5000."""
        rng = np.random.default_rng(1)
        lengths = [5000, *range(5001, 5001 + number)]
        files = {
            species: "".join(f">{species}{i} x\n{''.join(rng.choice([*'acgt'], n))}\n" for i, n in enumerate(lengths))
            for species in (*self.TURTLES, *self.MICE)
        }
        place(data / "mtcdna", {name: text for name, text in (files | changes).items() if text is not None})
        return files

    def test_long_ones_cut_split_and_labelled(self, data):
        files = self.place(data)
        task = open_task("MTcDNA/1024")
        assert task.classes == ("turtle", "mouse") and task.metric == "accuracy" and not task.notes
        assert task.dropped == {"cDNA of 5000 bases or fewer": 4}
        assert task.counts().sum(axis=1).to_dict() == {"train": 24, "validation": 8, "test": 8}
        species = {
            record.splitlines()[1][:1024].upper(): name
            for name, text in files.items()
            for record in text.split(">")[1:]
        }
        for sequences, labels in task.parts.values():
            assert set(sequences.lengths) == {1024}
            assert [species[string] in self.MICE for string in sequences.strings()] == (labels == 1).tolist()
        assert len({string for part in texts(task).values() for string in part}) == 40

    def test_the_same_rows_at_every_length_and_short_ones_stay_short(self, data):
        self.place(data)
        short, long = open_task("MTcDNA/1024"), open_task("MTcDNA/8192")
        for split, strings in texts(long).items():
            assert [string[:1024] for string in strings] == texts(short)[split]
        assert long.parts["test"].sequences.lengths.max() < 5011
        assert long.notes == ("40 of the 40 sequences are shorter than 8192 bases.",)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "Mus_spretus: 0 FASTA records, none of more than 5000 bases"),
            (">a\nACGT\n", "Mus_spretus: 1 FASTA records, none of more than 5000 bases"),
            (">a b\n" + "A" * 500 + "*" + "A" * 5000, r"Mus_spretus, record a: '\*' at position 500 is not"),
        ],
    )
    def test_bad_files(self, data, text, problem):
        self.place(data, Mus_spretus=text)
        with pytest.raises(ValueError, match=problem):
            open_task("MTcDNA/4096")

    def test_absent(self, data):
        self.place(data, Mus_spretus=None)
        with pytest.raises(FileNotFoundError, match="mtcdna/Mus_spretus does not exist; place FASTA files"):
            open_task("MTcDNA/4096")


class TestByChromosome:
    def place(self, data, **more):
        bound, unbound = ("".join(f">chr{c}_1\n{letters}\n" for c in range(5, 10)) for letters in ("ACCA", "GTTG"))
        files = {"pos": bound, "neg": unbound} | more
        place(data, {f"human_ctcf/CTCF_GM12878_hg19_4000_{kind}.fa": text for kind, text in files.items() if text})

    def test_parts(self, data):
        self.place(data)
        task = open_task("human_ctcf")
        assert task.counts().to_dict("list") == {"unbound": [1, 2, 2], "bound": [1, 2, 2]}
        part = task.parts["test"]
        assert {"ACCA"} == set(part.sequences.take(part.labels == 1).strings())

    def test_against_shuffles(self, data):
        self.place(data)
        task = open_task("human_ctcf:shuffled")
        assert task.name == "human_ctcf:shuffled" and task.classes == ("shuffled", "bound")
        assert {s[0] + s[-1] for s in task.parts["train"].sequences.strings()} == {"AA"}
        with pytest.raises(ValueError, match="task human_ctcf:x: the negatives are the published ones, or human_ctcf:"):
            open_task("human_ctcf:x")

    def test_absent(self, data):
        self.place(data, pos=None)
        with pytest.raises(FileNotFoundError, match=r"4000_pos\.fa does not exist; fetch https://"):
            open_task("human_ctcf")


class TestFetching:
    def test_what_is_absent_and_has_an_address(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REGDNA_DATA", str(tmp_path))
        asked = []
        monkeypatch.setattr(benchmarks, "download", lambda collection: asked.append(sorted(collection.sources)))
        (tmp_path / "gue" / "tf" / "0").mkdir(parents=True)
        (tmp_path / "gue" / "tf" / "0" / "dev.csv").write_text("sequence,label\n")
        (tmp_path / "genomic_benchmarks" / "demo_human_or_worm").mkdir(parents=True)
        for name in ("tf/0", "virus/covid", "demo_human_or_worm", "human_ocr_ensembl", "MTcDNA/1024"):
            benchmarks.fetch_task(name)
        assert asked == [["tf/0/test", "tf/0/train"], [], ["human_ocr_ensembl"], []]
        asked.clear()
        benchmarks.fetch_task("human_ctcf:shuffled")
        assert asked == [["bound", "unbound"]]

    def test_unknown(self):
        with pytest.raises(ValueError, match=r"no task named 'tf/9'; tasks: .*EMP/H3"):
            benchmarks.fetch_task("tf/9")
