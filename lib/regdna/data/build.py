"""Make the files of a world: simulate them, or download them and align the genomes that have no chains."""

import hashlib
import json
import logging
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

from regdna import __version__
from regdna.data.alignment import build_chain_file
from regdna.data.genome import Genome
from regdna.files import write_text
from regdna.worlds.downloads import download
from regdna.worlds.simulation import simulate

log = logging.getLogger(__name__)


def build_world(world):
    """Make every file of a world that is not there yet.

    Interrupted, it goes on where it was the next time; if the world's description has changed since, the files built
    from the old one are made anew. ``world.ready`` is written last.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World

    Raises
    ------
    ValueError
        If the folder of built files holds others, a relative has neither a chain nor settings to align it with, a file
        without URL is not in its place, or as :func:`regdna.worlds.downloads.download` raises it.
    """
    if not world.simulated:
        _check(world)
        download(world)
        for path in map(world.peaks_path, world.experiments):
            if not path.exists():
                log.warning("no url is given for these peaks; place them yourself: %s", path)
    fingerprint = _fingerprint(world)
    if _stamp(world.ready) == fingerprint:
        log.info("world %s is complete at %s", world.name, world.built)
        return
    begun = world.built / "begun.json"
    if _stamp(begun) != fingerprint and world.built.exists() and any(world.built.iterdir()):
        if not begun.exists():
            raise ValueError(f"{world.built} holds files that were not made here; move them away or delete them")
        shutil.rmtree(world.built)
    world.ready.unlink(missing_ok=True)
    write_text(begun, json.dumps({"fingerprint": fingerprint}))
    if world.simulated:
        experiments = list(world.experiments.values())
        simulate(world.description["simulation"], experiments, world.reference, world.tree, world.built)
    else:
        _align(world)
    write_text(world.ready, json.dumps({"world": world.name, "fingerprint": fingerprint}))


def _check(world):
    """Say what is missing that no download brings, before it takes hours."""
    if world.without_chain and "alignment" not in world.description:
        raise ValueError(
            f"world {world.name}: no chain to {', '.join(world.without_chain)}; give each a chain, or the world an "
            "alignment section, by which chains are built"
        )
    needed = [world.genome_path(species) for species in (world.reference, *world.relatives)]
    needed += [world.chain_path(species) for species in world.relatives if species not in world.without_chain]
    fetched = {world.downloaded / source.path for source in world.sources.values()}
    if absent := [str(path) for path in needed if path not in fetched and not path.exists()]:
        raise ValueError(f"world {world.name} gives no url for these files; place them yourself: {', '.join(absent)}")


def _align(world):
    missing = [species for species in world.without_chain if not world.chain_path(species).exists()]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for species, _ in zip(missing, pool.map(_align_one, [world] * len(missing), missing)):
            log.info("chains to %s are complete", species)


def _align_one(world, species):
    reference = Genome(world.genome_path(world.reference))
    other = Genome(world.genome_path(species))
    build_chain_file(reference, other, world.chain_path(species), **world.description["alignment"])


def _fingerprint(world):
    """Hash what the built files depend on, and no more: a new experiment needs no new chains."""
    parts = ("simulation", "experiments") if world.simulated else ("genomes", "alignment")
    described = [world.reference, *(world.description.get(part) for part in parts)]
    text = json.dumps(described + world.unhashed, sort_keys=True)
    tree = world.tree.read_text() if world.tree else ""
    return hashlib.sha256(f"{__version__} {text} {tree}".encode()).hexdigest()


def _stamp(path):
    return json.loads(path.read_text())["fingerprint"] if path.exists() else None
