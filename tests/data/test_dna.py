import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regdna.data import dna

PAIR = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}
sequences = st.text(alphabet="ACGTN", max_size=300)


def test_encode_upper_and_lower_case():
    codes = dna.encode("ACGTNacgtn")
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]


def test_encode_takes_text_bytes_and_letters():
    expected = [2, 0, 3, 3, 0, 1, 0]
    assert dna.encode("GATTACA").tolist() == expected
    assert dna.encode(b"GATTACA").tolist() == expected
    assert dna.encode(np.frombuffer(b"GATTACA", np.uint8)).tolist() == expected


def test_encode_turns_ambiguity_codes_into_n():
    assert dna.decode(dna.encode("ARYSWKMBDHVTrykv")) == "ANNNNNNNNNNTNNNN"


def test_empty_sequence():
    assert dna.encode("").shape == (0,)
    assert dna.decode(np.empty(0, np.uint8)) == ""


@pytest.mark.parametrize(
    "sequence, character, position",
    [("ACX", "X", 2), ("-ACG", "-", 0), ("ACGU", "U", 3), ("AC GT", " ", 2), ("ACGTJJ", "J", 4), ("AC1", "1", 2)],
)
def test_encode_names_the_wrong_character_and_its_position(sequence, character, position):
    with pytest.raises(ValueError, match=f"^'{character}' at position {position} is not a nucleotide letter"):
        dna.encode(sequence)
    with pytest.raises(ValueError, match=f"^'{character}' at position {position} "):
        dna.encode(sequence.encode())


def test_encode_names_a_character_outside_ascii():
    with pytest.raises(ValueError, match=r"^'é' at position 2 "):
        dna.encode("ACéG")


def test_decode_exact():
    assert dna.decode(np.array([0, 1, 2, 3, 4])) == "ACGTN"


@given(sequences)
def test_decode_undoes_encode(sequence):
    assert dna.decode(dna.encode(sequence)) == sequence
    assert dna.decode(dna.encode(sequence.lower())) == sequence


def test_reverse_complement_exact():
    assert dna.decode(dna.reverse_complement(dna.encode("AACGNT"))) == "ANCGTT"


@given(sequences)
def test_reverse_complement_against_letters(sequence):
    turned = dna.reverse_complement(dna.encode(sequence))
    assert dna.decode(turned) == "".join(PAIR[letter] for letter in reversed(sequence))
    assert dna.decode(dna.reverse_complement(turned)) == sequence


def test_reverse_complement_of_a_batch_turns_the_last_axis():
    batch = np.stack([dna.encode("AACG"), dna.encode("TTTN")])
    assert [dna.decode(row) for row in dna.reverse_complement(batch)] == ["CGTT", "NAAA"]
