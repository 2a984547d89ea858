"""Trained models on disk: weights, and all that is needed to use them, in one file."""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regdna import ALPHABET
from regdna.files import atomic
from regdna.training.architectures import base_fingerprint, check_model, new_model
from regdna.training.learners import as_learner

FILE = "model.safetensors"
ABOUT = ("model", "window", "alphabet", "world", "experiment", "regime", "seed", "base", "versions")
PACKAGES = ("regdna", "numpy", "keras", "tensorflow", "torch", "transformers", "peft", "safetensors")


class SavedModel(NamedTuple):
    """A model that can score windows.

    Attributes
    ----------
    about : dict
        Model (its architecture's name), window (bases), alphabet (letters by code), world, experiment, regime, seed,
        base (None, or what a transformer was fine-tuned from: the path of a folder from this one, or a repository of
        the Hub, and its fingerprint), and versions (of Python and packages, when it was trained).
    learner : object
        Of the kind that :mod:`regdna.training.regimes` trains.
    """

    about: dict
    learner: object

    @property
    def window(self):
        """Window in bases."""
        return self.about["window"]

    def predict(self, codes):
        """Score windows; uint8 codes, shape (N, window), to float32 probabilities, shape (N,)."""
        return self.learner.predict(codes)


def save_model(folder, learner, *, model, window, world, experiment, regime, seed, base=None):
    """Save a trained learner as ``model.safetensors``, with the facts of :class:`SavedModel` in its header.

    Of a transformer only what was trained is saved: with LoRA the adapters and the head, which are small.

    Parameters
    ----------
    folder : path
    learner : object
        With ``weights()``, a dict of str to array.
    model : str
        A name that :func:`regdna.training.architectures.check_model` takes.
    window : int
        In bases.
    world, experiment, regime : str
        What it was trained on, and how.
    seed : int
    base : str, optional
        What a transformer was fine-tuned from, as from :func:`regdna.training.architectures.base_of`.

    Returns
    -------
    pathlib.Path
    """
    if base:
        where = os.path.relpath(base, folder) if Path(base).is_dir() else base
        base = {"from": where, "fingerprint": base_fingerprint(base)}
    versions = {"python": sys.version.split()[0], **{package: version(package) for package in PACKAGES}}
    facts = (model, window, ALPHABET, world, experiment, regime, seed, base, versions)
    about = {name: json.dumps(fact) for name, fact in zip(ABOUT, facts)}  # the header holds text only
    path = Path(folder) / FILE
    with atomic(path) as temporary:
        save_file(learner.weights(), temporary, metadata=about)
    return path


def open_model(folder):
    """Open a saved model.

    Parameters
    ----------
    folder : path
        Holds ``model.safetensors``: the folder of a run, for instance.

    Returns
    -------
    SavedModel

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is damaged, lacks the facts of a saved model, or was saved with another alphabet or for an
        architecture that is not known here or has other weights, or if the weights that it was fine-tuned from are not
        where they were, or are others.
    """
    path = Path(folder) / FILE
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no saved model; the folder of a run has a {FILE}")
    try:
        with safe_open(path, "numpy") as file:
            header, weights = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: not a readable file of weights ({error})") from error
    if missing := [name for name in ABOUT if name not in header]:
        raise ValueError(
            f"{path}: weights without {', '.join(missing)}; they are of another program, or of another version of this "
            "one: train the model again"
        )
    about = {name: json.loads(header[name]) for name in ABOUT}
    if about["alphabet"] != ALPHABET:
        raise ValueError(f"{path}: codes mean {about['alphabet']} there and {ALPHABET} here")
    try:
        check_model(about["model"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    base = about["base"] and _find_base(path, about["base"])
    learner = as_learner(new_model(about["model"], about["seed"], base, about["window"]))
    try:
        learner.load_weights(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: its weights are not those of {about['model']} ({error})") from error
    return SavedModel(about, learner)


def _find_base(path, base):
    """Where the weights lie that a saved model was fine-tuned from."""
    folder = path.parent / base["from"]
    found = str(folder) if folder.is_dir() else base["from"]
    if not folder.is_dir() and base["from"].startswith("."):
        raise ValueError(f"{path} holds what was trained beside the weights in {folder}, which is absent; move both")
    if base_fingerprint(found) != base["fingerprint"]:
        raise ValueError(f"{path} was fine-tuned from other weights than those now in {found}; train it again")
    return found
