"""Trained models on disk: weights, and all that is needed to use them, in one file."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regdna import ALPHABET
from regdna.files import atomic

FILE = "model.safetensors"
ABOUT = ("model", "window", "alphabet", "world", "experiment", "regime", "seed", "versions")
PACKAGES = ("regdna", "numpy", "keras", "tensorflow", "torch", "safetensors")


class SavedModel(NamedTuple):
    """A model that can score windows.

    Attributes
    ----------
    about : dict
        Model (its architecture's name), window (bases), alphabet (letters by code), world, experiment, regime, seed,
        and versions (of Python and packages, when it was trained).
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


def save_model(folder, learner, *, model, window, world, experiment, regime, seed):
    """Save a trained learner as ``model.safetensors``, with the facts of :class:`SavedModel` in its header.

    Parameters
    ----------
    folder : path
    learner : object
        With ``weights()``, a dict of str to array.
    model : str
        A name of :data:`regdna.models.cnn.MODELS`.
    window : int
        In bases.
    world, experiment, regime : str
        What it was trained on, and how.
    seed : int

    Returns
    -------
    pathlib.Path
    """
    versions = {"python": sys.version.split()[0], **{package: version(package) for package in PACKAGES}}
    facts = (model, window, ALPHABET, world, experiment, regime, seed, versions)
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
        architecture that is not known here or has other weights.
    """
    from regdna.models.cnn import MODELS  # Keras takes seconds to import
    from regdna.training.learners import as_learner

    path = Path(folder) / FILE
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no saved model; the folder of a run has a {FILE}")
    try:
        with safe_open(path, "numpy") as file:
            header, weights = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: not a readable file of weights ({error})") from error
    if missing := [name for name in ABOUT if name not in header]:
        raise ValueError(f"{path}: weights without {', '.join(missing)}; was it saved by regdna?")
    about = {name: json.loads(header[name]) for name in ABOUT}
    if about["alphabet"] != ALPHABET:
        raise ValueError(f"{path}: codes mean {about['alphabet']} there and {ALPHABET} here")
    if about["model"] not in MODELS:
        raise ValueError(f"{path}: no model named {about['model']!r}; models: {', '.join(MODELS)}")
    learner = as_learner(MODELS[about["model"]].build(seed=about["seed"], length=about["window"]))
    try:
        learner.load_weights(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: its weights are not those of {about['model']} ({error})") from error
    return SavedModel(about, learner)
