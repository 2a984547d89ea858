"""Fine-tuning of classifiers of whole sequences: every weight is trained, with labels."""

import copy
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn import functional
from transformers import get_cosine_schedule_with_warmup

from regdna.data.tasks import Part
from regdna.models.sequence_classifiers import letters_of
from regdna.training.embedding import batches_of_letters
from regdna.training.metrics import class_scores
from regdna.training.ordered_trainer import endless_order, this_process, undisturbed
from regdna.training.probe import hold_back
from regdna.training.regimes import stream


@dataclass(frozen=True)
class FineTuning:
    """How a classifier is trained; AdamW as the public code of FinDNA fine-tunes.

    Attributes
    ----------
    epochs : int
    least_steps : int
        If the epochs have fewer steps than that, as those of small tasks have, there are so many more epochs.
    batch_size : int
        Sequences of a step.
    learning_rate, warm_up, weight_decay, clip : float
        The highest rate, the share of steps that it rises in before it falls on a cosine, and the norm that gradients
        are clipped to.
    """

    epochs: int = 3
    least_steps: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-3
    warm_up: float = 0.1
    weight_decay: float = 0.1
    clip: float = 0.5


class FineTuned(NamedTuple):
    """What came of it.

    Attributes
    ----------
    scores : dict of str to float
        On the test part; see :func:`regdna.training.metrics.class_scores`.
    history : pandas.DataFrame
        By epoch: loss (mean over its steps) and mcc on validation sequences.
    probabilities : float array, shape (N, K)
        Of the test part.
    """

    scores: dict
    history: pd.DataFrame
    probabilities: np.ndarray


def fine_tune(classifier, task, plan, seed=0):
    """Train a classifier on a task, and test it with the weights of the epoch that was best on validation sequences.

    Where the task has no validation part, a fifth of the training part is held back, with each class in it.

    Parameters
    ----------
    classifier : torch.nn.Module
        Letters (T, 5) and lengths (B,) to logits (B, K), as those of :mod:`regdna.models.sequence_classifiers`. It is
        trained in place.
    task : regdna.data.tasks.Task
    plan : FineTuning
    seed : int
        Of order, dropout, and the sequences held back.

    Returns
    -------
    FineTuned
    """
    train, validation = _parts(task, seed)

    def look():
        return {"mcc": class_scores(validation.labels, class_probabilities(classifier, validation.sequences))["mcc"]}

    history = fit_best(classifier, plan, len(train.labels), partial(_gradient, classifier, train), look, seed)
    probabilities = class_probabilities(classifier, task.parts["test"].sequences)
    return FineTuned(class_scores(task.parts["test"].labels, probabilities), history, probabilities)


def fit_best(network, plan, number, gradient, look, seed):
    """Train a network by a plan, and leave it with the weights of its best epoch.

    Parameters
    ----------
    network : torch.nn.Module
        All of its weights are trained, in place.
    plan : FineTuning
    number : int
        Examples.
    gradient : callable
        Given places of examples, an int array, it adds the gradient of their mean loss, and returns that.
    look : callable
        Says how good the network is; dict of str to float, of which the first decides.
    seed : int
        Of order and dropout.

    Returns
    -------
    pandas.DataFrame
        By epoch: epoch, loss (mean over its steps) and what ``look`` said.
    """
    steps = -(-number // plan.batch_size)
    epochs = max(plan.epochs, -(-plan.least_steps // steps))
    order = endless_order(number, epochs * number, stream(seed, "fine-tuning order"))
    network.to(this_process().device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, int(plan.warm_up * steps * epochs), steps * epochs)
    rows, best, kept = [], -np.inf, None
    with undisturbed():
        torch.manual_seed(seed)
        for epoch, shuffled in enumerate(order.reshape(epochs, -1)):
            network.train()
            losses = []
            for batch in np.array_split(shuffled, steps):
                losses.append(gradient(batch))
                torch.nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            said = look()
            rows.append({"epoch": epoch + 1, "loss": float(np.mean(losses))} | said)
            if (score := next(iter(said.values()))) > best:
                best, kept = score, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return pd.DataFrame(rows)


def class_probabilities(classifier, sequences):
    """Classify sequences; returns a float32 array, shape (N, K)."""
    return functional.softmax(torch.from_numpy(class_logits(classifier, sequences)), -1).numpy()


@torch.no_grad()
def class_logits(classifier, sequences):
    """Classify sequences; returns the logits, a float32 array, shape (N, K)."""
    classifier.eval()
    parts, rows = [], []
    for batch in batches_of_letters(sequences.lengths, np.argsort(sequences.lengths, kind="stable")):
        parts.append(_logits(classifier, sequences.take(batch)).float().cpu())
        rows.append(batch)
    said = torch.cat(parts)
    logits = np.empty(said.shape, np.float32)
    logits[np.concatenate(rows)] = said.numpy()
    return logits


def _parts(task, seed):
    train = task.parts["train"]
    if "validation" in task.parts:
        return train, task.parts["validation"]
    return tuple(Part(train.sequences.take(rows), train.labels[rows]) for rows in hold_back(train.labels, seed))


def _gradient(classifier, part, batch):
    """Add up the gradient of a batch's mean loss, in parts that fit into memory; returns the loss."""
    total = 0.0
    for rows in batches_of_letters(part.sequences.lengths, batch):
        logits = _logits(classifier, part.sequences.take(rows))
        labels = torch.from_numpy(part.labels[rows]).to(logits.device)
        loss = functional.cross_entropy(logits.float(), labels, reduction="sum") / len(batch)
        loss.backward()
        total += loss.item()
    return total


def _logits(classifier, sequences):
    device = next(classifier.parameters()).device
    letters = letters_of(torch.from_numpy(sequences.codes)).to(device)
    return classifier(letters, torch.from_numpy(sequences.lengths).to(device))
