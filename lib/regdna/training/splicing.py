"""Splice sites named position by position, in contexts of several widths; one file of scores for each run.

Trained is on blocks of training genes that hold a site, as many as a plan says: most positions of these are no site,
and enough of them look like one. Tested is on every position of test genes.

Methods: ``cnn``, SpliceAI's network, trained on the task alone; ``tune-NETWORK``, a pretrained GeneBERT, and
``tune-NETWORK-untrained``, the same before its first step (see :mod:`regdna.training.evaluation`).
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from regdna import __version__
from regdna.data.splice_windows import BEYOND, KINDS, splice_blocks
from regdna.models.genebert import GeneBERT
from regdna.models.splice_labeler import ConvolutionalSpliceLabeler, KmerSpliceLabeler
from regdna.training.evaluation import kept, made_from, network_of
from regdna.training.finetune import FineTuning, fit_best
from regdna.training.metrics import site_scores
from regdna.training.ordered_trainer import undisturbed
from regdna.training.regimes import stream

SCORES = tuple(f"{kind}{name}" for name in ("top_k", "aupr") for kind in ("donor_", "acceptor_", ""))
COLUMNS = ("method", "context", "seed", "blocks", "positions", "donors", "acceptors", *SCORES, "seconds")
LETTERS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Splicing:
    """How networks are trained and tested.

    Attributes
    ----------
    width : int
        Positions of a block.
    blocks : int
        Training blocks, at most.
    validation_genes, test_genes : int
        At most so many, drawn anew for no method, context or seed.
    tuning : regdna.training.finetune.FineTuning
    """

    width: int = 1000
    blocks: int = 400
    validation_genes: int = 10
    test_genes: int = 50
    tuning: FineTuning = field(
        default_factory=lambda: FineTuning(epochs=2, batch_size=4, learning_rate=3e-3, weight_decay=0.01, clip=1.0)
    )


class SpliceEvaluation:
    """Methods on the genes of a world, with scores kept in ``splicing`` of a results folder.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        With gene models.
    results : path
        Folder of the world's results; pretrained networks lie in its ``pretrained``.
    plan : Splicing

    Attributes
    ----------
    parts : dict of str to regdna.data.splice_windows.SpliceBlocks
        What is drawn of ``train``, ``validation`` and ``test``.
    """

    def __init__(self, world, results, plan):
        self.world, self.results, self.plan = world, Path(results), plan
        every = splice_blocks(world, plan.width)
        train = every["train"].take((every["train"].labels > 0).any(1))
        rows = stream(0, "training blocks").permutation(len(train))[: plan.blocks]
        self.parts = {"train": train.take(np.sort(rows))}
        for split, most in (("validation", plan.validation_genes), ("test", plan.test_genes)):
            self.parts[split] = every[split].some_genes(most, stream(0, f"{split} genes"))

    def run(self, method, context, seed=0):
        """Score a method, or read the scores that are there and were made from the same.

        Parameters
        ----------
        method : str
        context : int
            Bases that a position is judged by beside its own, half of them on either side.
        seed : int
            Of new weights and of the order; and of the pretraining.

        Returns
        -------
        dict
            Of :data:`COLUMNS`; scores are those of :func:`regdna.training.metrics.site_scores` on test genes.

        Raises
        ------
        ValueError
            If there is no such method, or the context is too small for it.
        FileNotFoundError
            If it needs a network that is not pretrained yet.
        """
        kind, folder = network_of(self.world, self.results, method, seed)
        if kind not in ("cnn", "tune-genebert"):
            raise ValueError(f"{method} names no positions; methods: cnn, tune-GENEBERT, tune-GENEBERT-untrained")
        path = self.results / "splicing" / f"{method}-{context}-{seed}.json"
        known = [
            __version__,
            torch.__version__,
            self.world.ready.read_text(),
            self.plan,
            COLUMNS,
            method,
            context,
            seed,
        ]
        fingerprint = hashlib.sha256(repr([*known, made_from(folder)]).encode()).hexdigest()
        return kept(path, fingerprint, lambda: self._row(method, folder, context, seed))

    def _row(self, method, folder, context, seed):
        network = label_sites(self.parts, folder, context, self.plan.tuning, seed)
        labels, probabilities = site_probabilities(network, self.parts["test"])
        numbers = {f"{kind}s": int((labels == label).sum()) for kind, label in KINDS.items()}
        return {
            "method": method,
            "context": context,
            "seed": seed,
            "blocks": len(self.parts["train"]),
            "positions": len(labels),
            **numbers,
            **site_scores(labels, probabilities, KINDS),
        }

    def table(self, methods, contexts, seeds):
        """Run methods in contexts with seeds; pandas.DataFrame of :data:`COLUMNS`."""
        rows = [self.run(method, context, seed) for method in methods for context in contexts for seed in seeds]
        return pd.DataFrame(rows, columns=COLUMNS)


def label_sites(parts, folder, context, plan, seed):
    """Train a network to name positions, and keep the epoch of the best mean PR-AUC on validation genes.

    Parameters
    ----------
    parts : dict of str to regdna.data.splice_windows.SpliceBlocks
        ``train`` and ``validation``.
    folder : path or None
        Weights of a GeneBERT; None for SpliceAI's network.
    context : int
    plan : regdna.training.finetune.FineTuning
    seed : int

    Returns
    -------
    torch.nn.Module
    """
    with undisturbed():
        torch.manual_seed(seed)  # of the weights that are new
        if folder is None:
            network = ConvolutionalSpliceLabeler(context)
        else:
            network = KmerSpliceLabeler(GeneBERT.from_pretrained(folder), context)
    train = parts["train"]

    def gradient(batch):
        total, known = 0.0, int((train.labels[batch] != BEYOND).sum())
        for rows in _groups(train, context, batch):
            logits = _logits(network, train, rows).transpose(1, 2)  # (B, 3, W)
            labels = torch.from_numpy(train.labels[rows]).long().to(logits.device)
            loss = functional.cross_entropy(logits, labels, ignore_index=BEYOND, reduction="sum") / known
            loss.backward()
            total += loss.item()
        return total

    def look():
        labels, probabilities = site_probabilities(network, parts["validation"])
        return {"aupr": site_scores(labels, probabilities, KINDS)["aupr"]}

    fit_best(network, plan, len(train), gradient, look, seed)
    return network


@torch.no_grad()
def site_probabilities(network, blocks):
    """Name every position of some genes.

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`label_sites`.
    blocks : regdna.data.splice_windows.SpliceBlocks

    Returns
    -------
    labels : int8 array, shape (N,)
        0 neither, 1 acceptor, 2 donor; positions behind the end of a gene are left out.
    probabilities : float32 array, shape (N, 3)
    """
    network.eval()
    parts = []
    for rows in _groups(blocks, network.context, np.arange(len(blocks))):
        probabilities = functional.softmax(_logits(network, blocks, rows).float(), -1).cpu().numpy()
        parts.append(probabilities[blocks.labels[rows] != BEYOND])
    return blocks.labels[blocks.labels != BEYOND], np.concatenate(parts)


def _groups(blocks, context, rows):
    """Cut rows into parts that fit into memory."""
    at_once = max(LETTERS_AT_ONCE // (blocks.labels.shape[1] + context), 1)
    return [rows[begin : begin + at_once] for begin in range(0, len(rows), at_once)]


def _logits(network, blocks, rows):
    codes = torch.from_numpy(blocks.codes(network.context, rows))
    return network(codes.to(next(network.parameters()).device))
