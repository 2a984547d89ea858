"""Cohorts: the genotypes of people at variants, from VCF, and who of them has a disease, from a table.

Letters: V variants, P people.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from regdna.data.variant_files import RECORD, first_line, numbered_lines, vcf_records
from regdna.data.variants import BOTH, NOT_SINGLE, SCORED, SWAPPED, VariantMatcher, check_assembly
from regdna.messages import some

log = logging.getLogger(__name__)

PERSON = ("person", "iid", "#iid", "sample", "id")  # names of the column, the first that is there
STATUS = ("status", "phenotype", "pheno")
CODINGS = {"0/1": {"0": 0, "1": 1}, "1/2": {"1": 0, "2": 1}}  # control and case; the latter is PLINK's
UNKNOWN = {"0/1": ("NA", ".", "-9"), "1/2": ("NA", ".", "-9", "0")}  # statuses that are not known
MISSING = -1  # dosage of a genotype that is not known
NO_PHENOTYPE, NO_GENOTYPES, NO_STATUS = "people without phenotype", "people without genotypes", "people without status"
NOT_DIPLOID = "variants: genotypes that are not diploid"


@dataclass(frozen=True, eq=False)
class Cohort:
    """People, their genotypes and their status.

    Attributes
    ----------
    variants : pandas.DataFrame
        chrom, start (0-based), id, ref, alt (str; one row for each alternative allele); from
        :func:`place_on_genome` also what :meth:`regdna.data.variants.VariantMatcher.match` adds.
    dosages : int8 array, shape (V, P)
        Copies of the alternative allele, 0 to 2; -1 where the genotype is not known. A copy of another alternative
        allele of the same line is none of this one.
    people : tuple of str
    status : int64 array, shape (P,)
        1 case, 0 control.
    dropped : dict of str to int
        How many people and variants of the files are left out, by reason.
    """

    variants: pd.DataFrame
    dosages: np.ndarray
    people: tuple
    status: np.ndarray
    dropped: dict = field(default_factory=dict)

    @property
    def missing(self):
        """Number of genotypes that are not known."""
        return int((self.dosages == MISSING).sum())

    def filled(self):
        """Dosages with the variant's mean over all people where one is not known (0 if none is); float32 (V, P).

        The mean looks at nobody's status.
        """
        known = self.dosages != MISSING
        mean = (self.dosages * known).sum(1) / np.maximum(known.sum(1), 1)
        return np.where(known, self.dosages, mean[:, None]).astype(np.float32)


def read_cohort(genotypes, phenotypes, coding="0/1"):
    """Read a cohort.

    Only single-nucleotide variants are kept, of which every known genotype has two alleles, phased or not; the others
    are counted. A line with several alternative alleles gives one variant for each. People who are in one of the two
    files only, or whose status is not known (NA, "." or -9; in PLINK's coding also 0), are left out and counted. All
    genotypes are held in memory: cut a file of whole genomes down to the regions of interest first.

    Parameters
    ----------
    genotypes : path
        VCF or BCF with GT of every person; plain, gzipped or bgzipped.
    phenotypes : path
        Tab-separated, with a header that names the person (``person``, ``IID``, ``sample`` or ``id``) and the
        ``status`` (or ``phenotype``, ``pheno``).
    coding : str
        How the status is written: ``0/1`` for control and case, or as PLINK does, ``1/2``. It is never guessed.

    Returns
    -------
    Cohort

    Raises
    ------
    FileNotFoundError
    ValueError
        If there is no such coding, a file is none of these or damaged, a record has no GT, a person is named twice or
        has another status than the coding knows, or nobody, no case, no control or no variant is left; with file and
        line, or record.
    """
    if coding not in CODINGS:
        raise ValueError(f"coding {coding!r}: choose one of {', '.join(CODINGS)}")
    status, dropped = _read_status(phenotypes, coding), Counter()
    named = _people(genotypes)
    kept = [place for place, person in enumerate(named) if status.get(person) is not None]
    dropped[NO_STATUS] = sum(person in status for person in named) - len(kept)
    dropped[NO_PHENOTYPE] = sum(person not in status for person in named)
    dropped[NO_GENOTYPES] = len(status.keys() - set(named))
    if not kept:
        raise ValueError(
            f"nobody of {genotypes} ({some(named)}) has a status in {phenotypes} ({some(status)}); the names of people "
            "must be the same in both"
        )
    people = tuple(named[place] for place in kept)
    labels = np.array([status[person] for person in people], np.int64)
    if len(set(labels.tolist())) < 2:
        only = "controls" if labels[0] == 0 else "cases"
        raise ValueError(f"{phenotypes}: all {len(people)} people with genotypes are {only}; both are needed")
    rows, dosages = [], []
    for record in _genotyped(genotypes, kept, dropped):
        rows.append(record[0])
        dosages.append(record[1])
    if not rows:
        raise ValueError(f"{genotypes}: no variant is left; dropped: {_told(dropped)}")
    dropped = {reason: number for reason, number in dropped.items() if number}
    if dropped:
        log.warning("%s, %s: left out: %s", genotypes, phenotypes, _told(dropped))
    return Cohort(pd.DataFrame(rows, columns=RECORD), np.stack(dosages), people, labels, dropped)


def place_on_genome(cohort, genome, width):
    """Hold the variants of a cohort against a genome, and leave out those that cannot be read there.

    Where the genome has the alternative allele, the two are exchanged, and dosages count the other one.

    Parameters
    ----------
    cohort : Cohort
    genome : regdna.data.genome.Genome
    width : int
        In bases, of the windows that are to be cut around the variants.

    Returns
    -------
    Cohort
        Dosages count ``genome_alt`` of the variants. What is dropped is counted by the statuses of
        :mod:`regdna.data.variants`.

    Raises
    ------
    ValueError
        If the variants seem to be of another assembly (:func:`regdna.data.variants.check_assembly`), or none is left.
    """
    matcher = VariantMatcher(genome, width // 2, width // 2)
    table = matcher.match(cohort.variants)
    check_assembly(matcher, table)
    usable = table["status"].isin(SCORED).to_numpy()
    lost = {f"variants: {status}": number for status, number in matcher.counts.items() if status not in SCORED}
    if not usable.any():
        raise ValueError(f"no variant can be read on {genome.path.name}; dropped: {_told(lost)}")
    table, dosages = table[usable].reset_index(drop=True), cohort.dosages[usable]
    turned = table["status"].isin([SWAPPED, BOTH]).to_numpy()[:, None] & (dosages != MISSING)
    dosages = np.where(turned, 2 - dosages, dosages).astype(np.int8)
    return replace(cohort, variants=table, dosages=dosages, dropped=cohort.dropped | lost)


def _told(dropped):
    return ", ".join(f"{number} {reason}" for reason, number in dropped.items() if number) or "nothing"


def _read_status(path, coding):
    """Status by person, None where it is not known; dict of str to int."""
    first_line(path := Path(path))
    lines = numbered_lines(path)
    header = next(lines)[1].rstrip("\r\n").split("\t")
    lower = [name.strip().lower() for name in header]
    places = [next((lower.index(name) for name in known if name in lower), None) for known in (PERSON, STATUS)]
    if None in places:
        raise ValueError(
            f"{path}: its header has the columns {some(header)}; expected a tab-separated table with one of "
            f"{', '.join(PERSON)} for the person and one of {', '.join(STATUS)}"
        )
    found, codes = {}, CODINGS[coding]
    for number, line in lines:
        fields = [text.strip() for text in line.rstrip("\r\n").split("\t")]
        if len(fields) != len(header):
            raise ValueError(f"{path} line {number}: {len(fields)} tab-separated fields, expected {len(header)}")
        person, status = (fields[place] for place in places)
        if person in found:
            raise ValueError(f"{path} line {number}: {person} is listed twice; a person has one line")
        if status not in codes and status not in UNKNOWN[coding]:
            other = next((name for name, known in CODINGS.items() if status in known and name != coding), None)
            hint = f"; if the table is coded {other}, say coding={other!r}" if other else ""
            raise ValueError(
                f"{path} line {number}: the status of {person} is {status!r}; with the coding {coding} it is "
                f"{' (control) or '.join(codes)} (case), or NA{hint}"
            )
        found[person] = codes.get(status)
    return found


def _people(path):
    """Names of the samples of a VCF or BCF file."""
    head = first_line(path := Path(path))
    if not head.startswith((b"##fileformat=VCF", b"BCF")):
        raise ValueError(f"{path}: genotypes are read from VCF or BCF, and this is neither")
    if head.startswith(b"##"):  # htslib would not say what is wrong with a header that names somebody twice
        columns = next((line for _, line in numbered_lines(path) if not line.startswith("##")), "")
        people = columns.rstrip("\r\n").split("\t")[9:]
        if twice := [person for person, number in Counter(people).items() if number > 1]:
            raise ValueError(f"{path}: {some(twice)} twice among the people; a person has one column")
    else:
        record = next(vcf_records(path), None)
        people = list(record.samples) if record is not None else []
    if not people:
        raise ValueError(f"{path}: has no genotypes of anybody; expected a column for each person")
    return people


def _genotyped(path, kept, dropped):
    """Yield (chrom, start, id, ref, alt) and dosages, int8 (P,), of each variant that is kept."""
    alleles = {}  # of every genotype that occurs, which are few
    for number, record in enumerate(vcf_records(path), 1):
        singles = [alt for alt in record.alts or (".",) if _is_single(record.ref, alt)]
        dropped[f"variants: {NOT_SINGLE}"] += len(record.alts or (".",)) - len(singles)
        if not singles:
            continue
        fields = str(record).rstrip("\n").split("\t")  # much faster than asking for each person
        if fields[8].split(":")[0] != "GT":
            raise ValueError(f"{path}: record {number} ({record.chrom}:{record.pos}) has no GT; every record needs one")
        called = [fields[9 + place].split(":", 1)[0] for place in kept]
        for call in set(called) - alleles.keys():
            alleles[call] = (".", ".") if call == "." else tuple(re.split(r"[/|]", call))
        if any(len(alleles[call]) != 2 for call in set(called)):
            dropped[NOT_DIPLOID] += len(singles)
            continue
        for alt in singles:
            index = str(record.alts.index(alt) + 1)
            copies = {call: _copies(alleles[call], index) for call in set(called)}
            row = record.chrom, record.start, record.id or ".", record.ref, alt
            yield row, np.fromiter((copies[call] for call in called), np.int8, len(called))


def _is_single(*alleles):
    return all(len(allele) == 1 and allele in "ACGTacgt" for allele in alleles)


def _copies(alleles, index):
    return MISSING if "." in alleles else alleles.count(index)
