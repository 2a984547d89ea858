"""Public files, fetched once and verified."""

import fcntl
import logging
import os
from contextlib import contextmanager, suppress

import requests

from regdna.files import sha256, write_text
from regdna.worlds.integrity import check_whole
from regdna.worlds.transfer import discard, fetch

log = logging.getLogger(__name__)


def download(world):
    """Fetch every public file of a world that is not there yet, with a progress bar for each.

    A file that is there with the right SHA-256 is used as it is; a download appears under its name only when complete
    and verified. Where the world gives no SHA-256, a file is verified as far as its format allows
    (:func:`regdna.worlds.integrity.check_whole`), and its SHA-256 kept beside it in ``<file>.sha256``; from then on it
    must stay the same. Until complete, a download is called ``<file>.part``; after an interruption the next call goes
    on where it stopped, as :func:`regdna.worlds.transfer.fetch` can.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World

    Raises
    ------
    ValueError
        If a file cannot be fetched, is damaged or has another SHA-256; it says which file to place where.
    """
    for source in world.sources.values():
        target, part = world.downloaded / source.path, world.downloaded / f"{source.path}.part"
        try:
            with _alone_in(target.parent):
                if not _is_there(source, target):
                    fetch(source.url, part)
                    _publish(source, target, part)
                _keep_hash(source, target)
        except (requests.RequestException, OSError) as error:
            known = f" (SHA-256 {source.sha256})" if source.sha256 else ""
            again = "Run the command again to go on where it stopped; or f" if part.exists() else "F"
            raise ValueError(
                f"cannot fetch {source.url} ({type(error).__name__}: {error}). {again}etch it by other means and place "
                f"it at {target}{known}, or point REGDNA_DATA at a folder that holds {world.name}/{source.path}"
            ) from error


@contextmanager
def _alone_in(folder):
    """Let one process at a time fetch files to a folder; a process that ends in any way lets go of it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("another process fetches files to %s; waiting for it", folder)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_there(source, target):
    if not target.exists():
        return False
    try:
        _verify(target, source, target)
    except ValueError as error:
        if source.sha256:  # that of an older version, say
            return False
        record, advice = _record(target), "Delete it to have it fetched again"
        if record.exists():
            advice += f"; if the change is right, delete {record.name} instead"
            error = f"it has changed since its first use: {error}"
        raise ValueError(f"{target} cannot be used: {error}. {advice}") from None
    return True


def _publish(source, target, part):
    try:
        _verify(part, source, target)
    except ValueError as error:
        discard(part)
        record = _record(target)
        if source.sha256:
            problem = "is not the file this world was made with"
            advice = f"Place one of SHA-256 {source.sha256} at {target}"
        elif record.exists():
            problem, advice = "is not the file of the first use", f"If the new one is right, delete {record}"
        else:
            problem, advice = "cannot be used", f"Fetch it by other means and place it at {target}"
        raise ValueError(f"{source.url} {problem}: {error}. {advice}") from error
    os.replace(part, target)
    discard(part)


def _verify(path, source, target):
    """Hold a file against its SHA-256; where that is unknown or another, look whether the file is whole."""
    expected = source.sha256 or _kept_hash(target)
    if expected and (found := sha256(path)) == expected:
        return
    check_whole(path, target.name)  # says more than a hash, where it has something to say
    if expected:
        raise ValueError(f"its SHA-256 is {found}, expected {expected}")


def _kept_hash(target):
    return _record(target).read_text().partition(" ")[0] if _record(target).exists() else None


def _keep_hash(source, target):
    if source.sha256 or _record(target).exists():
        return
    try:
        write_text(_record(target), f"{sha256(target)}  {target.name}\n")  # sha256sum -c can read it
    except OSError as error:  # a shared folder need not be writable
        log.warning("the SHA-256 of %s cannot be kept beside it: %s", target, error)


def _record(target):
    return target.with_name(f"{target.name}.sha256")
