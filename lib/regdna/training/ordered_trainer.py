"""``transformers.Trainer`` as this project uses it: examples in a given order, nothing printed, no trace left.

What the trainer brings: bfloat16 where the hardware has it, gradient accumulation, checkpoints that resume, and several
processes under ``accelerate launch``. What is changed: it draws nothing itself, since a data set says what comes in
which order; a step takes the same number of examples on any number of devices; and the global random states, which the
trainer seeds, are put back.
"""

import random
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging


class OrderedTrainer(Trainer):
    """A trainer that takes the examples of its data set from first to last.

    Parameters
    ----------
    model : torch.nn.Module
    arguments : transformers.TrainingArguments
        From :func:`training_arguments`.
    dataset : object
        With ``len()`` and ``__getitems__(places)``, which gives a batch: a dict of tensors.
    others
        As ``transformers.Trainer`` takes them.
    """

    def __init__(self, model, arguments, dataset, **others):
        super().__init__(model, arguments, data_collator=_as_it_is, train_dataset=dataset, **others)
        self.remove_callback(PrinterCallback)


def training_arguments(folder, steps, batch_size, learning_rate, seed, accumulation=1, **others):
    """Make the settings of an :class:`OrderedTrainer`.

    AdamW with weight decay 0.01, as DNABERT-2's authors fine-tune; the learning rate rises for a tenth of the steps, at
    most 50, and then falls to zero, both linearly.

    Parameters
    ----------
    folder : path
        For the trainer's checkpoints.
    steps : int
        Gradient steps, at least 1.
    batch_size : int
        Examples of one gradient step, those of all processes together.
    learning_rate : float
        The highest.
    seed : int
        Of dropout.
    accumulation : int
        Parts that a process computes its share of a batch in, one after the other, to save memory.
    others
        As ``transformers.TrainingArguments`` takes them.

    Returns
    -------
    transformers.TrainingArguments

    Raises
    ------
    ValueError
        If the batch cannot be divided into so many parts.
    """
    processes = this_process().num_processes
    parts = accumulation * processes
    if batch_size % parts:
        raise ValueError(
            f"a batch of {batch_size} cannot be divided by {parts} (accumulation {accumulation} times "
            f"{processes} processes); choose a multiple"
        )
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=batch_size // parts,
        gradient_accumulation_steps=accumulation,
        learning_rate=learning_rate,
        weight_decay=0.01,
        lr_scheduler_type="linear",
        warmup_steps=min(50, steps // 10),
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        seed=seed,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        use_cpu=not torch.accelerator.is_available(),
        report_to="none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
        **others,
    )
    # One process takes one GPU; with more the trainer would copy the model to all of them and multiply the batch.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def last_checkpoint(folder, written_last):
    """Find the newest complete checkpoint of a trainer.

    Parameters
    ----------
    folder : path
    written_last : str
        Name of the file without which a checkpoint is that of a process killed while it wrote.

    Returns
    -------
    str or None
    """
    complete = sorted(Path(folder).glob(f"checkpoint-*/{written_last}"), key=lambda path: int(path.parent.name[11:]))
    return str(complete[-1].parent) if complete else None


def this_process():
    """Say which of the processes this is, how many there are, and its device; accelerate.PartialState."""
    return PartialState(cpu=not torch.accelerator.is_available())  # else processes on CPUs would not know each other


@contextmanager
def undisturbed():
    """Keep the global random states of Python, NumPy and PyTorch as they are, and the progress bars of files quiet."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002, kept and not used
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        if bars:
            logging.enable_progress_bar()


def endless_order(number, length, rng):
    """Shuffle ``number`` examples again and again, each once before any comes again; int64 array, shape (length,)."""
    rounds = -(-length // number)
    return np.concatenate([rng.permutation(number) for _ in range(rounds)])[:length]


def padded_batch(ids, mask):
    """Make model inputs of some rows, cut to the longest of them.

    Parameters
    ----------
    ids : int array, shape (B, T)
    mask : bool array, shape (B, T)

    Returns
    -------
    dict of str to tensor
        ``input_ids`` and ``attention_mask``.
    """
    longest = int(mask.sum(1).max())
    return {"input_ids": torch.tensor(ids[:, :longest]), "attention_mask": torch.tensor(mask[:, :longest])}


def _as_it_is(batch):
    return batch
