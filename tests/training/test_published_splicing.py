import numpy as np
import pytest

from regdna.data.benchmarks import open_task
from regdna.data.sequences import Sequences
from regdna.data.tasks import Part, Task
from regdna.training import published_splicing as module
from regdna.training.finetune import FineTuning
from regdna.training.published_splicing import COLUMNS, crop, published_sites


def made(number=60, length=400, seed=0):
    rng = np.random.default_rng(seed)

    def part():
        codes, labels = rng.integers(0, 4, (number, length)).astype(np.uint8), np.arange(number) % 3
        codes[labels == 0, 198:200], codes[labels == 1, 200:202] = (0, 2), (2, 3)
        return Part(Sequences.of_rows(codes), labels)

    parts = {split: part() for split in ("train", "test")}
    return Task(module.TASK, "gue", "Splice sites", ("acceptor", "donor", "neither"), "mcc", parts, ("A note.",))


def test_the_middle_is_kept():
    task = made()
    cut = crop(task, 80)
    whole, part = (each.parts["test"].sequences.strings() for each in (task, cut))
    assert part == [string[160:240] for string in whole] and crop(task, 400).parts["test"].sequences.strings() == whole
    with pytest.raises(
        ValueError, match="splice/reconstructed, train: sequences of 400 to 400 bases cannot be cut to 2000"
    ):
        crop(task, 2000)


def test_rows(tiny_world, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_task", lambda name: made())
    monkeypatch.setattr(module, "CNN_PLAN", FineTuning(epochs=1))
    table, notes = published_sites(tiny_world, tmp_path, ["cnn"], [80, 256], 0)
    assert tuple(table.columns) == COLUMNS and list(table["context"]) == [80, 256] and notes == ("A note.",)
    assert table[list(module.SCORES)].stack().between(0, 1).all() and (table["test"] == 60).all()

    def fail(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "_row", fail)
    assert published_sites(tiny_world, tmp_path, ["cnn"], [80, 256], 0)[0].equals(table)
    monkeypatch.setattr(module, "open_task", lambda name: made(seed=1))
    with pytest.raises(AssertionError, match="computed again"):
        published_sites(tiny_world, tmp_path, ["cnn"], [80], 0)


def test_another_method(tiny_world, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_task", lambda name: made())
    with pytest.raises(ValueError, match="kmers: methods are cnn, tune-GENEBERT"):
        published_sites(tiny_world, tmp_path, ["kmers"], [80], 0)


def test_absent_files_are_named(tiny_world, tmp_path, monkeypatch):
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"splice/reconstructed"):
        published_sites(tiny_world, tmp_path, ["cnn"], [80], 0)


def test_the_real_ones(data_folder, monkeypatch):
    """Where the files are: the middle of a donor is GT, that of an acceptor behind AG, in 400 bases and in 80."""
    if data_folder is None or not (data_folder / "gue" / module.TASK / "test.csv").exists():
        pytest.skip("set REGDNA_DATA to a folder that holds gue/splice/reconstructed")
    monkeypatch.setenv("REGDNA_DATA", str(data_folder))
    task = crop(open_task(module.TASK), 80)
    labels = task.parts["test"].labels
    codes = task.parts["test"].sequences.codes.reshape(-1, 80)
    share = {
        "acceptor": (codes[labels == task.classes.index("acceptor")][:, 38:40] == (0, 2)).all(1).mean(),
        "donor": (codes[labels == task.classes.index("donor")][:, 40:42] == (2, 3)).all(1).mean(),
    }
    assert share["acceptor"] > 0.99 and share["donor"] > 0.95
