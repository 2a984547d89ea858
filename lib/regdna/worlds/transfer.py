"""One file over HTTP, gone on with where an earlier transfer broke off."""

import errno
import os

import pooch

from regdna.files import write_text

CHUNK = 2**16  # bytes


def fetch(url, part):
    """Fetch a file, or what is missing of it.

    On an error what has arrived stays, if the server can send the rest another time; also if the process is killed.
    ``<part>.version`` keeps what the server calls the version that it is of: if it has another one by then, the
    transfer starts anew.

    Parameters
    ----------
    url : str
    part : pathlib.Path
        Where to; its folder must be there.

    Raises
    ------
    requests.RequestException
        If the transfer fails.
    OSError
        If the file cannot be written; on a full disk the message tells folder and size.
    """
    version, size = _version(part), None

    def begin(response, **_):
        nonlocal size
        sent = response.headers.get("Content-Length")
        if response.status_code in (200, 416):  # all of it, whether asked for or not; or what has arrived is too long
            file.truncate(0)
            version.unlink(missing_ok=True)
            # The date first: mirrors of one file differ in their tags.
            if name := response.headers.get("Last-Modified") or response.headers.get("ETag"):
                write_text(version, name)
        size = file.seek(0, os.SEEK_END) + int(sent) if sent else None

    try:
        with open(part, "ab") as file:
            headers = {"Accept-Encoding": "identity"}  # places are those in the file itself
            if file.tell() and version.exists():
                # The last byte again, since no server sends the rest of what is complete.
                file.truncate(file.tell() - 1)
                headers |= {"Range": f"bytes={file.seek(0, os.SEEK_END)}-", "If-Range": version.read_text()}
            get = pooch.HTTPDownloader(progressbar=True, chunk_size=CHUNK, headers=headers, hooks={"response": begin})
            get(url, file, None)
    except BaseException as error:
        if not (version.exists() and part.exists() and part.stat().st_size):  # nothing to go on with
            discard(part)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            needs = f"; the file has {size:,} bytes" if size else ""
            raise OSError(error.errno, f"no space left in {part.parent}{needs}") from error
        raise


def discard(part):
    """Remove what has arrived of a file."""
    part.unlink(missing_ok=True)
    _version(part).unlink(missing_ok=True)


def _version(part):
    return part.with_name(f"{part.name}.version")
