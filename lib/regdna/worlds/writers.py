"""The file formats of a world: FASTA with its index, UCSC chains, narrowPeak, reads as BED, VCF, GTF, Matrix Market."""

import itertools
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.io import mmwrite

from regdna import ALPHABET
from regdna.files import atomic, write_bytes, write_table, write_text

LINE = 60  # bases on a FASTA line
_GENOTYPES = ("0/0", "0/1", "1/1")  # by copies of the alternative allele
_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)


class Chain(NamedTuple):
    """One chain: gap-free blocks, collinear on both genomes.

    Attributes
    ----------
    score : int
    t_name, t_size
        Chromosome of the genome one lifts from, and its length in bases.
    q_name, q_size
        Chromosome of the genome one lifts to, and its length in bases.
    minus : bool
        Whether the blocks lie on the reverse strand of ``q_name``.
    t_start, q_start, size : int arrays, shape (blocks,)
        0-based starts, ascending in both; ``q_start`` counts on the chain's strand, as the format wants it.
    """

    score: int
    t_name: str
    t_size: int
    q_name: str
    q_size: int
    minus: bool
    t_start: np.ndarray
    q_start: np.ndarray
    size: np.ndarray


def chain_name(reference, other):
    """Name a chain file as UCSC does: ``hg38ToMm10.over.chain.gz``."""
    return f"{reference}To{other[0].upper()}{other[1:]}.over.chain.gz"


def write_fasta(path, sequences):
    """Write sequences as FASTA, and a samtools-style ``.fai`` index beside it.

    Parameters
    ----------
    path : path
    sequences : dict of str to uint8 array of codes, shape (L,)
    """
    index, offset = [], 0
    with atomic(path) as temporary, open(temporary, "wb") as file:
        for name, codes in sequences.items():
            header = f">{name}\n".encode()
            file.write(header)
            offset += len(header)
            index.append(f"{name}\t{len(codes)}\t{offset}\t{LINE}\t{LINE + 1}\n")
            letters = _LETTERS[codes]
            whole = len(codes) // LINE * LINE
            lines = np.full((whole // LINE, LINE + 1), ord("\n"), np.uint8)
            lines[:, :LINE] = letters[:whole].reshape(-1, LINE)
            tail = letters[whole:].tobytes() + b"\n" if len(codes) > whole else b""
            file.write(lines.tobytes())
            file.write(tail)
            offset += lines.size + len(tail)
    write_text(f"{path}.fai", "".join(index))


def write_chains(path, chains):
    """Write chains in the UCSC format, best score first.

    Format: https://genome.ucsc.edu/goldenPath/help/chain.html

    Parameters
    ----------
    path : path
        Gzipped if it ends in ``.gz``.
    chains : iterable of Chain
    """
    text = []
    for number, chain in enumerate(sorted(chains, key=lambda chain: -chain.score), 1):
        t_end, q_end = chain.t_start + chain.size, chain.q_start + chain.size
        text.append(
            f"chain {chain.score} {chain.t_name} {chain.t_size} + {chain.t_start[0]} {t_end[-1]} "
            f"{chain.q_name} {chain.q_size} {'-' if chain.minus else '+'} {chain.q_start[0]} {q_end[-1]} {number}\n"
        )
        size = chain.size.tolist()
        t_gap, q_gap = (chain.t_start[1:] - t_end[:-1]).tolist(), (chain.q_start[1:] - q_end[:-1]).tolist()
        text.append("".join([f"{s}\t{t}\t{q}\n" for s, t, q in zip(size, t_gap, q_gap)]))
        text.append(f"{size[-1]}\n\n")
    write_text(path, "".join(text))


def write_narrowpeak(path, chrom, start, end, name, signal, summit):
    """Write peaks as ENCODE narrowPeak (BED6+4); p and q values are given as -1, not computed.

    Parameters
    ----------
    path : path
    chrom, name : sequences of str, length N
    start, end : int arrays, shape (N,), 0-based half-open
    signal : float array, shape (N,)
    summit : int array, shape (N,)
        Offset of the summit from ``start`` in bases.
    """
    score = np.clip(np.round(100 * np.asarray(signal)), 0, 1000).astype(int)
    rows = zip(chrom, start, end, name, score, signal, summit)
    write_text(path, "".join(f"{c}\t{s}\t{e}\t{n}\t{k}\t.\t{g:.3f}\t-1\t-1\t{p}\n" for c, s, e, n, k, g, p in rows))


def write_reads(path, reads):
    """Write reads as BED6, without names (".") and scores (0).

    Parameters
    ----------
    path : path
        Gzipped if it ends in ``.gz``.
    reads : pandas.DataFrame
        chrom, start, end (0-based half-open), strand; written in their order.
    """
    rows = zip(*(reads[column].tolist() for column in ("chrom", "start", "end", "strand")))
    write_text(path, "".join([f"{c}\t{s}\t{e}\t.\t0\t{strand}\n" for c, s, e, strand in rows]))


def write_vcf(path, variants, lengths, people=(), dosages=None):
    """Write single-nucleotide variants as VCF 4.3, with unphased genotypes if there are people.

    Parameters
    ----------
    path : path
        Gzipped if it ends in ``.gz``.
    variants : pandas.DataFrame
        chrom, start (0-based; the file's positions are 1-based), id, ref, alt (codes).
    lengths : dict of str to int
        Chromosome lengths in bases.
    people : sequence of str
    dosages : int8 array, shape (N, people), optional
        Copies of the alternative allele, 0 to 2.
    """
    head = ["##fileformat=VCFv4.3", *(f"##contig=<ID={name},length={size}>" for name, size in lengths.items())]
    columns, called = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"], itertools.repeat("")
    if len(people):
        head.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
        columns += ["FORMAT", *people]
        called = ("\t".join(["\tGT", *(_GENOTYPES[dosage] for dosage in row)]) for row in dosages.tolist())
    head.append("\t".join(columns) + "\n")
    rows = zip(*(variants[column].tolist() for column in ("chrom", "start", "id", "ref", "alt")), called)
    lines = [f"{c}\t{s + 1}\t{i}\t{ALPHABET[r]}\t{ALPHABET[a]}\t.\t.\t.{gt}\n" for c, s, i, r, a, gt in rows]
    write_text(path, "\n".join(head) + "".join(lines))


def write_cohort(folder, cohort, lengths):
    """Write a cohort as it would reach one who studies it.

    In the folder: ``genotypes.vcf.gz``, a column for each person, and ``phenotypes.tsv``, a table of person and status
    (1 case, 0 control).

    Parameters
    ----------
    folder : path
    cohort : regdna.worlds.liability.CohortTruth
    lengths : dict of str to int
        Chromosome lengths in bases.
    """
    folder, people = Path(folder), cohort.people
    write_vcf(folder / "genotypes.vcf.gz", cohort.variants, lengths, people["person"].tolist(), cohort.dosages)
    write_table(folder / "phenotypes.tsv", people[["person", "status"]])


def write_gtf(path, exons):
    """Write gene models as GTF: a line for each gene, its transcript, and the transcript's exons in its own direction.

    Attributes are named as GENCODE names them; genes are numbered ``SIMG00001`` and on, transcripts ``SIMT00001``.

    Parameters
    ----------
    path : path
        Gzipped if it ends in ``.gz``.
    exons : pandas.DataFrame
        gene (number), chrom, start, end (0-based half-open; the file's are 1-based, inclusive), strand; those of a
        gene together and by position.
    """
    lines = []
    for gene, rows in exons.groupby("gene", sort=False):
        chrom, strand = rows["chrom"].iloc[0], rows["strand"].iloc[0]
        spans = list(zip(rows["start"], rows["end"]))
        ids = f'gene_id "SIMG{gene + 1:05}";'
        of_transcript = f'{ids} transcript_id "SIMT{gene + 1:05}";'
        features = [("gene", spans[0][0], spans[-1][1], ids), ("transcript", spans[0][0], spans[-1][1], of_transcript)]
        features += [
            ("exon", start, end, f"{of_transcript} exon_number {number};")
            for number, (start, end) in enumerate(spans if strand == "+" else spans[::-1], 1)
        ]
        lines += [
            f"{chrom}\tsimulated\t{kind}\t{a + 1}\t{b}\t.\t{strand}\t.\t{text}\n" for kind, a, b, text in features
        ]
    write_text(path, "".join(lines))


def write_cells(folder, cells):
    """Write counts of single cells as Cell Ranger ATAC does.

    In the folder: ``matrix.mtx.gz`` (Matrix Market, a row for each region, a column for each cell), ``peaks.bed``,
    ``barcodes.tsv.gz``; and ``cell_types.tsv``, a table of barcode and cell type.

    Parameters
    ----------
    folder : path
    cells : regdna.worlds.single_cells.Cells
    """
    folder, text = Path(folder), BytesIO()
    mmwrite(text, cells.counts, field="integer", symmetry="general")
    write_bytes(folder / "matrix.mtx.gz", text.getvalue())
    rows = zip(*(cells.regions[column] for column in ("chrom", "start", "end")))
    write_text(folder / "peaks.bed", "".join(f"{c}\t{s}\t{e}\n" for c, s, e in rows))
    write_text(folder / "barcodes.tsv.gz", "".join(f"{barcode}\n" for barcode in cells.barcodes))
    write_table(folder / "cell_types.tsv", pd.DataFrame({"barcode": cells.barcodes, "cell_type": cells.cell_types}))
