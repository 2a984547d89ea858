"""Gene models from GTF: one transcript for each gene, and the splice sites at the ends of its exons.

Which base is called the site follows SpliceAI (Jaganathan et al. 2019, Cell 176:535): the donor is the last base of the
exon before an intron, the acceptor the first base of the exon after it, in the direction of the transcript.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = ("chrom", "source", "feature", "start", "end", "score", "strand", "frame", "attributes")
CANONICAL = re.compile(r'tag "?Ensembl_canonical"?\s*(;|$)')
DROPPED = ("on a chromosome that the genome lacks", "without an intron")


@dataclass(frozen=True)
class GeneModels:
    """Transcripts with introns, one for each gene.

    Attributes
    ----------
    transcripts : pandas.DataFrame
        gene, transcript (their ids), chrom, start, end (0-based half-open), strand; by chromosome and position.
    exons : list of int64 array, shape (exons, 2)
        Of each transcript: start and end (0-based half-open), by position.
    dropped : dict of str to int
        Genes that are not among them, by reason (:data:`DROPPED`).
    """

    transcripts: pd.DataFrame
    exons: list
    dropped: dict

    def __len__(self):
        """Count the transcripts."""
        return len(self.exons)

    def sites(self, row):
        """Find the splice sites of a transcript.

        Parameters
        ----------
        row : int

        Returns
        -------
        donors, acceptors : int64 arrays, shape (introns,)
            0-based positions on the chromosome, ascending.
        """
        before, after = self.exons[row][:-1, 1] - 1, self.exons[row][1:, 0]
        return (before, after) if self.transcripts["strand"].iloc[row] == "+" else (after, before)


def read_gene_models(path, genome):
    """Read the exons of a GTF file, and choose a transcript for each gene.

    Chosen is the transcript with the tag ``Ensembl_canonical``, as GENCODE and Ensembl set it; without one, the
    transcript with most exons, of these the one with most bases in exons, of these the first in the file.

    Parameters
    ----------
    path : path
        GTF, optionally gzipped. Lines of other features than exons are not needed.
    genome : regdna.data.genome.Genome
        Chromosome names are turned into its own.

    Returns
    -------
    GeneModels

    Raises
    ------
    FileNotFoundError
        If the file is absent.
    ValueError
        On a line with too few fields, a coordinate that is no number, an end before its start or beyond the
        chromosome, an exon without ids or strand; on a transcript whose exons overlap or lie on several chromosomes or
        strands; if the file is damaged, or no gene is left. File and line, or transcript, are named.
    """
    path = Path(path)
    exons = _read_exons(path)
    found = {chrom: _name(genome, chrom) for chrom in exons["chrom"].unique()}
    exons["chrom"] = exons["chrom"].map(found)
    absent = set(exons.loc[exons["chrom"].isna(), "gene"]) - set(exons.loc[exons["chrom"].notna(), "gene"])
    exons = exons[exons["chrom"].notna()]
    if (outside := exons[exons["end"] > exons["chrom"].map(genome.lengths)]).size:
        line, chrom, end = outside[["line", "chrom", "end"]].iloc[0]
        raise ValueError(
            f"{path} line {line}: end {end} is beyond {chrom}, which has {genome.lengths[chrom]} bases; "
            "is it of another assembly?"
        )
    chosen = exons[exons["transcript"].isin(_chosen(exons))].sort_values(["transcript", "start"], kind="stable")
    _check(path, chosen)
    rows, spans, single = [], [], 0
    for transcript, some in chosen.groupby("transcript", sort=False):
        if len(some) == 1:
            single += 1
            continue
        spans.append(some[["start", "end"]].to_numpy(np.int64))
        first = some.iloc[0]
        rows.append((first["gene"], transcript, first["chrom"], spans[-1][0, 0], spans[-1][-1, 1], first["strand"]))
    if not rows:
        raise ValueError(f"{path}: holds no gene with an intron on a chromosome of {genome.path.name}")
    transcripts = pd.DataFrame(rows, columns=["gene", "transcript", "chrom", "start", "end", "strand"])
    rank = transcripts["chrom"].map({chrom: i for i, chrom in enumerate(genome.lengths)})
    order = np.lexsort([transcripts["end"], transcripts["start"], rank])
    dropped = dict(zip(DROPPED, (len(absent), single)))
    return GeneModels(transcripts.iloc[order].reset_index(drop=True), [spans[row] for row in order], dropped)


def _read_exons(path):
    """All exons of a file; start 0-based, ``line`` counted from 1."""
    rows = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) != len(COLUMNS):
            raise ValueError(f"{path} line {number}: {len(fields)} tab-separated field(s); GTF has {len(COLUMNS)}")
        if fields[2] == "exon":
            rows.append((number, *_exon(dict(zip(COLUMNS, fields)), f"{path} line {number}")))
    names = ["line", "chrom", "start", "end", "strand", "gene", "transcript", "canonical"]
    return pd.DataFrame(rows, columns=names).astype({"start": "int64", "end": "int64", "canonical": bool})


def _exon(fields, where):
    for name in ("start", "end"):
        if not re.fullmatch("[0-9]{1,18}", fields[name]):
            raise ValueError(f"{where}: {name} {fields[name]!r} is not a position")
    start, end = int(fields["start"]) - 1, int(fields["end"])
    if start < 0 or end <= start:
        raise ValueError(f"{where}: an exon from {start + 1} to {end}; GTF counts from 1, and both ends are inside")
    if fields["strand"] not in ("+", "-"):
        raise ValueError(f"{where}: strand {fields['strand']!r}; a transcript is spliced on + or -")
    ids = []
    for name in ("gene_id", "transcript_id"):
        if not (given := re.search(rf'(?:^|;)\s*{name} "([^"]+)"', fields["attributes"])):
            raise ValueError(f"{where}: no {name} among the attributes of an exon; this is no GTF (GFF3 is another)")
        ids.append(given[1])
    return fields["chrom"], start, end, fields["strand"], *ids, bool(CANONICAL.search(fields["attributes"]))


def _chosen(exons):
    """The transcript of each gene, by the rule of :func:`read_gene_models`."""
    of = exons.assign(bases=exons["end"] - exons["start"]).groupby(["gene", "transcript"], sort=False)
    table = of.agg(canonical=("canonical", "any"), exons=("start", "size"), bases=("bases", "sum")).reset_index()
    table = table.sort_values(["canonical", "exons", "bases"], ascending=False, kind="stable")
    return table.drop_duplicates("gene")["transcript"]


def _check(path, exons):
    before = exons.shift(1)
    same = exons["transcript"] == before["transcript"]
    for name in ("chrom", "strand", "gene"):
        if (differ := same & (exons[name] != before[name])).any():
            transcript = exons.loc[differ, "transcript"].iloc[0]
            raise ValueError(f"{path}: the transcript {transcript} has exons of more than one {name}")
    if (over := same & (exons["start"] <= before["end"])).any():
        line, transcript = exons.loc[over, ["line", "transcript"]].iloc[0]
        raise ValueError(f"{path} line {line}: an exon of {transcript} overlaps or touches another one of it")


def _name(genome, chrom):
    try:
        return genome.name(chrom)
    except KeyError:
        return None


def _lines(path):
    if not path.exists():
        raise FileNotFoundError(f"gene models {path} do not exist")
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt") if zipped else open(path) as file:
            yield from file
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: truncated, damaged or not a text file ({error})") from error
