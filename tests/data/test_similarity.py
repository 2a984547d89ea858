import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data import dna, similarity
from regdna.data.similarity import nearest, words

sequences = st.lists(st.text("ACGTN", min_size=9, max_size=9), min_size=1, max_size=6)


def encode(texts):
    return np.array([dna.encode(text) for text in texts])


def word_set(text, k):
    """The words of a text, each written as the smaller of itself and its reverse complement."""
    found = set()
    for i in range(len(text) - k + 1):
        word = text[i : i + k]
        if "N" not in word:
            found.add(min(word, word[::-1].translate(str.maketrans("ACGT", "TGCA"))))
    return found


@given(sequences, st.integers(1, 9))
def test_words_against_spelling_them(texts, k):
    numbers = words(encode(texts), k)
    assert numbers.shape == (len(texts), 9 - k + 1)
    for text, row in zip(texts, numbers):
        spelled = [word_set(text[i : i + k], k) for i in range(9 - k + 1)]
        assert [number >= 0 for number in row] == [bool(word) for word in spelled]
        assert len({number for number in row if number >= 0}) == len(set().union(*spelled))


def test_a_word_and_its_reverse_complement_are_one():
    assert words(encode(["AACG"]), 4) == words(encode(["CGTT"]), 4)
    assert words(encode(["A" * 31]), 31) == words(encode(["T" * 31]), 31) == 0


@given(sequences, sequences, st.integers(2, 5))
def test_nearest_against_sets_of_words(queries, subjects, k):
    found = nearest(encode(queries), encode(subjects), k)
    for query, share, subject in zip(queries, *found):
        own = word_set(query, k)
        shares = [len(own & word_set(text, k)) / max(len(own), 1) for text in subjects]
        assert share == pytest.approx(max(shares))
        assert subject == (shares.index(max(shares)) if max(shares) else -1)


def test_subjects_are_compared_chunk_by_chunk(monkeypatch):
    rng = np.random.default_rng(1)
    queries, subjects = rng.integers(0, 4, (5, 50)), rng.integers(0, 4, (40, 50))
    subjects[[7, 31]] = queries[[1, 3]]
    whole = nearest(queries.astype(np.uint8), subjects.astype(np.uint8), 8)
    monkeypatch.setattr(similarity, "CHUNK", 3)
    parts = nearest(queries.astype(np.uint8), subjects.astype(np.uint8), 8)
    assert parts.share.tolist() == whole.share.tolist() and parts.subject.tolist() == whole.subject.tolist()
    assert whole.share[[1, 3]].tolist() == [1, 1] and whole.subject[[1, 3]].tolist() == [7, 31]
