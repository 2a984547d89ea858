"""The models that the regimes train, by name: the CNNs, and transformers that start from pretrained weights."""

import json
from pathlib import Path
from typing import NamedTuple

MINI = "dnabert2-mini"


class Transformer(NamedTuple):
    """How a transformer is fine-tuned.

    Attributes
    ----------
    base : str
        What it starts from: ``dnabert2-mini``, which :func:`regdna.training.masked_lm.pretrain` makes for each world,
        or a repository of the Hugging Face Hub.
    rank : int or None
        Of LoRA; None trains every weight.
    rate_scale : float
        Factor on the regimes' learning rate; see :func:`regdna.training.torch_learner.dnabert2_learner`.
    window : int
        In bases.
    """

    base: str
    rank: int | None
    rate_scale: float
    window: int = 200


PUBLISHED = "zhihan1996/DNABERT-2-117M"
# The rates of the mini were chosen on validation bins of the simulated world; a full one of 0.003 makes it collapse.
TRANSFORMERS = {
    MINI: Transformer(MINI, 8, 1.0),
    "dnabert2-mini-full": Transformer(MINI, None, 1 / 3),
    "dnabert2": Transformer(PUBLISHED, 8, 1 / 3),
    "dnabert2-full": Transformer(PUBLISHED, None, 0.01),
}


def check_model(name):
    """Raise a ValueError that lists the models if there is none of this name."""
    if name not in TRANSFORMERS and name not in _networks():
        raise ValueError(f"no model named {name!r}; models: {', '.join([*_networks(), *TRANSFORMERS])}")


def window_of(name):
    """Window in bases that a model looks at."""
    return TRANSFORMERS[name].window if name in TRANSFORMERS else _networks()[name].window


def base_of(name, results):
    """Find what a model starts from.

    Parameters
    ----------
    name : str
    results : path
        Folder of a world's results; its ``pretrained/dnabert2-mini`` is what the mini starts from.

    Returns
    -------
    str or None
        Folder or name of a repository; None for a CNN, which starts from random weights.

    Raises
    ------
    FileNotFoundError
        If a folder of pretrained weights is absent.
    """
    if name not in TRANSFORMERS:
        return None
    base = TRANSFORMERS[name].base
    if base != MINI:
        return base
    folder = Path(results) / "pretrained" / base
    if not (folder / "pretraining.json").exists():
        raise FileNotFoundError(f"{folder} holds no pretrained weights; run: regdna pretrain WORLD")
    return str(folder)


def base_fingerprint(base):
    """Say by what to recognize pretrained weights; str, the name itself for those of the Hub, None for none."""
    path = base and Path(base) / "pretraining.json"
    return json.loads(path.read_text())["fingerprint"] if path and path.exists() else base


def new_model(name, seed, base=None, length=None, checkpoints=None):
    """Make a model that is yet to be trained.

    Parameters
    ----------
    name : str
    seed : int
    base : str, optional
        From :func:`base_of`; a transformer needs it.
    length : int, optional
        Window of a CNN in bases, if not its usual one.
    checkpoints : path, optional
        Folder in which a transformer's fits are kept while they last, so that killed ones go on.

    Returns
    -------
    keras.Model or regdna.training.torch_learner.TorchLearner
    """
    if name in TRANSFORMERS:
        from regdna.training.torch_learner import dnabert2_learner  # PyTorch and transformers take seconds to import

        kind = TRANSFORMERS[name]
        return dnabert2_learner(base, seed, kind.rank, rate_scale=kind.rate_scale, checkpoints=checkpoints)
    architecture = _networks()[name]
    return architecture.build(seed=seed, length=length or architecture.window)


def _networks():
    from regdna.models.cnn import MODELS  # Keras takes seconds to import; what reads results does without

    return MODELS
