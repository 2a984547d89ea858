"""The GeneBERTs of the book by name: how each is pretrained.

``genebert`` is the paper's, for GPUs. ``genebert-mini`` is a laptop's, in minutes on one core. A variant of either is
its name and changes: ``genebert-mini-seq`` (sequence alone), ``genebert-mini-swin-cls``, ``genebert-mini-batch16``.
"""

import re
from dataclasses import replace

from regdna.models.genebert import MATCHINGS, GeneBERTConfig
from regdna.training.multimodal import Multimodal

MINI = "genebert-mini"
SWIN = "microsoft/swin-tiny-patch4-window7-224"  # Swin-T with weights from ImageNet

_MINI_NETWORK = {
    "k": 4,
    "crop": 40,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 384,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "region_encoder": "mlp",
    "region_image": "native",
    "projection": 32,
    "pooling": "mean",
}
_LOSSES = {"mgm": "use_mgm", "ngsp": "use_ngsp", "srm": "use_srm"}
_BLOCK = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
_SMALL = {
    "swin": {"embed_dim": 24},
    "vit": _BLOCK,
    "deit": _BLOCK,
    "cvt": {"embed_dim": [16, 32, 64], "depth": [1, 2, 3], "num_heads": [1, 2, 4]},
    "mlp": {},
}
# Squares of 32 or 64 pixels are too small for the published patches and windows.
_RESIZED = {
    "swin": {"depths": [2, 2], "num_heads": [3, 6], "window_size": 4},
    "vit": {"patch_size": 8},
    "deit": {"patch_size": 8},
}


def genebert_plan(name, steps=None):
    """Look a pretraining up.

    Parameters
    ----------
    name : str
        ``genebert`` or ``genebert-mini``, and any of these changes, each after a dash: ``seq``, the sequence alone,
        without matching; ``mgm``, ``ngsp`` or ``srm``, this loss alone, or those that are named; ``cls`` or ``mean``,
        what stands for the sequence; ``swin``, ``vit``, ``deit``, ``cvt`` or ``mlp``, the region encoder, of random
        weights; ``image384``, the side of the square that the matrix is resized to; ``global`` or ``literal``, other
        ways to match; ``dnabert`` or ``single``, other ways to mask; ``batch128``; ``weight0.1``, of matching;
        ``types4``, the first four cell types only.
    steps : int, optional
        Gradient steps, if not the usual number.

    Returns
    -------
    regdna.training.multimodal.Multimodal

    Raises
    ------
    ValueError
        If there is no such name; the message lists them.
    """
    mini = name == MINI or name.startswith(f"{MINI}-")
    base = MINI if mini else "genebert"
    changes = name[len(base) :].split("-")[1:]
    network, settings = (dict(_MINI_NETWORK), _mini(steps)) if mini else ({}, {"region_weights": SWIN})
    settings |= {"steps": steps} if steps else {}
    losses = {_LOSSES[each] for each in changes if each in _LOSSES}
    if losses:
        settings |= {each: each in losses for each in _LOSSES.values()}
    # An image's size may change what its encoder is made of, so encoders go first.
    known = [each in _LOSSES or _apply(each, network, settings, mini) for each in sorted(changes, key=_is_image)]
    if name != "-".join([base, *changes]) or not all(known):
        raise ValueError(
            f"no network named {name!r}; networks: genebert and {MINI}, and either with -seq, -mgm, -ngsp, -srm, -cls, "
            "-mean, -swin, -vit, -deit, -cvt, -mlp, -image64, -global, -literal, -dnabert, -single, -batch16, "
            "-weight0.1 or -types4 (any numbers)"
        )
    return replace(Multimodal(), network=GeneBERTConfig(**network), **settings)


def _mini(steps):
    # A simulated world has some thousand regions, which are soon known by heart. Runs that overlap and strands that
    # change are more examples of them; and a matrix of what is read can be told from what is read.
    few = {"stride": 1, "any_strand": True, "scanned": "crop"}
    return few | {
        "steps": steps or 500,
        "batch_size": 48,
        "learning_rate": 2e-3,
        "warm_up": 0.1,
        "check_every": 50,
    }


def _apply(change, network, settings, mini):
    """Change a plan in place; returns whether there is such a change."""
    if change == "seq":
        settings["use_srm"] = False
    elif change in ("cls", "mean"):
        network["pooling"] = change
    elif change in _SMALL:
        network |= {"region_encoder": change, "region_sizes": _SMALL[change] if mini else {}}
        settings["region_weights"] = None
    elif change in MATCHINGS:
        network["matching"] = change
    elif change in ("dnabert", "single"):
        settings["masking"] = change
    else:
        return _apply_number(change, network, settings, mini)
    return True


def _apply_number(change, network, settings, mini):
    found = re.fullmatch(r"(image|batch|types)(\d{1,6})|(weight)(\d{1,3}(?:\.\d+)?)", change)
    if not found:
        return False
    name, number = (part for part in found.groups() if part)
    if name == "image":
        encoder = network.get("region_encoder", "swin")
        network |= {"region_image": "resize", "image_size": int(number)}
        network["region_sizes"] = _SMALL.get(encoder, {}) | _RESIZED.get(encoder, {}) if mini else {}
    elif name == "weight":
        settings["matching_weight"] = float(number)
    else:
        settings[{"batch": "batch_size", "types": "trained_types"}[name]] = int(number)
    return True


def _is_image(change):
    return change.startswith("image")
