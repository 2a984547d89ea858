"""Public files, fetched once and verified by their SHA-256."""

import pooch
import requests


def download(world):
    """Fetch every public file of a world that is not there yet, with a progress bar for each.

    A file that is there with the right SHA-256 is used as it is; a download appears under its name only when complete
    and verified.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World

    Raises
    ------
    ValueError
        If a file cannot be fetched or has another SHA-256; it says which file to place where.
    """
    for source in world.sources.values():
        target = world.downloaded / source.path
        try:
            pooch.retrieve(
                url=source.url,
                known_hash=f"sha256:{source.sha256}",
                fname=target.name,
                path=target.parent,
                progressbar=True,
            )
        except (requests.RequestException, OSError) as error:
            raise ValueError(
                f"cannot fetch {source.url} ({type(error).__name__}: {error}). Fetch it by other means and place it at "
                f"{target} (SHA-256 {source.sha256}), or point REGDNA_DATA at a folder that holds "
                f"{world.name}/{source.path}"
            ) from error
        except ValueError as error:
            raise ValueError(
                f"{source.url} is not the file this world was made with: {error}. Place one of SHA-256 {source.sha256} "
                f"at {target}"
            ) from error
