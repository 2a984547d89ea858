import itertools

import numpy as np
import pandas as pd
import pytest

from regdna.data import dna
from regdna.data.genome import Genome
from regdna.data.variants import SCORED, STATUSES, VariantMatcher, allele_windows, check_assembly

SEQUENCE = "ACGTTGCANACGGATTACAGATTACACCGT"
RNG = np.random.default_rng(0)
LONG = RNG.integers(0, 4, 3000)


def genome_of(folder, **sequences):
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))
    return Genome(path)


@pytest.fixture
def genome(tmp_path):
    return genome_of(tmp_path, chr1=SEQUENCE, scaffold="ACGTACGT")


def variants(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "ref", "alt"])


def status_of(genome, *rows, before=0, after=0):
    return VariantMatcher(genome, before, after).match(variants(*rows))["status"].tolist()


def test_statuses(genome):
    rows = {
        ("chr1", 0, "A", "C"): "match",
        ("chr1", 0, "C", "A"): "swapped",
        ("chr1", 0, "T", "C"): "strand-flipped",
        ("chr1", 0, "C", "T"): "swapped and strand-flipped",
        ("chr1", 0, "C", "G"): "mismatch",
        ("chr1", 8, "A", "C"): "mismatch",  # the genome's base is unknown
        ("chr1", 1, "c", "t"): "match",
        ("1", 2, "G", "T"): "match",
        ("chrscaffold", 0, "A", "T"): "match",
        ("chr1", 3, "T", "T"): "match",
        ("chr1", 0, "A", "."): "not an SNV",
        ("chr1", 0, "A", "*"): "not an SNV",
        ("chr1", 0, "A", "<DEL>"): "not an SNV",
        ("chr1", 0, "AC", "A"): "not an SNV",
        ("chr1", 0, "AC", "GT"): "not an SNV",
        ("chr1", 0, "A", "N"): "not an SNV",
        ("chr9", 0, "A", "C"): "outside",
        ("chr1", 30, "A", "C"): "outside",
        ("chr1", -1, "A", "C"): "outside",
    }
    for row, status in rows.items():
        assert status_of(genome, row) == [status], row
    assert set(rows.values()) == set(STATUSES) - {"duplicate", "too near an end"}


def test_the_ends(genome):
    rows = [("scaffold", start, "ACGT"[start % 4], "ACGT"[(start + 2) % 4]) for start in range(8)]
    expected = ["too near an end"] * 3 + ["match"] * 3 + ["too near an end"] * 2
    assert status_of(genome, *rows, before=3, after=2) == expected


def test_duplicates_within_and_between_chunks(genome):
    matcher = VariantMatcher(genome, 0, 0)
    first = variants(
        ("chr1", 0, "A", "C"), ("chr1", 0, "A", "C"), ("1", 0, "A", "C"), ("chr1", 0, "C", "A"), ("chr1", 0, "A", "G")
    )
    assert matcher.match(first)["status"].tolist() == ["match", *["duplicate"] * 3, "match"]
    second = variants(("chr1", 0, "A", "C"), ("scaffold", 0, "A", "C"), ("chr1", 0, "A", "T"), ("chr1", 4, "T", "C"))
    assert matcher.match(second)["status"].tolist() == ["duplicate", "match", "match", "match"]
    assert matcher.counts == {"match": 5, "duplicate": 4}


def test_alleles_on_the_genomes_forward_strand(genome):
    rows = [
        ("chr1", 0, "A", "C"),
        ("chr1", 1, "T", "C"),
        ("chr1", 2, "C", "A"),
        ("chr1", 3, "G", "A"),
        ("x", 0, "A", "C"),
    ]
    table = VariantMatcher(genome, 0, 0).match(variants(*rows))
    assert table["status"].tolist() == [*SCORED, "outside"]
    assert dna.decode(table["genome_ref"]) == "ACGTN" and dna.decode(table["genome_alt"]) == "CTTCN"
    assert table["genome_chrom"].tolist() == ["chr1"] * 4 + [""]
    assert table["ref"].tolist() == ["A", "T", "C", "G", "A"]  # as given


def test_every_record_has_one_status(genome):
    letters = ["A", "C", "g", "t", "N", "*", "AC", "."]
    rows = list(itertools.product(["chr1", "scaffold", "chr7"], range(-1, 31), letters, letters))
    matcher = VariantMatcher(genome, 2, 2)
    table = matcher.match(variants(*rows))
    assert len(table) == len(rows) == matcher.counts.total()
    assert set(table["status"]) <= set(STATUSES)
    scored = table[table["status"].isin(SCORED)]
    for row in scored.itertuples():
        assert row.genome_ref == genome.codes(row.genome_chrom)[row.start]


def test_windows_hold_the_alleles_and_nothing_else_changes(genome):
    table = VariantMatcher(genome, 0, 0).match(variants(("chr1", 12, "G", "T"), ("scaffold", 3, "A", "C")))
    assert table["status"].tolist() == ["match", "strand-flipped"]
    for width, index, minus in ((5, 2, False), (6, 1, False), (6, 1, True), (5, 4, True)):
        ref, alt = allele_windows(genome, table, width, index, minus)
        assert ref.shape == (2, width) and ref.dtype == np.uint8
        for row, (chrom, start) in enumerate((("chr1", 12), ("scaffold", 3))):
            codes = np.pad(genome.codes(chrom), 10, constant_values=4)
            at = 10 + start - (width - 1 - index if minus else index)
            window = codes[at : at + width]
            expected = dna.reverse_complement(window) if minus else window
            np.testing.assert_array_equal(ref[row], expected)
            assert np.flatnonzero(ref[row] != alt[row]).tolist() == [index]
        allele = table["genome_alt"].to_numpy()
        assert (alt[:, index] == (dna.COMPLEMENT[allele] if minus else allele)).all()


@pytest.fixture
def long_genome(tmp_path):
    return genome_of(tmp_path, chr1="".join("ACGT"[code] for code in LONG))


def drawn(number=200, shift=0, codes=LONG):
    start = RNG.choice(np.arange(10, 2990), number, replace=False)
    alt = (codes[start] + RNG.integers(1, 4, number)) % 4
    rows = zip(["chr1"] * number, start + shift, ["ACGT"[c] for c in codes[start]], ["ACGT"[c] for c in alt])
    return variants(*rows)


def checked(genome, table, others=()):
    matcher = VariantMatcher(genome, 0, 0)
    check_assembly(matcher, matcher.match(table), others)


def test_variants_of_the_genome_pass(long_genome):
    checked(long_genome, drawn())
    checked(long_genome, drawn().rename(columns={"ref": "alt", "alt": "ref"}))  # all swapped


@pytest.mark.parametrize(
    ("shift", "slip"),
    [(-1, "0-based, where 1-based ones are expected"), (1, "1-based, where 0-based ones are expected")],
)
def test_positions_counted_from_another_base(long_genome, shift, slip):
    with pytest.raises(ValueError, match=slip):
        checked(long_genome, drawn(shift=shift))


def test_another_assembly_is_named(long_genome, tmp_path):
    other = RNG.integers(0, 4, 3000)
    (tmp_path / "other").mkdir()
    genome = genome_of(tmp_path / "other", chr1="".join("ACGT"[code] for code in other))
    table = drawn(codes=other)
    with pytest.raises(ValueError, match=r"one of the alleles of 100% is the base of other1: is it that"):
        checked(long_genome, table, [("own", lambda: long_genome), ("other1", lambda: genome)])
    with pytest.raises(ValueError, match=r"neither allele of \d+ of 200 variants.*another assembly, or of the other"):
        checked(long_genome, table)


def test_what_fits_as_badly_is_not_named(long_genome, tmp_path):
    (tmp_path / "third").mkdir()
    third = genome_of(tmp_path / "third", chr1="".join("ACGT"[code] for code in RNG.integers(0, 4, 3000)))
    with pytest.raises(ValueError, match=r"another assembly, or of the other strand\?$"):
        checked(long_genome, drawn(codes=RNG.integers(0, 4, 3000)), [("third", lambda: third)])


def test_a_slip_is_seen_where_alleles_are_swapped_too(long_genome):
    table = drawn(shift=-1)
    table.loc[:60, ["ref", "alt"]] = table.loc[:60, ["alt", "ref"]].to_numpy()
    with pytest.raises(ValueError, match="seem to be 0-based, where 1-based"):
        checked(long_genome, table)


def test_of_few_variants_it_is_only_said(long_genome, caplog):
    checked(long_genome, drawn(19, shift=1))
    assert "are they of another assembly, of the other strand, or counted from another first base?" in caplog.text


def test_duplicates_are_found_through_many_chunks(long_genome):
    matcher, rng = VariantMatcher(long_genome, 0, 0), np.random.default_rng(3)
    seen = set()
    for _ in range(40):
        table = drawn(int(rng.integers(1, 60)))
        expected = []
        for row in table.itertuples():
            expected.append("duplicate" if (row.start, row.alt) in seen else "match")
            seen.add((row.start, row.alt))
        assert matcher.match(table)["status"].tolist() == expected
    sizes = [len(keys) for keys in matcher._seen]
    assert sum(sizes) == len(seen) and sizes == sorted(sizes, reverse=True)


def test_a_genome_that_is_too_short(long_genome):
    with pytest.raises(ValueError, match=r"no variant lies on genome\.fa: those on chr1 lie beyond its end"):
        checked(long_genome, drawn(shift=5000))


def test_other_chromosomes_are_named(long_genome):
    with pytest.raises(ValueError, match=r"they are on chr5; the genome has chr1"):
        checked(long_genome, drawn().assign(chrom="chr5"))
