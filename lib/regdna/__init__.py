"""Regulatory DNA learned from unlabeled genomes.

Five wings; an arrow ``A -> B`` reads "B imports A", and no arrow runs backwards::

    worlds -> data -> training <- models        report stands above all four

Conventions that hold everywhere inside the package:

* Sequences are ``uint8`` codes, A 0, C 1, G 2, T 3 and N 4 (:data:`ALPHABET`), shape (L,) or (N, L).
  One-hot encoding happens in the first layer of a network.
* Coordinates are 0-based and half-open; a file format keeps its own convention at the border.
* Seeds are arguments; nothing touches a global random state.

Dimension letters in docstrings: B batch, N rows, L positions, A the four bases, S species, K width, C channels.
"""

from importlib.metadata import version

ALPHABET = "ACGTN"

__version__ = version("regdna")
__all__ = ["ALPHABET", "__version__"]
