import gzip
import os
import re
import stat
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from regdna.files import alone, atomic, atomic_folder, check_name, sha256, write_bytes, write_table, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_atomic_makes_folders_and_leaves_only_the_final_file(tmp_path):
    with atomic(tmp_path / "a" / "b.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a" / "b.txt").read_text() == "whole"
    assert names(tmp_path / "a") == ["b.txt"]


def test_atomic_shows_the_old_file_until_the_block_ends(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_leaves_nothing_new_after_an_error(tmp_path, error):
    path = tmp_path / "b.txt"
    path.write_text("old")
    with pytest.raises(error), atomic(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["b.txt"]


def test_atomic_keeps_the_suffixes_beside_the_final_name(tmp_path):
    with atomic(tmp_path / "b.chain.gz") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".b.chain.gz")
        temporary.write_text("x")


def test_atomic_file_is_readable_by_all(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_atomic_folder_makes_parents_and_leaves_only_the_final_folder(tmp_path):
    with atomic_folder(tmp_path / "a" / "b") as temporary:
        assert temporary.parent == tmp_path / "a" and temporary.name.startswith(".")
        (temporary / "x").write_text("whole")
        assert not (tmp_path / "a" / "b").exists()
    assert (tmp_path / "a" / "b" / "x").read_text() == "whole"
    assert names(tmp_path / "a") == ["b"]
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o755


def test_atomic_folder_replaces_the_old_one_as_a_whole(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    with atomic_folder(tmp_path / "b") as temporary:
        (temporary / "new").write_text("new")
        assert names(tmp_path / "b") == ["old"]
    assert names(tmp_path / "b") == ["new"]
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_folder_leaves_nothing_new_after_an_error(tmp_path, error):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    with pytest.raises(error), atomic_folder(tmp_path / "b") as temporary:
        (temporary / "new").write_text("half")
        raise error
    assert (tmp_path / "b" / "old").read_text() == "old"
    assert names(tmp_path) == ["b"]


def test_atomic_folder_puts_the_old_one_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    rename = os.replace

    def fail(source, target):
        if (Path(source) / "new").exists():
            raise OSError("disk full")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"), atomic_folder(tmp_path / "b") as temporary:
        (temporary / "new").write_text("new")
    assert names(tmp_path / "b") == ["old"] and names(tmp_path) == ["b"]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc", "../up"])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(ValueError, match=f"^{re.escape(repr(name))} cannot be a name: it becomes a folder"):
        check_name(name)


@pytest.mark.parametrize("name", ["CTCF", "a.b", "H3K4me3 (rep 1)", "-x", "é"])
def test_other_names_are_fine(name):
    check_name(name)


class TestAlone:
    def test_others_wait(self, tmp_path):
        order = []

        def work(number):
            with alone(tmp_path / "a" / "b"):
                order.append(number)
                time.sleep(0.05)
                order.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert order[::2] == order[1::2] and sorted(order[::2]) == [0, 1, 2, 3]

    def test_other_folders_need_not_wait(self, tmp_path):
        with alone(tmp_path / "b"), alone(tmp_path / "c"):
            assert names(tmp_path) == [".b.lock", ".c.lock"]

    def test_an_error_lets_go(self, tmp_path):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), alone(tmp_path / "b"):
                raise ZeroDivisionError

    def test_what_killed_ones_have_left_is_removed_and_nothing_else(self, tmp_path):
        stay = [".b.lock", ".b.notes", ".bb.abcdefgh", ".b.c.abcdefgh", "b", "b.abcdefgh", ".b.abcdefgh.older"]
        for name in stay[1:]:
            (tmp_path / name).mkdir()
        with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "b") as temporary:
            left = temporary.name
            raise KeyboardInterrupt
        for name in (left, f"{left}.old"):  # as if it had been killed
            (tmp_path / name).mkdir()
            (tmp_path / name / "codes.npy").write_text("half")
        with alone(tmp_path / "b"):
            assert names(tmp_path) == sorted(stay)


def test_write_bytes_plain(tmp_path):
    write_bytes(tmp_path / "a.bin", b"\x00\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"


def test_gzipped_bytes_carry_neither_time_nor_name(tmp_path):
    write_bytes(tmp_path / "a.gz", b"content")
    write_bytes(tmp_path / "other.gz", b"content")
    raw = (tmp_path / "a.gz").read_bytes()
    assert gzip.decompress(raw) == b"content"
    assert raw[3] == 0 and raw[4:8] == bytes(4)  # no name flag, no time stamp
    assert raw == (tmp_path / "other.gz").read_bytes()


def test_write_text_is_utf8(tmp_path):
    write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"


@pytest.mark.parametrize(
    "name, text",
    [("t.tsv", "a\tb\n1\tx\n2\ty\n"), ("t.txt", "a\tb\n1\tx\n2\ty\n"), ("t.csv", "a,b\n1,x\n2,y\n")],
)
def test_write_table(tmp_path, name, text):
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 8])
    write_table(tmp_path / name, table)
    write_table(tmp_path / f"{name}.gz", table)
    assert (tmp_path / name).read_bytes() == text.encode()
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == text.encode()


def test_sha256_of_abc(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-4
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
