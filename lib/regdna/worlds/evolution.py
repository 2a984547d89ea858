"""A genome that evolves along the branches of a tree: substitutions, indels, rearrangements, turnover."""

from dataclasses import dataclass, replace

import numpy as np

from regdna.worlds.elements import draw_bases

_A, _C, _G, _T = range(4)
INDEL_TAIL = 0.05  # share of indels drawn from the long component
INDEL_MEANS = (3, 40)  # mean length in bases of the short and the long component


@dataclass(frozen=True)
class Lineage:
    """One genome of the clade, its chromosomes laid end to end.

    Attributes
    ----------
    codes : uint8 array, shape (L,)
    origin : int32 array, shape (L,)
        Identity of each base: its 1-based number in the ancestor, or a fresh number for an inserted base; negative
        where the base was turned to the other strand. Two genomes are aligned where the numbers are equal.
    site_class : int16 array, shape (L,)
    ends : int64 array, shape (chromosomes,)
        Where each chromosome ends.
    element_alive, site_alive : bool arrays
        Which elements and sites of the layout are still under selection.
    """

    codes: np.ndarray
    origin: np.ndarray
    site_class: np.ndarray
    ends: np.ndarray
    element_alive: np.ndarray
    site_alive: np.ndarray


class Evolution:
    """Evolves lineages; holds what all branches share.

    Parameters
    ----------
    rates : dict
        The ``rates`` of a world's ``simulation`` section, per neutral substitution per site.
    layout : regdna.worlds.elements.Layout
    classes : regdna.worlds.elements.SiteClasses
    ancestor_length : int
        Bases of the ancestor.
    rng : numpy.random.Generator
    """

    def __init__(self, rates, layout, classes, ancestor_length, rng):
        self.rates, self.layout, self.classes, self.rng = rates, layout, classes, rng
        self.ancestor_length = ancestor_length
        self.next_origin = ancestor_length + 1

    def along(self, lineage, length):
        """Evolve a lineage along one branch; the lineage given is left as it is.

        Parameters
        ----------
        lineage : Lineage
        length : float
            In neutral substitutions per site.

        Returns
        -------
        Lineage
        """
        lineage = replace(lineage, codes=lineage.codes.copy(), site_class=lineage.site_class.copy())
        lineage = self._lose_elements(lineage, length)
        self._substitute(lineage, length)
        lineage = self._delete(lineage, length)
        lineage = self._insert(lineage, length)
        return self._rearrange(lineage, length)

    def _lose_elements(self, lineage, length):
        """Turnover: what is lost evolves neutrally from the start of this branch."""
        elements, sites = self.layout
        survives = self.rng.random(len(elements)) < np.exp(-self.rates["element_loss"] * length)
        element_alive = lineage.element_alive & survives
        survives = self.rng.random(len(sites)) < np.exp(-self.rates["site_loss"] * length)
        site_alive = lineage.site_alive & survives & element_alive[sites["element"]]

        position = self.positions(lineage)
        background = elements["background"].to_numpy()
        kind_class = elements["kind"].map(self.classes.element).fillna(-1).to_numpy(int)
        site_element = sites["element"].to_numpy()
        around = np.where(kind_class < 0, background, kind_class)[site_element]
        lost_sites = np.flatnonzero(lineage.site_alive & ~site_alive)
        for i in lost_sites:
            self._relabel(lineage, position, sites["start"].iat[i], sites["end"].iat[i], around[i])
        for i in np.flatnonzero(lineage.element_alive & ~element_alive):
            self._relabel(lineage, position, elements["start"].iat[i], elements["end"].iat[i], background[i])
        return replace(lineage, element_alive=element_alive, site_alive=site_alive)

    def positions(self, lineage):
        """Find where the ancestor's bases are now; int32 array, shape (ancestor_length,), -1 where deleted."""
        position = np.full(self.ancestor_length, -1, np.int32)
        number = np.abs(lineage.origin)
        old = np.flatnonzero(number <= self.ancestor_length)
        position[number[old] - 1] = old
        return position

    @staticmethod
    def _relabel(lineage, position, start, end, site_class):
        at = position[start:end]
        lineage.site_class[at[at >= 0]] = site_class

    def _substitute(self, lineage, length):
        rng, classes = self.rng, self.classes
        most = classes.intensity.max()
        at = rng.integers(0, len(lineage.codes), rng.poisson(most * length * len(lineage.codes)), np.int32)
        accepted = (
            rng.random(len(at), np.float32) < (classes.intensity / most).astype(np.float32)[lineage.site_class[at]]
        )
        at = at[accepted]
        lineage.codes[at] = draw_bases(lineage.site_class[at], classes, rng)
        decay_cpg(lineage.codes, lineage.site_class < classes.backgrounds, 1 - np.exp(-self.rates["cpg"] * length), rng)

    def _indels(self, lineage, length):
        """Draw starts and lengths of about half of a branch's indels; selection keeps them out of motifs."""
        number = self.rng.poisson(self.rates["indels"] / 2 * length * len(lineage.codes))
        start = np.sort(self.rng.integers(1, len(lineage.codes) - 1, number))
        mean = np.where(self.rng.random(number) < INDEL_TAIL, INDEL_MEANS[1], INDEL_MEANS[0])
        return start, self.rng.geometric(1 / mean)

    def _delete(self, lineage, length):
        start, size = self._indels(lineage, length)
        end = start + size
        constrained = np.concatenate([[0], np.cumsum(lineage.site_class >= self.classes.first_motif, dtype=np.int32)])
        inside = end <= len(lineage.codes)
        start, end = start[inside], end[inside]
        free = constrained[end] == constrained[start]
        free &= np.searchsorted(lineage.ends, start, "right") == np.searchsorted(lineage.ends, end - 1, "right")
        edges = np.zeros(len(lineage.codes) + 1, np.int32)
        np.add.at(edges, start[free], 1)
        np.add.at(edges, end[free], -1)
        keep = np.cumsum(edges[:-1], dtype=np.int32) == 0
        kept_before = np.concatenate([[0], np.cumsum(keep)])
        return replace(
            lineage,
            codes=lineage.codes[keep],
            origin=lineage.origin[keep],
            site_class=lineage.site_class[keep],
            ends=kept_before[lineage.ends],
        )

    def _insert(self, lineage, length):
        """Inserted bases are neutral DNA of the isochore around, or of the element they fall into."""
        at, size = self._indels(lineage, length)
        left, right = lineage.site_class[at - 1], lineage.site_class[at]
        free = (left < self.classes.first_motif) & (right < self.classes.first_motif)
        at, size = at[free], size[free]
        row = np.repeat(np.arange(len(at)), size)
        site_class = lineage.site_class[at[row]]
        origin = np.arange(self.next_origin, self.next_origin + len(row), dtype=np.int32)
        self.next_origin += len(row)
        inserted_before = np.concatenate([[0], np.cumsum(size)])[np.searchsorted(at, lineage.ends, "left")]
        return replace(
            lineage,
            codes=np.insert(lineage.codes, at[row], draw_bases(site_class, self.classes, self.rng)),
            origin=np.insert(lineage.origin, at[row], origin),
            site_class=np.insert(lineage.site_class, at[row], site_class),
            ends=lineage.ends + inserted_before,
        )

    def _rearrange(self, lineage, length):
        megabases = len(lineage.codes) / 1e6
        for _ in range(self.rng.poisson(self.rates["inversions_per_mb"] * length * megabases)):
            self._invert(lineage)
        for _ in range(self.rng.poisson(self.rates["translocations_per_mb"] * length * megabases)):
            lineage = self._translocate(lineage)
        return lineage

    def _segment(self, lineage):
        """Draw a segment of 1 to 50 kb of one chromosome whose ends cut no element; None if the draw fails."""
        start = int(self.rng.integers(1, len(lineage.codes)))
        end = start + int(np.exp(self.rng.uniform(np.log(1_000), np.log(50_000))))
        chromosome = np.searchsorted(lineage.ends, start, "right")
        return (start, end) if end < lineage.ends[chromosome] and self._neutral(lineage, start, end) else None

    def _neutral(self, lineage, *cuts):
        return all(max(lineage.site_class[cut - 1 : cut + 1]) < self.classes.backgrounds for cut in cuts)

    def _invert(self, lineage):
        if segment := self._segment(lineage):
            for name, turned in self._turned(lineage, *segment).items():
                getattr(lineage, name)[slice(*segment)] = turned

    def _turned(self, lineage, start, end):
        return {
            "codes": 3 - lineage.codes[start:end][::-1],
            "origin": -lineage.origin[start:end][::-1],
            "site_class": self.classes.complement[lineage.site_class[start:end][::-1]],
        }

    def _translocate(self, lineage):
        """Move a segment to another place of the genome, turned around half of the time."""
        segment, target = self._segment(lineage), int(self.rng.integers(1, len(lineage.codes)))
        turn = self.rng.random() < 0.5
        if not segment or segment[0] <= target <= segment[1] or not self._neutral(lineage, target):
            return lineage
        start, end = segment
        arrays = {}
        for name, turned in self._turned(lineage, start, end).items():
            whole = getattr(lineage, name)
            piece = turned if turn else whole[start:end]
            rest = np.delete(whole, slice(start, end))
            arrays[name] = np.insert(rest, target - (end - start) * (target > start), piece)
        shift = (end - start) * ((lineage.ends >= target).astype(int) - (lineage.ends >= end))
        return replace(lineage, ends=lineage.ends + shift, **arrays)


def decay_cpg(codes, decays, share, rng):
    """Turn a share of the CpG dinucleotides into TpG or CpA, in place.

    Parameters
    ----------
    codes : uint8 array, shape (L,)
    decays : bool array, shape (L,)
        Where CpG are methylated and so decay; elements are not.
    share : float
    rng : numpy.random.Generator
    """
    at = np.flatnonzero((codes[:-1] == _C) & (codes[1:] == _G) & decays[:-1] & decays[1:])
    at = at[rng.random(len(at)) < share]
    on_this_strand = rng.random(len(at)) < 0.5
    codes[at[on_this_strand]] = _T
    codes[at[~on_this_strand] + 1] = _A
