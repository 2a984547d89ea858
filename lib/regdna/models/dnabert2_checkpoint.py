"""Pretrained weights of DNABERT-2 by an explicit map of their names, from a folder or from the Hugging Face Hub.

What a folder holds: ``config.json``, ``tokenizer.json``, and ``model.safetensors`` or ``pytorch_model.bin``. Nothing in
it is ever run: of a ``.bin`` file only tensors are read. The published model is ``zhihan1996/DNABERT-2-117M``; its 142
tensors are the embeddings, 12 layers and the head of masked language modelling. It holds no pooler and no classifier.
"""

import json
import logging
from pathlib import Path
from typing import NamedTuple

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file

from regdna.messages import some
from regdna.models.dnabert2 import DNABERT2Config, DNABERT2ForSequenceClassification

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TABLE = "bert.embeddings.word_embeddings.weight"
DECODER = "cls.predictions.decoder.weight"  # the same tensor as the table; a safetensors file holds it once
POOLER = ("bert.pooler.dense.weight", "bert.pooler.dense.bias")
NEW = (*POOLER, "pooler.dense.weight", "pooler.dense.bias", "classifier.weight", "classifier.bias")  # may be random

logger = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """What was read.

    Attributes
    ----------
    config : regdna.models.dnabert2.DNABERT2Config
    weights : dict of str to tensor
    folder : pathlib.Path
    """

    config: DNABERT2Config
    weights: dict
    folder: Path


def load_published(source, kind=DNABERT2ForSequenceClassification, seed=0, pooling="mean"):
    """Build a model on pretrained weights.

    Parameters
    ----------
    source : path or str
        As :func:`published_folder` takes it.
    kind : type
        One of the model classes of :mod:`regdna.models.dnabert2`.
    seed : int
        Of the weights that no pretrained model has: the classifier's, and with ``pooling="pooler"`` the pooler's unless
        the checkpoint holds one. They are named in the log. The global random state stays as it was.
    pooling : str
        See :class:`regdna.models.dnabert2.DNABERT2Config`.

    Returns
    -------
    model of class ``kind``
        In evaluation mode.

    Raises
    ------
    ValueError, FileNotFoundError
        As :func:`read_checkpoint` does.
    """
    config, weights, folder = read_checkpoint(source)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(DNABERT2Config.from_dict(config.to_dict() | {"pooling": pooling}))
    if not hasattr(model, kind.base_model_prefix):  # the encoder by itself
        weights = {name.removeprefix(f"{kind.base_model_prefix}."): weights[name] for name in weights}
    own = model.state_dict().keys()
    model.load_state_dict({name: weights[name] for name in weights if name in own}, strict=False)
    new = sorted(own - weights.keys() - {DECODER})
    if any(name not in NEW for name in new):
        raise ValueError(f"{kind.__name__} has parameters that no DNABERT-2 has: {some(new)}")
    if new:
        logger.info("%s of %s at random (seed %d): not in %s", ", ".join(new), kind.__name__, seed, folder)
    return model.eval()


def read_checkpoint(source):
    """Read configuration and weights, and check name and shape of every tensor.

    Parameters
    ----------
    source : path or str
        As :func:`published_folder` takes it.

    Returns
    -------
    Checkpoint

    Raises
    ------
    FileNotFoundError
        If a file is absent, or the source is neither a folder nor to be had from the Hub.
    ValueError
        If the weights are damaged, or of another architecture, or of other sizes than the configuration says. The
        tensors that are missing, unexpected or of another shape are named.
    """
    folder = published_folder(source)
    if not (folder / "config.json").exists():
        raise FileNotFoundError(f"{folder} holds no config.json")
    text = json.loads((folder / "config.json").read_text())
    kind = text.pop("model_type", DNABERT2Config.model_type)
    if kind not in ("bert", DNABERT2Config.model_type):  # the published one called itself "bert" in its first months
        raise ValueError(f"{folder / 'config.json'}: a model of type {kind!r}, not DNABERT-2")
    config = DNABERT2Config.from_dict(text)
    path = next((folder / name for name in WEIGHTS if (folder / name).exists()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} holds no weights; expected {' or '.join(WEIGHTS)}")
    weights = _tensors(path)
    _check(path, weights, published_shapes(config))
    return Checkpoint(config, weights, folder)


def published_shapes(config):
    """Name and shape of every tensor of a pretrained model: the key map.

    Parameters
    ----------
    config : regdna.models.dnabert2.DNABERT2Config

    Returns
    -------
    dict of str to tuple of int
    """
    hidden, inner, vocabulary = config.hidden_size, config.intermediate_size, config.vocab_size
    shapes = {TABLE: (vocabulary, hidden)}
    shapes["bert.embeddings.token_type_embeddings.weight"] = (config.type_vocab_size, hidden)
    shapes |= _pair("bert.embeddings.LayerNorm", hidden)
    for number in range(config.num_hidden_layers):
        layer = f"bert.encoder.layer.{number}."
        shapes |= _pair(layer + "attention.self.Wqkv", 3 * hidden, hidden)
        shapes |= _pair(layer + "attention.output.dense", hidden, hidden)
        shapes |= _pair(layer + "attention.output.LayerNorm", hidden)
        shapes[layer + "mlp.gated_layers.weight"] = (2 * inner, hidden)
        shapes |= _pair(layer + "mlp.wo", hidden, inner)
        shapes |= _pair(layer + "mlp.layernorm", hidden)
    shapes |= _pair("cls.predictions.transform.dense", hidden, hidden)
    shapes |= _pair("cls.predictions.transform.LayerNorm", hidden)
    return shapes | _pair("cls.predictions.decoder", vocabulary, hidden)


def published_folder(source):
    """Find the files of a pretrained model, downloading them if need be.

    Parameters
    ----------
    source : path or str
        A folder; or the name of a model on the Hugging Face Hub, ``owner/name`` or ``owner/name@revision``, whose files
        are downloaded once into the Hub's own cache.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is neither, or the Hub cannot be reached.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    name, _, revision = str(source).partition("@")
    try:
        for weights in WEIGHTS:  # the second only where there is no first
            files = ["config.json", "tokenizer.json", weights]
            folder = Path(snapshot_download(name, revision=revision or None, allow_patterns=files))
            if (folder / weights).exists():
                break
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{source} is no folder, and the Hugging Face Hub gives no model of this name ({error}); "
            "where there is no network, give a folder with config.json, tokenizer.json and the weights"
        ) from error
    return folder


def _pair(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _tensors(path):
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(f"{path}: truncated or damaged ({error}); download it again") from error


def _check(path, weights, shapes):
    allowed = shapes | {name: shapes[TABLE][1:] * (2 if name.endswith("weight") else 1) for name in POOLER}
    problems = {
        "missing": [name for name in shapes if name not in weights and name != DECODER],
        "unexpected": [name for name in weights if name not in allowed],
        "of another shape": [
            f"{name} {tuple(weights[name].shape)} instead of {shape}"
            for name, shape in allowed.items()
            if name in weights and tuple(weights[name].shape) != shape
        ],
    }
    found = [f"{what}: {some(names)}" for what, names in problems.items() if names]
    if found:
        raise ValueError(f"{path} is no pretrained DNABERT-2 of the sizes in its config.json; {'; '.join(found)}")
    if DECODER in weights and not torch.equal(weights[DECODER], weights[TABLE]):
        raise ValueError(f"{path}: {DECODER} differs from {TABLE}; in DNABERT-2 they are one tensor")
