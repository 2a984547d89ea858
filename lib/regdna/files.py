"""Files that appear whole or not at all."""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
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


@contextmanager
def atomic_folder(path):
    """Make a folder under a temporary name beside it and rename it when the block ends well.

    A folder that is already there is replaced. On an error nothing remains of the new one. Two processes must not do
    this at a time; see :func:`alone`.

    Parameters
    ----------
    path : path
        The final name; missing parents are made.

    Yields
    ------
    pathlib.Path
        The temporary folder to write into.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    os.chmod(temporary, 0o755)
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    finally:
        if old.exists() and not path.exists():  # the second step has failed: undo the first
            os.replace(old, path)
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def check_name(name):
    """Raise a ValueError if a name that a user gave cannot be that of a folder."""
    if not name or name.startswith(".") or "/" in name:
        raise ValueError(f"{name!r} cannot be a name: it becomes a folder, so no slash, and no dot at its beginning")


@contextmanager
def alone(path):
    """Let one process at a time make a folder, while others wait; what killed ones have left of it is removed.

    Parameters
    ----------
    path : path
        The folder's final name. The lock is a hidden file beside it, which stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when the process ends, however it ends
        left = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}(\.old)?")  # by atomic_folder
        for folder in [folder for folder in path.parent.iterdir() if left.fullmatch(folder.name)]:
            shutil.rmtree(folder)
        yield


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
