"""Files that appear whole or not at all."""

import gzip
import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path):
    """Write a file under a temporary name beside it and rename it when the block ends well.

    A reader sees the old file or the new one, never a part of it; on an error nothing remains.

    Parameters
    ----------
    path : path
        The final name; missing folders are made.

    Yields
    ------
    pathlib.Path
        The temporary name to write to; it keeps the final name's suffixes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix="." + path.name)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def write_bytes(path, content):
    """Write bytes atomically, gzipped if the path ends in ``.gz``.

    The gzip header has no time stamp, so that equal content gives equal files.
    """
    with atomic(path) as temporary, open(temporary, "wb") as file:
        if Path(path).suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=file, mtime=0) as zipped:
                zipped.write(content)
        else:
            file.write(content)


def write_text(path, content):
    """Write text atomically as UTF-8, gzipped if the path ends in ``.gz``."""
    write_bytes(path, content.encode())


def write_table(path, table):
    """Write a pandas.DataFrame as tab-separated text with a header (comma-separated for ``.csv``)."""
    separator = "," if ".csv" in Path(path).suffixes else "\t"
    write_text(path, table.to_csv(sep=separator, index=False, lineterminator="\n"))


def sha256(path):
    """Hash a file's content; returns the hexadecimal SHA-256 digest."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
