"""Real splice sites: those of GUE, which are sequences to be classified, in contexts of several widths.

A sequence of 400 bases is a donor, an acceptor or neither; its middle is the site. Of a smaller context its middle part
is read. So the top k are sequences here, of which about a fifth are of each kind: much easier than to find a site among
all positions of a gene, and not to be compared with that.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from regdna import __version__
from regdna.data.benchmarks import open_task
from regdna.data.sequences import Sequences
from regdna.data.tasks import Part
from regdna.models.genebert import GeneBERT
from regdna.models.sequence_classifiers import ConvolutionalClassifier, GeneBERTClassifier
from regdna.training.evaluation import CNN_PLAN, TUNE_PLANS, kept, made_from, network_of
from regdna.training.finetune import fine_tune
from regdna.training.metrics import site_scores
from regdna.training.ordered_trainer import undisturbed
from regdna.training.splicing import SCORES

TASK = "splice/reconstructed"
COLUMNS = ("method", "context", "seed", "train", "test", *SCORES, "mcc", "seconds")


def crop(task, context):
    """Cut a task's sequences, all of one length, to their middle.

    Parameters
    ----------
    task : regdna.data.tasks.Task
    context : int
        Bases.

    Returns
    -------
    regdna.data.tasks.Task

    Raises
    ------
    ValueError
        If a sequence has another length than the first, or is shorter than the context.
    """
    parts = {}
    for split, (sequences, labels) in task.parts.items():
        length = int(sequences.lengths[0])
        if (sequences.lengths != length).any() or length < context:
            raise ValueError(
                f"task {task.name}, {split}: sequences of {sequences.lengths.min()} to {sequences.lengths.max()} bases "
                f"cannot be cut to {context}"
            )
        begin = (length - context) // 2
        parts[split] = Part(Sequences.of_rows(sequences.codes.reshape(-1, length)[:, begin : begin + context]), labels)
    return replace(task, parts=parts)


def published_sites(world, results, methods, contexts, seed):
    """Fine-tune networks on GUE's splice sites, or read the scores that are there and were made from the same.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        On which the networks were pretrained.
    results : path
        Folder of its results; scores are kept in its ``splicing``.
    methods : sequence of str
        ``cnn``, ``tune-NETWORK`` and ``tune-NETWORK-untrained``, of a GeneBERT.
    contexts : sequence of int
    seed : int

    Returns
    -------
    table : pandas.DataFrame
        Of :data:`COLUMNS`.
    notes : tuple of str
        Of the task, to be shown beside the table.

    Raises
    ------
    FileNotFoundError
        If the files of GUE are absent; the message says where to get them. Or a network is.
    ValueError
        If there is no such method, or the sequences are shorter than a context.
    """
    task, results, rows = open_task(TASK), Path(results), []
    for method in methods:
        kind, folder = network_of(world, results, method, seed)
        if kind not in ("cnn", "tune-genebert"):
            raise ValueError(f"{method}: methods are cnn, tune-GENEBERT and tune-GENEBERT-untrained")
        for context in contexts:
            path = results / "splicing" / f"published-{method}-{context}-{seed}.json"
            given = (__version__, torch.__version__, CNN_PLAN, TUNE_PLANS, COLUMNS, method, context, seed)
            digest = hashlib.sha256(repr((*given, made_from(folder))).encode())
            for _, part in sorted(task.parts.items()):
                digest.update(part.sequences.codes.tobytes() + part.labels.tobytes())

            def make(method=method, folder=folder, context=context):
                return _row(crop(task, context), method, folder, context, seed)

            rows.append(kept(path, digest.hexdigest(), make))
    return pd.DataFrame(rows, columns=COLUMNS), task.notes


def _row(task, method, folder, context, seed):
    with undisturbed():
        torch.manual_seed(seed)  # of the weights that are new
        classes = len(task.classes)
        if folder is None:
            classifier, plan = ConvolutionalClassifier(classes), CNN_PLAN
        else:
            classifier, plan = GeneBERTClassifier(GeneBERT.from_pretrained(folder), classes), TUNE_PLANS["genebert"]
    tuned = fine_tune(classifier, task, plan, seed)
    kinds = {kind: task.classes.index(kind) for kind in ("donor", "acceptor")}
    return {
        "method": method,
        "context": context,
        "seed": seed,
        "train": len(task.parts["train"].labels),
        "test": len(task.parts["test"].labels),
        **site_scores(task.parts["test"].labels, tuned.probabilities, kinds),
        "mcc": tuned.scores["mcc"],
    }
