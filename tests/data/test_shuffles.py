from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regdna.data.sequences import Sequences
from regdna.data.shuffles import against_shuffles, dinucleotide_shuffles
from regdna.data.tasks import Part, Task


def pairs(string):
    return Counter(pairwise(string))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ACGTN", min_size=1, max_size=60), min_size=1, max_size=6), st.integers(0, 5))
def test_every_dinucleotide_is_kept_and_the_ends(strings, seed):
    shuffled = dinucleotide_shuffles(Sequences.of(strings), seed).strings()
    assert [pairs(string) for string in shuffled] == [pairs(string) for string in strings]
    assert [(s[0], s[-1], len(s)) for s in shuffled] == [(s[0], s[-1], len(s)) for s in strings]


def test_are_shuffled_by_seed_and_row():
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 80))
    first, second = dinucleotide_shuffles(Sequences.of([letters] * 2)).strings()
    assert len({letters, first, second}) == 3
    assert dinucleotide_shuffles(Sequences.of([letters] * 2)).strings() == [first, second]
    assert first not in dinucleotide_shuffles(Sequences.of([letters] * 2), 1).strings()


def task(classes=("unbound", "bound")):
    parts = {}
    for split, seed in (("train", 0), ("test", 1)):
        rng = np.random.default_rng(seed)
        strings = ["".join(rng.choice(list("ACGT"), length)) for length in (30, 40, 50, 60)]
        parts[split] = Part(Sequences.of(strings), np.array([0, 1, 1, len(classes) - 1]))
    return Task("tf/9", "gue", "T", classes, "mcc", parts, ("As published.",))


def test_a_task_against_shuffles_of_its_positives():
    before, after = task(), against_shuffles(task(), 3)
    assert after.name == "tf/9:shuffled" and after.classes == ("shuffled", "bound") and "unbound" in after.notes[0]
    for split, part in after.parts.items():
        assert part.labels.tolist() == [1, 0] * 3
        strings = part.sequences.strings()
        assert strings[::2] == before.parts[split].sequences.strings()[1:]
        assert [pairs(string) for string in strings[::2]] == [pairs(string) for string in strings[1::2]]


def test_three_classes():
    with pytest.raises(ValueError, match="tf/9 has 3 classes"):
        against_shuffles(task(("a", "b", "c")))
