"""Low-rank adapters (LoRA: Hu et al. 2022, arXiv 2106.09685) for a classifier, by peft.

The published weights stay as they are; beside each target matrix a product of two thin ones is trained. DNABERT-2 keeps
queries, keys and values in one matrix, ``Wqkv``, so its adapter shares the first thin matrix between the three. The
names ``query`` and ``value``, which one finds in the authors' script, match nothing here.
"""

import warnings
from typing import NamedTuple

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn

from regdna.models.dnabert2 import DNABERT2ForSequenceClassification


class Adapted(NamedTuple):
    """A model with adapters.

    Attributes
    ----------
    model : peft.PeftModel
        ``save_pretrained(folder)`` writes the adapters and the heads that are trained, and nothing else;
        ``merge_and_unload()`` adds the adapters to the weights and gives back a plain model.
    trainable, total : int
        Numbers of parameters.
    """

    model: PeftModel
    trainable: int
    total: int


def add_lora(model, rank=8, alpha=16, dropout=0.05, targets=("Wqkv",), seed=0):
    """Freeze a classifier but for its head, and put adapters beside the target matrices.

    The pooler is trained whole, too, if the model has one, because the published checkpoint holds none.

    Parameters
    ----------
    model : regdna.models.dnabert2.DNABERT2ForSequenceClassification
        It is changed.
    rank : int
        Width of the thin matrices; at the published size 36,864 parameters for each.
    alpha : int
        The adapters are scaled by ``alpha / rank``.
    dropout : float
        On what enters an adapter.
    targets : sequence of str
        Names of linear layers of the encoder, or the ends of their names: ``Wqkv``, ``dense``, ``gated_layers``,
        ``wo``, ``3.mlp.wo``.
    seed : int
        Of the adapters' first weights. The global random state stays as it was.

    Returns
    -------
    Adapted

    Raises
    ------
    ValueError
        If a target matches no linear layer; those that there are are listed.
    """
    _check_targets(model, targets)
    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=list(targets),
        exclude_modules=r".*\bpooler\b.*",  # trained whole
        modules_to_save=["classifier", "pooler"] if model.bert.pooler is not None else ["classifier"],
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for things by their former names
        torch.manual_seed(seed)
        adapted = get_peft_model(model, settings)
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in adapted.parameters()]
    total = sum(size for size, _ in sizes) - sum(_replaced(adapted))
    return Adapted(adapted, sum(size for size, trained in sizes if trained), total)


def _replaced(adapted):
    """Sizes of the heads as they were, of which peft keeps a copy."""
    return (parameter.numel() for name, parameter in adapted.named_parameters() if ".original_module." in name)


def _check_targets(model, targets):
    if not isinstance(model, DNABERT2ForSequenceClassification):
        raise ValueError(f"{type(model).__name__} gets no adapters; give a DNABERT2ForSequenceClassification")
    names = [name for name, module in model.bert.encoder.named_modules() if isinstance(module, nn.Linear)]
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in names):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in names}))
            raise ValueError(f"LoRA target {target!r} matches no linear layer of the encoder; there are {known}")
    if not targets:
        raise ValueError("no LoRA targets; give at least one, such as 'Wqkv'")
