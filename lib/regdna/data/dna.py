"""DNA as small integers: letters to codes and back, the other strand."""

import numpy as np

from regdna import ALPHABET

N_CODE = ALPHABET.index("N")

_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)
_CODES = np.full(256, 255, np.uint8)  # 255 marks a byte that is no nucleotide letter
_CODES[np.frombuffer(b"RYSWKMBDHVrywskmbdhvNn", np.uint8)] = N_CODE  # IUPAC ambiguity codes become N
for _code, _letter in enumerate(ALPHABET):
    _CODES[[ord(_letter), ord(_letter.lower())]] = _code
COMPLEMENT = np.array([3, 2, 1, 0, 4], np.uint8)  # by code


def encode(sequence):
    """Turn DNA letters into codes.

    Parameters
    ----------
    sequence : str, bytes or uint8 array of ASCII letters, length L
        Upper or lower case; IUPAC ambiguity codes become N.

    Returns
    -------
    uint8 array, shape (L,)
        A 0, C 1, G 2, T 3, N 4.

    Raises
    ------
    ValueError
        If a character is not a nucleotide letter; the first one and its 0-based position are named.

    Examples
    --------
    >>> encode("ACGTn")
    array([0, 1, 2, 3, 4], dtype=uint8)
    """
    given = sequence
    if isinstance(sequence, str):
        sequence = sequence.encode("ascii", "replace")
    letters = bytearray(sequence if isinstance(sequence, bytes) else np.asarray(sequence, np.uint8).tobytes())
    codes = np.frombuffer(letters.translate(_CODES.tobytes()), np.uint8)
    if codes.max(initial=0) == 255:
        at = int(np.argmax(codes == 255))
        letter = given[at] if isinstance(given, str) else chr(letters[at])
        raise ValueError(f"{letter!r} at position {at} is not a nucleotide letter (A, C, G, T, N or IUPAC)")
    return codes


def decode(codes):
    """Turn codes into a string of letters, the inverse of :func:`encode`.

    Parameters
    ----------
    codes : uint8 array, shape (L,)

    Returns
    -------
    str, length L

    Examples
    --------
    >>> decode(encode("gattaca"))
    'GATTACA'
    """
    return _LETTERS[np.asarray(codes, np.uint8)].tobytes().decode()


def reverse_complement(codes):
    """Read the other strand; N stays N.

    Parameters
    ----------
    codes : uint8 array, shape (..., L)

    Returns
    -------
    uint8 array, shape (..., L)

    Examples
    --------
    >>> decode(reverse_complement(encode("AACGN")))
    'NCGTT'
    """
    return COMPLEMENT[codes][..., ::-1]
