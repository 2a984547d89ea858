import numpy as np
import pytest

from regdna.data import dna
from regdna.data.sequence_sets import read_labelled_fasta


@pytest.fixture
def write(tmp_path):
    def write_both(bound, unbound=">chr2_1\nGGGG\n"):
        for name, text in (("bound.fa", bound), ("unbound.fa", unbound)):
            (tmp_path / name).write_text(text)
        return tmp_path / "bound.fa", tmp_path / "unbound.fa"

    return write_both


def test_windows_labels_and_chromosomes(write):
    found = read_labelled_fasta(*write(">chr1_1\nAC\nGT\n>chrUn_gl_2\nacgn\n"))
    assert [dna.decode(codes) for codes in found.codes] == ["ACGT", "ACGN", "GGGG"]
    assert found.labels.tolist() == [1, 1, 0] and found.chrom.tolist() == ["chr1", "chrUn_gl", "chr2"]
    part = found.on({"chr2", "chrUn_gl", "chr9"})
    assert part.labels.tolist() == [1, 0] and len(found.on({"chr9"}).codes) == 0


def test_examples_on_both_strands(write):
    found = read_labelled_fasta(*write(">chr1_1\nACGG\n"))
    one, both = found.examples(), found.examples(both_strands=True)
    np.testing.assert_array_equal(one.codes, found.codes)
    assert [dna.decode(codes) for codes in both.codes] == ["ACGG", "GGGG", "CCGT", "CCCC"]
    assert both.labels.tolist() == [1, 0, 1, 0] and both.weights.tolist() == [1] * 4


@pytest.mark.parametrize(
    ("bound", "problem"),
    [
        ("", "bound.fa: holds no FASTA record"),
        (">chr1\nACGT\n", "'chr1' is not named <chromosome>_<number>"),
        (">chr1_1\nACGT\n>chr1_2\nACG\n", "record chr1_2: 3 bases, the first has 4"),
        (">chr1_1\nACXT\n", "record chr1_1: 'X' at position 2 is not a nucleotide"),
    ],
)
def test_bad_files(write, bound, problem):
    with pytest.raises(ValueError, match=problem):
        read_labelled_fasta(*write(bound))
