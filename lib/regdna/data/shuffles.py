"""Negatives that have the composition of the positives: their own letters, shuffled."""

from dataclasses import replace

import numpy as np
import torch
from tangermeme.ersatz import dinucleotide_shuffle

from regdna.data import dna
from regdna.data.sequences import Sequences
from regdna.data.tasks import Part

SHUFFLED = "shuffled"


def dinucleotide_shuffles(sequences, seed=0):
    """Shuffle each sequence so that it keeps its number of each dinucleotide, and its first and last letter.

    Parameters
    ----------
    sequences : regdna.data.sequences.Sequences
        An N is a letter like others.
    seed : int
        A sequence's shuffle depends on it and on the row.

    Returns
    -------
    regdna.data.sequences.Sequences
        Of the same lengths, by tangermeme's Eulerian walk over the dinucleotides.
    """
    codes = np.empty_like(sequences.codes)
    seeds = np.random.default_rng([seed, *b"shuffles"]).integers(2**31, size=len(sequences))
    for length in np.unique(sequences.lengths):
        rows = np.flatnonzero(sequences.lengths == length)
        place = (sequences.starts[rows][:, None] + np.arange(length)).ravel()
        whole = torch.from_numpy(sequences.codes[place].reshape(len(rows), length)).long()
        letters = torch.nn.functional.one_hot(whole, dna.N_CODE + 1)[..., : dna.N_CODE].transpose(1, 2)
        shuffled = dinucleotide_shuffle(letters, n=1, random_state=seeds[rows].tolist(), allow_N=True)[:, 0]
        known = shuffled.bool().any(1)
        codes[place] = torch.where(known, shuffled.to(torch.uint8).argmax(1), dna.N_CODE).numpy().ravel()
    return Sequences(codes, sequences.lengths)


def against_shuffles(task, seed=0):
    """Put the positives of a task against their own dinucleotide shuffles, as GeneBERT's TFBS tasks are made.

    Composition then tells nothing, and what is left to find is order over more than two letters: motifs.

    Parameters
    ----------
    task : regdna.data.tasks.Task
        Of two classes; the second is kept.
    seed : int

    Returns
    -------
    regdna.data.tasks.Task
        ``NAME:shuffled``; positives and shuffles take turns.

    Raises
    ------
    ValueError
        If the task has another number of classes.
    """
    if len(task.classes) != 2:
        raise ValueError(f"task {task.name} has {len(task.classes)} classes; shuffles stand against one of two")
    parts = {}
    for split, part in task.parts.items():
        positives = part.sequences.take(np.flatnonzero(part.labels == 1))
        codes = np.concatenate([positives.codes, dinucleotide_shuffles(positives, seed).codes])
        both = Sequences(codes, np.tile(positives.lengths, 2))
        in_turn = np.arange(len(both)).reshape(2, -1).T.ravel()
        parts[split] = Part(both.take(in_turn), np.tile(np.array([1, 0], np.int64), len(positives)))
    note = (
        f"Negatives are dinucleotide shuffles of the positives, in place of {task.classes[0]!r}; other notes are about "
        "the task as it was before."
    )
    return replace(
        task,
        name=f"{task.name}:{SHUFFLED}",
        title=f"{task.title}; {task.classes[1]} or shuffled",
        classes=(SHUFFLED, task.classes[1]),
        parts=parts,
        notes=(note, *task.notes),
    )
