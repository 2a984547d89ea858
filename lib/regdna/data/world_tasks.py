"""Classification tasks made from a world: its elements, its peaks, its species."""

from bisect import bisect_left
from collections import Counter

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from regdna.data import dna
from regdna.data.chains import read_chains
from regdna.data.genome import Genome
from regdna.data.intervals import touched
from regdna.data.peaks import read_peaks, widen
from regdna.data.sequences import Sequences
from regdna.data.shuffles import SHUFFLED, dinucleotide_shuffles
from regdna.data.tasks import Part, Task, overlap_notes
from regdna.worlds.catalogue import SPLITS

KINDS = ("promoter", "enhancer", "insulator")
MOST = 2000  # windows of a class in a part: enough to train a probe, and few enough for a classroom
BINDING = "TFBS"
CANDIDATES = 20  # places looked at for each window that is wanted, so that GC content can be matched


def world_task_names(world):
    """List the tasks of a world.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World

    Returns
    -------
    list of str
        Where the world is simulated, ``promoter``, ``enhancer`` and ``regulatory``; ``species``; the experiments; and,
        where it has simulated cells, ``TFBS``, and ``TFBS/`` with the name of each of their types.
    """
    planted = (*KINDS[:2], "regulatory") if world.simulated else ()
    cells = world.description.get("simulation", {}).get("cells", {}).get("types", ())
    binding = [BINDING, *(f"{BINDING}/{cell_type}" for cell_type in cells)] if cells else []
    return [*planted, "species", *world.experiments, *binding]


def open_world_task(world, name, width=500, seed=0):
    """Cut the windows of a task out of a world's genomes.

    * ``promoter``, ``enhancer``: windows of the reference with such an element, as the simulation knows it to be under
      selection there, against windows that no element touches, not even one in closed chromatin.
    * ``regulatory``: promoter, enhancer or insulator, as in ``human_ensembl_regulatory`` of Genomic Benchmarks.
    * ``species``: windows of the reference against those of its most distant relative, as in ``demo_human_or_worm``.
    * the name of an experiment, such as ``H3K4me3``: windows with one of its peaks, against windows that none touches.
    * ``TFBS/`` and a cell type: windows with a site of a factor that drives the type, one from each region with such
      a site that the simulation opened in it, against their dinucleotide shuffles
      (:mod:`regdna.data.shuffles`), as the binding sites of Mo et al. 2021. ``TFBS`` alone: of any type.

    Parts are those of the world's split by chromosome; a chromosome of a relative is in the part that most of its
    aligned bases are aligned to. An element or a peak lies anywhere in its window, whole if it is shorter; a longer one
    fills the window. All other windows lie side by side, from a random place on. The classes of a part are of one size,
    of 2000 windows at most.

    GC content alone would tell most of these classes apart. So each window that stands against one with an element or
    a peak, or against one of the reference, is that of the nearest GC content among 20 times as many, none taken twice.
    Where the genome has none that is near, as for promoters of the simulated world, which are richer than any of its
    isochores, a difference remains; a note says how well GC content alone separates the classes of the test part. The
    classes of ``regulatory`` are not matched, as those of its model are not, and shuffles need not be.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        A built one.
    name : str
        As :func:`world_task_names` lists it.
    width : int
        Of a window, in bases.
    seed : int

    Returns
    -------
    regdna.data.tasks.Task
        Its metric is accuracy; rows are in random order. ``dropped`` counts the elements or peaks that have no
        window in a part, by reason; with those that have one, they add up.

    Raises
    ------
    ValueError
        If the world has no such task or is not built, or a part has no window of a class.
    FileNotFoundError
        If a file of the world is absent.
    """
    if name not in world_task_names(world):
        raise ValueError(f"world {world.name} has no task {name!r}; it has {', '.join(world_task_names(world))}")
    if not world.ready.exists():
        raise ValueError(f"world {world.name} is not built; run: regdna world {world.name}")
    rng, dropped, parts = np.random.default_rng(seed), Counter(), {}
    reference = Genome(world.genome_path(world.reference), world.aliases)
    splits = {chrom: world.split(chrom) for chrom in world.chromosomes or reference.lengths}
    ours = _Windows(world, reference, splits, width, rng)
    if name == "species":
        classes, wanted = (world.reference, world.relatives[-1]), None
        relative = Genome(world.genome_path(classes[1]))
        theirs = _Windows(world, relative, _splits_of_relative(world, classes[1], splits), width, rng)
        for split in SPLITS:
            windows = ours.anywhere(split, MOST)
            parts[split] = _matched(windows, theirs.anywhere(split, CANDIDATES * len(windows)))
    elif name == "regulatory":
        classes, wanted = KINDS, _elements(world, KINDS)
        for split in SPLITS:
            parts[split] = [ours.around(split, wanted[wanted["kind"] == kind], dropped) for kind in KINDS]
    elif name.partition("/")[0] == BINDING:
        classes, wanted = (SHUFFLED, "bound"), _driving_sites(world, name.partition("/")[2])
        for split in SPLITS:
            windows = ours.around(split, wanted, dropped)
            shuffled = dinucleotide_shuffles(Sequences.of_rows(windows), seed)
            parts[split] = [shuffled.codes.reshape(windows.shape), windows]
    else:
        classes = "background", name
        taken = _elements(world) if name in KINDS else _peaks(world, name, reference)
        wanted = _elements(world, (name,)) if name in KINDS else taken
        for split in SPLITS:
            windows = ours.around(split, wanted, dropped)
            parts[split] = _matched(windows, ours.anywhere(split, CANDIDATES * min(len(windows), MOST), taken))[::-1]
    parts = {split: _balanced(world, name, split, dict(zip(classes, codes)), rng) for split, codes in parts.items()}
    if wanted is not None:
        dropped["on no chromosome of the world's split"] = int((~wanted["chrom"].isin(splits)).sum())
        real = [label for label, kind in enumerate(classes) if kind not in ("background", SHUFFLED)]
        used = sum(int(np.isin(part.labels, real).sum()) for part in parts.values())
        dropped["more than another class has, or than 2000"] = len(wanted) - dropped.total() - used
    return Task(
        name=name,
        group=world.name,
        title=f"{', '.join(classes[:-1])} or {classes[-1]}, {width} bases",
        classes=classes,
        metric="accuracy",
        parts=parts,
        notes=(_gc_note(parts["test"], classes), *overlap_notes(parts)),
        dropped={reason: number for reason, number in dropped.items() if number},
        simulated=world.simulated,
    )


class _Windows:
    """Cuts windows out of a genome; ``splits`` are the parts of its chromosomes, by name."""

    def __init__(self, world, genome, splits, width, rng):
        self.genome, self.width, self.rng, self.unknown = genome, width, rng, world.max_unknown
        self.chromosomes = {split: [chrom for chrom, part in splits.items() if part == split] for split in SPLITS}

    def around(self, split, intervals, dropped):
        """A window for each interval of the part; uint8 array, shape (N, width), in random order."""
        start = {}
        for chrom in self.chromosomes[split]:
            here = intervals[intervals["chrom"] == chrom]
            # The window holds the interval, or the interval the window.
            low, high = np.sort([here["end"] - self.width, here["start"]], axis=0)
            place = self.rng.integers(low, high, endpoint=True)
            start[chrom] = place[(place >= 0) & (place + self.width <= self.genome.lengths[chrom])]
            dropped["over the end of a chromosome"] += len(place) - len(start[chrom])
        return self._cut(start, dropped)

    def anywhere(self, split, number, taken=None):
        """So many windows of the part, or as many as there are, that touch nothing that is taken; in random order."""
        start = {}
        for chrom in self.chromosomes[split]:
            place = np.arange(self.rng.integers(self.width), self.genome.lengths[chrom] - self.width + 1, self.width)
            if taken is not None:
                here = taken[taken["chrom"] == chrom]
                place = place[~touched(place, place + self.width, here["start"], here["end"])]
            start[chrom] = place
        # So many of all before any is cut: those of a large genome would fill the memory.
        chosen = np.zeros(sum(map(len, start.values())), bool)
        chosen[self.rng.permutation(len(chosen))[:number]] = True
        chosen = np.split(chosen, np.cumsum([len(place) for place in start.values()])[:-1])
        return self._cut({chrom: place[here] for (chrom, place), here in zip(start.items(), chosen)}, Counter())

    def _cut(self, start, dropped):
        cut = [self.genome.windows(chrom, place, self.width) for chrom, place in start.items()]
        codes = np.concatenate([np.zeros((0, self.width), np.uint8), *cut])
        known = (codes == dna.N_CODE).mean(1) <= self.unknown
        dropped["too much N"] += int((~known).sum())
        return self.rng.permutation(codes[known])


def _matched(codes, others):
    """Choose for each window, one after the other, that of the nearest GC content that is left; returns the pairs."""
    codes = codes[: len(others)]
    order = np.argsort(_gc(others), kind="stable")
    left, chosen = [*zip(_gc(others)[order].tolist(), order.tolist())], []
    for content in _gc(codes).tolist():
        at = bisect_left(left, (content,))
        if at == len(left) or (at and content - left[at - 1][0] < left[at][0] - content):
            at -= 1
        chosen.append(left.pop(at)[1])
    return [codes, others[chosen]]


def _gc(codes):
    """Share of G and C among the known bases of each window; float array, shape (N,)."""
    return ((codes == 1) | (codes == 2)).sum(1) / np.maximum((codes != dna.N_CODE).sum(1), 1)


def _balanced(world, name, split, codes, rng):
    """Take as many windows of each class as the smallest has, in random order; ``codes`` by class."""
    number = min(MOST, *map(len, codes.values()))
    if not number:
        problem = f"the {split} chromosomes have no windows of {' and '.join(codes)}, or not of all of these"
        raise ValueError(f"world {world.name}, task {name}: {problem}")
    order = rng.permutation(number * len(codes))
    labels = np.repeat(np.arange(len(codes)), number)
    windows = np.concatenate([windows[:number] for windows in codes.values()])
    return Part(Sequences.of_rows(windows[order]), labels[order])


def _gc_note(part, classes):
    codes = part.sequences.padded()[0]
    content, mean = _gc(codes), {}
    for label, kind in enumerate(classes):
        mean[kind] = content[part.labels == label].mean()
    told = "Mean GC content of the test part: " + ", ".join(f"{kind} {share:.3f}" for kind, share in mean.items())
    if len(classes) > 2:
        return f"{told}."
    auroc = roc_auc_score(part.labels, content)
    return f"{told}; GC content alone separates them with an AUROC of {max(auroc, 1 - auroc):.3f} (0.5 is chance)."


def _elements(world, kinds=None):
    """The elements under selection on the reference; pandas.DataFrame with kind, chrom, start, end."""
    elements = pd.read_csv(world.built / "truth" / "elements.tsv.gz", sep="\t", keep_default_na=False)
    elements = elements.loc[elements[world.reference] & (elements["start"] >= 0), ["kind", "chrom", "start", "end"]]
    return elements if kinds is None else elements[elements["kind"].isin(kinds)]


def _driving_sites(world, cell_type):
    """A site of a driving factor in each region that has one and is open in a cell type, or in any if none is named."""
    truth = {
        name: pd.read_csv(world.built / "truth" / f"{name}.tsv.gz", sep="\t", keep_default_na=False)
        for name in ("accessibility", "programs", "sites")
    }
    sites, found = truth["sites"], []
    # As the simulation counts them: under selection, in enhancers.
    sites = sites[sites[world.reference] & (sites["start"] >= 0) & (sites["kind"] == "enhancer")]
    for name, driving in truth["programs"].groupby("cell_type", sort=False)["factor"]:
        if cell_type in ("", name):
            opened = truth["accessibility"].loc[truth["accessibility"][name], ["chrom", "start", "end"]]
            both = sites.loc[sites["motif"].isin(driving), ["chrom", "start", "end"]].merge(
                opened.reset_index(names="region"), on="chrom", suffixes=("", "_of_region")
            )
            inside = (both["start"] >= both["start_of_region"]) & (both["end"] <= both["end_of_region"])
            found.append(both[inside])
    found = pd.concat(found).sort_values(["region", "start"]).drop_duplicates("region")
    return found[["chrom", "start", "end"]]


def _peaks(world, experiment, genome):
    peaks = read_peaks(world.peaks_path(experiment), genome)
    return widen(peaks, world.peak_width, genome.lengths) if world.peak_width else peaks


def _splits_of_relative(world, relative, splits):
    """Say for each chromosome of a relative in which part most of its aligned bases are; dict of str to str."""
    chains = read_chains(world.chain_path(relative))
    aligned = np.zeros((len(chains.q_names), len(SPLITS)), np.int64)
    for chrom, split in splits.items():
        blocks = chains.on(chrom)
        bases = np.bincount(chains.q_chrom[blocks.chain], blocks.end - blocks.start, len(chains.q_names))
        aligned[:, SPLITS.index(split)] += bases.astype(np.int64)
    return {name: SPLITS[row.argmax()] for name, row in zip(chains.q_names.tolist(), aligned) if row.any()}
