import json
import logging

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from regdna import ALPHABET
from regdna.models.dna_tokenizer import SPECIALS, DNATokenizer, train_tokenizer
from regdna.models.dnabert2 import DNABERT2Config


def random_codes(number, length, seed=0):
    """DNA in which some words are more frequent than others."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 4, (30, 6)).astype(np.uint8)
    return words[rng.integers(0, 30, (number, -(-length // 6)))].reshape(number, -1)[:, :length]


@pytest.fixture(scope="module")
def small():
    return train_tokenizer(random_codes(200, 120), 64)


@pytest.fixture(scope="module")
def published(data_folder):
    path = data_folder and data_folder / "dnabert2" / "tokenizer.json"
    if path is None or not path.exists():
        pytest.skip("REGDNA_DATA has no dnabert2/tokenizer.json")
    return DNATokenizer.read(path)


class TestPublished:
    def test_vector(self, published):
        text = "ACGTAGCATCGGATCTATCTATCGACACTTGGTTATCGATCTACGAGCATCTCGTTAGC"
        expected = [1, 5, 194, 32, 757, 1239, 2092, 294, 24, 359, 88, 93, 32, 75, 77, 19, 2]
        assert published.encode([text]).ids.tolist() == [expected]
        assert published.encode([text.lower()]).ids.tolist() == [expected]
        codes = np.array([["ACGT".index(letter) for letter in text]], np.uint8)
        assert published.encode(codes).ids.tolist() == [expected]
        assert "".join(published.pieces(text)) == text

    def test_each_unknown_letter_is_one_token(self, published):
        assert published.encode(["ACGTNNRT"]).ids.tolist() == [[1, 5, 6, 1049, 0, 0, 0, 8, 2]]

    def test_size(self, published):
        published.check(DNABERT2Config())
        with pytest.raises(ValueError, match=r"4096 tokens, the model 512; take the tokenizer.json"):
            published.check(DNABERT2Config(vocab_size=512))

    def test_ours_is_of_the_same_kind(self, published, small, tmp_path):
        """Everything in the two files but the pieces."""
        files = []
        for name, tokenizer in (("theirs", published), ("ours", small)):
            tokenizer.save(tmp_path / name)
            files.append(json.loads((tmp_path / name / "tokenizer.json").read_text()))
        theirs, ours = files
        apart = ("vocab", "merges", "byte_fallback", "ignore_merges")  # the last two are unknown to the older format
        kinds = [{key: value for key, value in file["model"].items() if key not in apart} for file in files]
        assert kinds[0] == kinds[1]
        for part in theirs.keys() - {"model"}:
            assert theirs[part] == ours[part]
        first = [sorted(file["model"]["vocab"], key=file["model"]["vocab"].get)[:9] for file in files]
        assert first[0] == first[1] == [*SPECIALS, *"ACGT"]


class TestTraining:
    def test_size_and_order(self, small):
        assert small.size == 64
        assert small.encode(["A", "C", "G", "T"]).ids[:, 1].tolist() == [5, 6, 7, 8]

    def test_same_sequences_same_tokenizer(self, small, tmp_path):
        small.save(tmp_path / "one")
        train_tokenizer(random_codes(200, 120), 64).save(tmp_path / "two")
        assert len({(tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "two")}) == 1

    def test_no_piece_reaches_over_an_n(self, tmp_path):
        tokenizer = train_tokenizer(["ACNGT" * 30] * 5, 11)  # AC and GT, and nothing else
        assert tokenizer.pieces("ACGT") == ["AC", "GT"]

    def test_frequent_words_become_pieces(self, small):
        codes = random_codes(50, 120)
        shuffled = np.random.default_rng(1).permuted(codes, axis=1)
        assert small.encode(codes).lengths.mean() < 0.8 * small.encode(shuffled).lengths.mean()

    def test_too_few_sequences(self):
        with pytest.raises(ValueError, match=r"a vocabulary of 500 was asked for, and 1\d came of the 2 sequences"):
            train_tokenizer(["ACGT", "ACGG"], 500)


class TestEncoding:
    @given(st.lists(st.text("ACGTN", min_size=1, max_size=40), min_size=1, max_size=6))
    def test_nothing_is_lost(self, small, sequences):
        tokens = small.encode(sequences)
        assert tokens.ids.dtype == np.int32 and tokens.mask.dtype == bool and tokens.truncated == 0
        assert tokens.ids.shape == tokens.mask.shape == (len(sequences), tokens.lengths.max())
        assert (tokens.ids[~tokens.mask] == 3).all() and (tokens.ids[tokens.mask] != 3).all()
        for text, ids, length in zip(sequences, tokens.ids, tokens.lengths):
            assert ids[0] == 1 and ids[length - 1] == 2 and (ids[: length - 1] != 2).all()
            assert (ids[1:length] == 0).sum() == text.count("N")
            pieces = small.pieces(text)
            assert "".join(pieces).replace("[UNK]", "N") == text and len(pieces) == length - 2

    def test_codes_and_letters_alike(self, small):
        codes = np.random.default_rng(3).integers(0, 5, (20, 33)).astype(np.uint8)
        texts = ["".join(ALPHABET[code] for code in row) for row in codes]
        for upper, lower in zip(small.encode(codes), small.encode([text.lower() for text in texts])):
            np.testing.assert_array_equal(upper, lower)

    def test_longer_than_the_model_takes(self, small, caplog):
        tokenizer = DNATokenizer(small._tokenizer, max_tokens=10)
        texts = ["ACGTTGCA" * 20, "ACG", "TTGACCGA" * 9]
        with caplog.at_level(logging.WARNING, logger="regdna"):
            tokens = tokenizer.encode(texts)
        assert tokens.truncated == 2 and "2 of 3 sequences were cut at 10 tokens" in caplog.text
        whole = small.encode(texts)
        np.testing.assert_array_equal(tokens.ids[:, :9], whole.ids[:, :9])
        assert tokens.ids.shape == (3, 10) and (tokens.ids[[0, 2], 9] == 2).all()

    def test_no_sequences(self, small):
        tokens = small.encode(np.zeros((0, 50), np.uint8))
        assert len(tokens.ids) == len(tokens.mask) == len(tokens.lengths) == 0


class TestBadInput:
    @pytest.mark.parametrize(
        "sequences, message",
        [
            (["ACG", ""], "sequence 1 is empty"),
            (np.zeros((2, 0), np.uint8), "sequence 0 is empty"),
            (["ACG", "AC GT"], "sequence 1: ' ' at position 2 is not a nucleotide letter"),
            (["AXG"], "'X' at position 1"),
            (np.zeros(5, np.uint8), r"uint8 array of shape \(5,\): expected uint8 codes 0 to 4 of shape \(N, L\)"),
            (np.zeros((2, 5)), "float64 array"),
            (np.full((2, 5), 5, np.uint8), "expected uint8 codes 0 to 4"),
        ],
    )
    def test_sequences(self, small, sequences, message):
        with pytest.raises(ValueError, match=message):
            small.encode(sequences)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"tokenizer\.json does not exist"):
            DNATokenizer.read(tmp_path)

    def test_not_a_tokenizer(self, tmp_path):
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer file"):
            DNATokenizer.read(tmp_path)

    def test_another_kind(self, tmp_path):
        """Words of six letters, as the first DNABERT has them."""
        vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "AAAAAA": 5}
        path = tmp_path / "tokenizer.json"
        tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")).save(str(path))
        with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer of DNABERT-2's kind: .* not 0 to 4"):
            DNATokenizer.read(path)

    def test_drops_unknown_letters(self):
        """Without an [UNK] to stand for it, an N would vanish and its neighbours join."""
        vocabulary = {name: number for number, name in enumerate((*SPECIALS, *"ACGT"))}
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
        template = {"single": "[CLS] $A [SEP]", "special_tokens": [("[CLS]", 1), ("[SEP]", 2)]}
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(**template)
        with pytest.raises(ValueError, match=r"N does not become \[CLS\] N \[SEP\]"):
            DNATokenizer(tokenizer)

    def test_no_room(self, small):
        with pytest.raises(ValueError, match="max_tokens 2"):
            DNATokenizer(small._tokenizer, max_tokens=2)
