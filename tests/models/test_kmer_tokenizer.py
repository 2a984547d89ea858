import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.models.kmer_tokenizer import CLS, PAD, SEP, UNK, KmerTokenizer, join_regions, join_sequences, tokens_for


def spelled(codes, k):
    """The slow way: letter by letter."""
    found = []
    for at in range(len(codes) - k + 1):
        word = codes[at : at + k].tolist()
        found.append(UNK if 4 in word else 5 + int("".join(map(str, word)), 4))
    return found


@given(st.lists(st.integers(0, 4), min_size=8, max_size=40), st.integers(1, 8))
def test_kmers_are_those_spelled_out(codes, k):
    codes = np.array(codes, np.uint8)
    np.testing.assert_array_equal(KmerTokenizer(k).kmers(codes), spelled(codes, k))


def test_sizes():
    assert [KmerTokenizer(k).size for k in (3, 4, 5, 6)] == [69, 261, 1029, 4101]
    assert tokens_for(10, 55, 6) == 503 and tokens_for(10, 56, 6) == 513 > 512  # the widest crop BERT can take


def test_no_kmer_spans_a_junction():
    codes = np.random.default_rng(0).integers(0, 4, (2, 4, 9)).astype(np.uint8)
    kmers = KmerTokenizer(3).kmers(codes)
    assert kmers.shape == (2, 4, 7)
    for example in range(2):
        for region in range(4):
            np.testing.assert_array_equal(kmers[example, region], spelled(codes[example, region], 3))


def test_segments():
    kmers = np.arange(100, 124).reshape(1, 4, 6)
    ids, types = join_regions(kmers)
    assert ids[0].tolist() == [CLS, *range(100, 112), SEP, *range(112, 124), SEP]
    assert types[0].tolist() == [0] * 14 + [1] * 13
    assert ids.shape[1] == tokens_for(4, 8, 3)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((1, 9), np.int64), "int64 array of shape \\(1, 9\\): expected uint8 codes 0 to 4"),
        (np.full((1, 9), 5, np.uint8), "expected uint8 codes 0 to 4"),
        (np.zeros((1, 2), np.uint8), "sequences of 2 bases hold no 3-mer; at least 3 are needed"),
    ],
)
def test_bad_codes(codes, message):
    with pytest.raises(ValueError, match=message):
        KmerTokenizer(3).kmers(codes)


@pytest.mark.parametrize("k", [0, 9])
def test_bad_k(k):
    with pytest.raises(ValueError, match=f"k is {k}; from 1 to 8"):
        KmerTokenizer(k)


def test_sequences_of_any_lengths():
    tokenizer = KmerTokenizer(3)
    codes = np.random.default_rng(0).integers(0, 4, (3, 9)).astype(np.uint8)
    codes[1, 2:] = 4
    codes[2, 5:] = 4
    ids = join_sequences(tokenizer, codes, np.array([9, 2, 5]))
    assert ids.shape == (3, 9)
    assert ids[0].tolist() == [CLS, *tokenizer.kmers(codes[0]), SEP]
    assert ids[1].tolist() == [CLS, UNK, SEP, *[PAD] * 6]
    assert ids[2].tolist() == [CLS, *tokenizer.kmers(codes[2, :5]), SEP, *[PAD] * 4]
    assert join_sequences(tokenizer, codes[:1, :2], np.array([2])).tolist() == [[CLS, UNK, SEP]]


def test_odd_number_of_regions():
    with pytest.raises(ValueError, match="3 regions cannot be halved"):
        join_regions(np.zeros((1, 3, 4), np.int64))
