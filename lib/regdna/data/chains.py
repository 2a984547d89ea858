"""UCSC chain files as sorted arrays, parsed once and cached."""

import hashlib
import logging
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch

from regdna.data.chain_parser import parse
from regdna.files import atomic
from regdna.messages import some

log = logging.getLogger(__name__)

CACHE_VERSION = 3
_BLOCKS = ("block_start", "block_end", "block_to", "block_chain")  # mapped into memory


class Blocks(NamedTuple):
    """The blocks of one chromosome, sorted by start; arrays of shape (blocks,), see :class:`Chains`."""

    start: np.ndarray
    end: np.ndarray
    to: np.ndarray
    chain: np.ndarray


class Chains(NamedTuple):
    """All chains of a file, numbered from the best score to the worst; equal scores keep the file's order.

    Attributes
    ----------
    t_names, q_names : str arrays, shapes (T,) and (Q,), sorted
        The chromosomes one can lift from and to.
    t_sizes, q_sizes : int64 arrays, shapes (T,) and (Q,)
        Their lengths in bases.
    score, t_start, t_end : int64 arrays, shape (C,)
        By chain number.
    t_chrom, q_chrom : int32 arrays, shape (C,)
        Rows of ``t_names`` and ``q_names``.
    minus : bool array, shape (C,)
        Whether the chain runs on the reverse strand of the other genome.
    block_start, block_end, block_to, block_chain : int32 arrays, shape (M,)
        Start and end here, start in the other genome (on the chain's strand), number of the chain. Sorted by
        chromosome, then start. int64 if a chromosome of either genome has 2**31 bases or more.
    block_offset : int64 array, shape (T + 1,)
        Blocks of ``t_names[i]`` are ``block_offset[i]:block_offset[i + 1]``.
    """

    t_names: np.ndarray
    q_names: np.ndarray
    t_sizes: np.ndarray
    q_sizes: np.ndarray
    score: np.ndarray
    t_start: np.ndarray
    t_end: np.ndarray
    t_chrom: np.ndarray
    q_chrom: np.ndarray
    minus: np.ndarray
    block_start: np.ndarray
    block_end: np.ndarray
    block_to: np.ndarray
    block_chain: np.ndarray
    block_offset: np.ndarray

    @property
    def lengths(self):
        """Lengths in bases of the chromosomes one can lift from; dict of str to int."""
        return dict(zip(self.t_names.tolist(), self.t_sizes.tolist()))

    def on(self, chrom):
        """Select the blocks of a chromosome, by its name; none if no chain starts from it.

        Returns
        -------
        Blocks
        """
        i = int(np.searchsorted(self.t_names, chrom))
        known = i < len(self.t_names) and self.t_names[i] == chrom
        here = slice(self.block_offset[i], self.block_offset[i + 1]) if known else slice(0, 0)
        return Blocks(*(getattr(self, name)[here] for name in _BLOCKS))

    def check_genomes(self, reference, other, path):
        """Hold the chromosome lengths of the chains against those of the genomes they connect.

        Parameters
        ----------
        reference, other : dict of str to int
            Chromosome lengths in bases of the genome one lifts from and of the one one lifts to.
        path : path
            The chain file, for the message.

        Raises
        ------
        ValueError
            If a chromosome that both know differs in length, or if chains and a genome have no chromosome in common.
        """
        for names, sizes, lengths, what in (
            (self.t_names, self.t_sizes, reference, "reference"),
            (self.q_names, self.q_sizes, other, "other genome"),
        ):
            shared = [(name, size) for name, size in zip(names.tolist(), sizes.tolist()) if name in lengths]
            if not shared:
                raise ValueError(
                    f"{path}: its chromosomes ({some(names.tolist())}) are not those of the {what} "
                    f"({some(list(lengths))}); rename those of one of the two"
                )
            for name, size in shared:
                if size != lengths[name]:
                    raise ValueError(
                        f"{path}: {name} has {size} bases in the chains and {lengths[name]} in the {what}; "
                        "they are of different assemblies"
                    )


def read_chains(path, cache=None):
    """Read a UCSC chain file.

    Parameters
    ----------
    path : path
        Plain or gzipped; fields separated by tabs or spaces. The target (first) genome is the one to lift from.
    cache : path, optional
        Folder for the parsed arrays (the user's cache folder by default), which later reads map into memory. They are
        used as long as size and modification time of their chain file stay the same.

    Returns
    -------
    Chains

    Raises
    ------
    FileNotFoundError
        If the file is absent.
    ValueError
        If it is no chain file, is truncated, or a chain's blocks disagree with its header; file, line and chain are
        named.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"chain file {path} does not exist")
    stat = path.stat()
    stamp = np.array([CACHE_VERSION, stat.st_size, stat.st_mtime_ns], np.int64)
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    table = Path(cache or pooch.os_cache("regdna") / "chains") / f"{path.name}-{key}.npz"
    blocks = table.with_suffix(".npy")
    if (chains := _kept(table, blocks, stamp)) is not None:
        return chains
    fields = parse(path)
    chains = Chains(**fields)
    columns = [fields.pop(name) for name in _BLOCKS]
    try:
        # The table goes last and vouches for the blocks; an older one goes first.
        table.unlink(missing_ok=True)
        with atomic(blocks) as temporary, open(temporary, "wb") as file:
            shape = {"shape": (len(columns), len(columns[0])), "fortran_order": False}
            np.lib.format.write_array_header_1_0(file, {"descr": columns[0].dtype.str, **shape})
            for column in columns:
                column.tofile(file)
        with atomic(table) as temporary, open(temporary, "wb") as file:
            np.savez(file, stamp=stamp, **fields)
    except OSError as error:
        log.warning("the parsed chains are not kept for the next time: %s", error)
    return chains


def _kept(table, blocks, stamp):
    """Read what an earlier time has kept; None if there is nothing, or it is damaged or of another file."""
    try:
        with np.load(table, allow_pickle=False) as arrays:
            if not np.array_equal(arrays["stamp"], stamp):
                return None
            columns = np.asarray(np.load(blocks, mmap_mode="r", allow_pickle=False))
            return Chains(**{f: columns[_BLOCKS.index(f)] if f in _BLOCKS else arrays[f] for f in Chains._fields})
    except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile):  # another process may be writing them, too
        return None
