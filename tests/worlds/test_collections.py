import pytest

from regdna.files import sha256
from regdna.worlds.collections import collection_names, open_collection


def test_every_collection_opens_and_is_hashed(monkeypatch, tmp_path):
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path))
    assert "human_ctcf" in collection_names()
    for name in collection_names():
        collection = open_collection(name)
        assert collection.name == name and not collection.present and not collection.simulated
        for part, source in collection.sources.items():
            assert source.url.startswith("https://") and len(source.sha256) == 64
            assert collection.path(part) == tmp_path / name / source.path


def test_an_unknown_collection_is_named_with_those_known():
    with pytest.raises(ValueError, match=r"no collection named 'x'; collections: .*human_ctcf"):
        open_collection("x")


def test_the_files_have_their_hashes(human_ctcf):
    for part, source in human_ctcf.sources.items():
        assert sha256(human_ctcf.path(part)) == source.sha256
