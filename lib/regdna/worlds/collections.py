"""Collections of labelled sequences by name: real data that come without a genome around them."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from regdna.worlds.catalogue import PROJECT, Source, cache_folder

COLLECTIONS = PROJECT / "data" / "collections"


@dataclass(frozen=True)
class Collection:
    """Public files of labelled sequences.

    Attributes
    ----------
    name, title : str
    downloaded : pathlib.Path
        Folder of the files; :func:`regdna.worlds.downloads.download` fetches them.
    sources : dict of str to regdna.worlds.catalogue.Source
        The files by their part in the collection.
    simulated : bool
        False: collections are measured data.
    """

    name: str
    title: str
    downloaded: Path
    sources: dict
    simulated: bool = False

    def path(self, part):
        """Path of a file by its part in the collection."""
        return self.downloaded / self.sources[part].path

    @property
    def present(self):
        """Whether all files are there."""
        return all(self.path(part).exists() for part in self.sources)


def collection_names():
    """List the collections, sorted."""
    return sorted(path.stem for path in COLLECTIONS.glob("*.yaml"))


def open_collection(name):
    """Open a collection by its name; its files need not be there yet.

    Returns
    -------
    Collection

    Raises
    ------
    ValueError
        If there is no such collection.
    """
    path = COLLECTIONS / f"{name}.yaml"
    if not path.exists():
        raise ValueError(f"no collection named {name!r}; collections: {', '.join(collection_names())}")
    text = yaml.safe_load(path.read_text())
    sources = {part: Source(file["path"], file["url"], file["sha256"]) for part, file in text["files"].items()}
    return Collection(text["name"], text["title"], cache_folder() / text["name"], sources)
