import gzip
import stat

import pandas as pd
import pytest

from regdna.files import atomic, sha256, write_bytes, write_table, write_text


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
