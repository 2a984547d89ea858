"""Byte-pair tokens of DNA, as DNABERT-2 reads it: the published tokenizer, and small ones of the same kind.

Five special tokens come first, [UNK] 0, [CLS] 1, [SEP] 2, [PAD] 3, [MASK] 4; then A, C, G and T; then pieces of DNA
that are frequent (byte-pair encoding: Sennrich et al. 2016, arXiv 1508.07909). A sequence becomes [CLS] pieces [SEP].

Three things to know:

* One letter that changes can change every piece of the window, and the other strand has other pieces.
* Every N becomes one [UNK], as in the published tokenizer, so a gap keeps its length and is never joined over. Other
  IUPAC ambiguity codes do, too. Lower case is read as upper case; left as it is, the published file would make an [UNK]
  of every letter.
* What is longer than ``max_tokens`` loses its end. How many sequences did is counted, and said in the log.
"""

import logging
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
from tokenizers import models, pre_tokenizers, processors, trainers

from regdna import ALPHABET
from regdna.files import write_text

SPECIALS = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
UNK, CLS, SEP, PAD, MASK = range(5)
LONGEST = 32  # letters of a piece; that of the longest in the published tokenizer

_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)
_FOREIGN = re.compile("[^ACGTNRYSWKMBDHV]")  # no nucleotide and no IUPAC ambiguity code

logger = logging.getLogger(__name__)


class Tokens(NamedTuple):
    """Sequences as tokens.

    Attributes
    ----------
    ids : int32 array, shape (N, T)
        Padded on the right with [PAD] to the longest.
    mask : bool array, shape (N, T)
        False at padding.
    truncated : int
        Sequences that lost their end.
    """

    ids: np.ndarray
    mask: np.ndarray
    truncated: int

    @property
    def lengths(self):
        """Tokens of each sequence, [CLS] and [SEP] included; int array, shape (N,)."""
        return self.mask.sum(1)


class DNATokenizer:
    """Turns DNA into tokens.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    max_tokens : int
        Of a sequence, [CLS] and [SEP] included.

    Raises
    ------
    ValueError
        If the tokenizer is not of this kind, or ``max_tokens`` leaves no room for DNA.
    """

    def __init__(self, tokenizer, max_tokens=512):
        if max_tokens < 3:
            raise ValueError(f"max_tokens {max_tokens}: [CLS] and [SEP] take two already")
        self._file = tokenizer.to_str(pretty=True)
        self._tokenizer = tokenizers.Tokenizer.from_str(self._file)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        found = [self._tokenizer.token_to_id(name) for name in SPECIALS]
        if found != list(range(5)):
            raise ValueError(f"not a tokenizer of DNABERT-2's kind: {', '.join(SPECIALS)} are {found}, not 0 to 4")
        for letter in ALPHABET:
            piece = UNK if letter == "N" else self._tokenizer.token_to_id(letter)
            if self._tokenizer.encode(letter).ids != [CLS, piece, SEP]:
                raise ValueError(f"not a tokenizer of DNABERT-2's kind: {letter} does not become [CLS] {letter} [SEP]")
        self._tokenizer.enable_padding(pad_id=PAD, pad_token=SPECIALS[PAD])
        self._tokenizer.enable_truncation(max_tokens)
        self.max_tokens = max_tokens

    @classmethod
    def read(cls, path, max_tokens=512):
        """Read a ``tokenizer.json``.

        Parameters
        ----------
        path : path
            The file or its folder.
        max_tokens : int

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If the file cannot be read, or its tokenizer is not of this kind.
        """
        path = Path(path) / "tokenizer.json" if Path(path).is_dir() else Path(path)
        if not path.exists():
            raise FileNotFoundError(f"tokenizer file {path} does not exist")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more special
            raise ValueError(f"{path}: not a tokenizer file ({error})") from error
        try:
            return cls(tokenizer, max_tokens)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def save(self, folder):
        """Write ``tokenizer.json`` into a folder."""
        write_text(Path(folder) / "tokenizer.json", self._file)

    @property
    def size(self):
        """Number of tokens, the special ones included."""
        return self._tokenizer.get_vocab_size()

    def check(self, config):
        """Raise a ValueError if a model has another vocabulary size."""
        if self.size != config.vocab_size:
            raise ValueError(
                f"the tokenizer has {self.size} tokens, the model {config.vocab_size}; "
                "take the tokenizer.json that lies beside the model's weights"
            )

    def pieces(self, sequence):
        """Cut a sequence into the pieces that a model sees, without [CLS] and [SEP]; list of str."""
        return [piece for piece in self._tokenizer.encode(_letters([sequence])[0]).tokens if piece not in SPECIALS[1:]]

    def encode(self, sequences):
        """Turn sequences into tokens.

        Parameters
        ----------
        sequences : uint8 array of codes, shape (N, L), or sequence of str
            Codes: A 0, C 1, G 2, T 3, N 4.

        Returns
        -------
        Tokens

        Raises
        ------
        ValueError
            If a sequence is empty or holds something else than codes or letters of nucleotides.
        """
        # Without offsets, which nobody here asks for, this takes half the time of encode_batch.
        encodings = self._tokenizer.encode_batch_fast(_letters(sequences))
        ids = np.array([encoding.ids for encoding in encodings], np.int32)
        ids = ids.reshape(len(encodings), -1 if encodings else 0)
        truncated = sum(bool(encoding.overflowing) for encoding in encodings)
        if truncated:
            logger.warning("%d of %d sequences were cut at %d tokens", truncated, len(ids), self.max_tokens)
        return Tokens(ids, ids != PAD, truncated)


def train_tokenizer(sequences, size=512, max_tokens=512):
    """Learn a tokenizer from DNA.

    Parameters
    ----------
    sequences : uint8 array of codes, shape (N, L), or sequence of str
        No piece reaches over an N.
    size : int
        Number of tokens, the special ones and the four letters included; the published tokenizer has 4,096.
    max_tokens : int

    Returns
    -------
    DNATokenizer

    Raises
    ------
    ValueError
        If the sequences do not yield so many tokens.
    """
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token=SPECIALS[UNK]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=list(ALPHABET[:4]),
        max_token_length=LONGEST,
        show_progress=False,
    )
    stretches = (stretch for text in _letters(sequences) for stretch in re.findall("[ACGT]+", text))
    tokenizer.train_from_iterator(stretches, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    if tokenizer.get_vocab_size() != size:
        raise ValueError(
            f"a vocabulary of {size} was asked for, and {tokenizer.get_vocab_size()} came of the {len(sequences)} "
            "sequences; give more sequences or ask for another size"
        )
    return DNATokenizer(tokenizer, max_tokens)


def _letters(sequences):
    """Sequences as upper-case text; list of str."""
    if isinstance(sequences, np.ndarray) and sequences.dtype != object and sequences.dtype.kind != "U":
        if sequences.ndim != 2 or sequences.dtype != np.uint8 or sequences.max(initial=0) >= len(ALPHABET):
            raise ValueError(
                f"{sequences.dtype} array of shape {sequences.shape}: expected uint8 codes 0 to 4 of shape (N, L)"
            )
        sequences = [row.tobytes().decode() for row in _LETTERS[sequences]]
    texts = [str(text).upper() for text in sequences]
    for row, text in enumerate(texts):
        if not text:
            raise ValueError(f"sequence {row} is empty")
        if foreign := _FOREIGN.search(text):
            raise ValueError(
                f"sequence {row}: {foreign[0]!r} at position {foreign.start()} is not a nucleotide letter "
                "(A, C, G, T, N or IUPAC)"
            )
    return texts
