"""How well a method tells the classes of many tasks apart; one file of scores for each method, seed and task.

Methods
-------
``kmers``
    Linear probe of 4-mer frequencies: what needs no network at all.
``motifs``
    Linear probe of the best score of each vertebrate matrix of JASPAR 2018: what GeneBERT's region encoder is shown.
``cnn``
    A convolutional network trained on the task alone.
``probe-NETWORK``
    Linear probe of a frozen network that was pretrained with the seed: the student of one of
    :mod:`regdna.training.findna_plans`, one of :mod:`regdna.training.genebert_plans`, or ``dnabert2-mini``. With
    ``-teacher`` behind it a FinDNA's teacher, with ``-untrained`` the same network before its first step.
``tune-NETWORK``
    Fine-tuning of the same, with all weights.
"""

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from regdna import __version__
from regdna.data.benchmarks import fetch_task, open_task
from regdna.data.kmers import kmer_frequencies
from regdna.data.region_motifs import MotifScanner, best_scores
from regdna.data.world_tasks import open_world_task, world_task_names
from regdna.files import alone, write_text
from regdna.models.findna import FinDNA
from regdna.models.genebert import GeneBERT
from regdna.models.sequence_classifiers import ConvolutionalClassifier, FinDNAClassifier, GeneBERTClassifier
from regdna.training.architectures import MINI as DNABERT2_MINI
from regdna.training.embedding import embed, embed_kmers, embed_tokens
from regdna.training.finetune import FineTuning, fine_tune
from regdna.training.ordered_trainer import undisturbed
from regdna.training.pretrained import read_pretrained
from regdna.training.probe import linear_probe
from regdna.worlds.jaspar import fetch_all

SCORES = ("mcc", "accuracy", "f1", "precision", "recall", "auroc")
COLUMNS = ("task", "group", "metric", "method", "seed", "train", "test", *SCORES, "seconds")
WEIGHTS = ("teacher", "untrained")  # beside what a pretraining is for
WIDTH = 250  # bases of a window of a world's own tasks
K = 4
RELEASE = "JASPAR2018"  # as GeneBERT's
CNN_PLAN = FineTuning(epochs=10, least_steps=600, learning_rate=3e-3, weight_decay=0.01)
TUNE_PLANS = {"findna": FineTuning(epochs=3), "genebert": FineTuning(epochs=3, least_steps=300)}


class Evaluation:
    """Methods on tasks, with scores kept in ``evaluated/METHOD-SEED`` of a results folder.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        Whose tasks are meant, beside the published ones.
    tasks : list of str
        Names as :func:`regdna.data.world_tasks.world_task_names` and :func:`regdna.data.benchmarks.task_names` list
        them.
    results : path
        Folder of the world's results; pretrained networks lie in its ``pretrained``.

    Attributes
    ----------
    tasks : list of regdna.data.tasks.Task

    Raises
    ------
    ValueError, FileNotFoundError
        If a task does not exist or cannot be read.
    """

    def __init__(self, world, tasks, results):
        self.world, self.results = world, Path(results)
        self.tasks = [self._open(name) for name in tasks]

    def run(self, method, seed=0):
        """Score a method on all tasks, or read the scores that are there and were made from the same.

        Returns
        -------
        pandas.DataFrame
            Columns :data:`COLUMNS`, one row for each task; scores are those of the test parts, see
            :func:`regdna.training.metrics.class_scores`.

        Raises
        ------
        ValueError
            If there is no such method.
        FileNotFoundError
            If it needs a network that is not pretrained yet.
        """
        kind, folder = network_of(self.world, self.results, method, seed)
        return pd.DataFrame([self._row(method, kind, folder, seed, task) for task in self.tasks], columns=COLUMNS)

    def _open(self, name):
        if name in world_task_names(self.world):
            return open_world_task(self.world, name, WIDTH)
        fetch_task(name)
        return open_task(name)

    def _row(self, method, kind, folder, seed, task):
        path = self.results / "evaluated" / f"{method}-{seed}" / f"{task.name.replace('/', '_')}.json"

        def make():
            return {
                "task": task.name,
                "group": task.group,
                "metric": task.metric,
                "method": method,
                "seed": seed,
                "train": len(task.parts["train"].labels),
                "test": len(task.parts["test"].labels),
                **_SCORES[kind](task, folder, seed),
            }

        return kept(path, _fingerprint(method, folder, seed, task), make)


def network_of(world, results, method, seed):
    """Say what a method does, and with which weights.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    results : path
        Its ``pretrained`` holds the networks.
    method : str
        See :mod:`regdna.training.evaluation`.
    seed : int

    Returns
    -------
    kind : str
        Such as ``cnn`` or ``tune-genebert``.
    folder : pathlib.Path or None
        Weights, for a method that has some.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no such method, or the network is not pretrained yet.
    """
    if method in ALONE:
        return method, None
    kind, _, name = method.partition("-")
    if kind not in ("probe", "tune") or not name:
        raise ValueError(f"no method named {method!r}; methods: {', '.join(ALONE)}, probe-NETWORK, tune-NETWORK")
    if name == DNABERT2_MINI:
        return "probe-tokens", _found(world, results / "pretrained" / name, name, seed)
    network, _, weights = name.rpartition("-") if name.endswith(WEIGHTS) else (name, "", "")
    family = network.partition("-")[0]
    if family not in FAMILIES:
        raise ValueError(f"no network named {network!r}; networks: {', '.join(FAMILIES)}, their variants")
    folder = _found(world, results / "pretrained" / f"{network}-{seed}", network, seed)
    return f"{kind}-{family}", folder / (weights or FAMILIES[family].trained)


def _found(world, folder, network, seed):
    if not (folder / "pretraining.json").exists():
        command = f"regdna pretrain {world.name} --model {network} --seed {seed}"
        raise FileNotFoundError(f"{folder} holds no pretrained network; run: {command}")
    return folder


def made_from(folder):
    """Read the fingerprint of the network whose weights lie in a folder; str, empty for None."""
    if folder is None:
        return ""
    made = folder if (folder / "pretraining.json").exists() else folder.parent
    return read_pretrained(made).provenance["fingerprint"]


def kept(path, fingerprint, make):
    """Read a row of scores if it is there and was made from the same; else make it.

    Parameters
    ----------
    path : path
    fingerprint : str
        Of what the row depends on.
    make : callable
        Gives the row, a dict, without ``seconds``.

    Returns
    -------
    dict
        The row with ``seconds``, which it took to make.
    """
    path = Path(path)
    with alone(path):
        if not path.exists() or json.loads(path.read_text())["fingerprint"] != fingerprint:
            begin = time.perf_counter()
            row = make()
            row["seconds"] = round(time.perf_counter() - begin, 1)
            write_text(path, json.dumps({"fingerprint": fingerprint, "row": row}, indent=1))
    return json.loads(path.read_text())["row"]


def _kmers(task, folder, seed):
    return _probed(task, lambda sequences: kmer_frequencies(sequences, K), seed)


def _cnn(task, folder, seed):
    return _tuned(task, lambda: ConvolutionalClassifier(len(task.classes)), CNN_PLAN, seed)


def _motifs(task, folder, seed):
    scanner = MotifScanner(fetch_all(RELEASE))
    return _probed(task, lambda sequences: best_scores(scanner, sequences), seed)


def _probe_tokens(task, folder, seed):
    return _probed(task, lambda sequences: embed_tokens(folder, sequences), seed)


def _probe(family, task, folder, seed):
    return _probed(task, partial(family.embed, family.read(folder)), seed)


def _tune(name, task, folder, seed):
    family = FAMILIES[name]
    return _tuned(task, lambda: family.classifier(family.read(folder), len(task.classes)), TUNE_PLANS[name], seed)


class _Family(NamedTuple):
    network: type
    embed: Callable
    classifier: type
    trained: str  # the weights that a pretraining is for

    def read(self, folder):
        with undisturbed():  # no bar for the weights
            return self.network.from_pretrained(folder)


FAMILIES = {
    "findna": _Family(FinDNA, embed, FinDNAClassifier, "student"),
    "genebert": _Family(GeneBERT, embed_kmers, GeneBERTClassifier, "trained"),
}
ALONE = {"kmers": _kmers, "motifs": _motifs, "cnn": _cnn}  # methods without a network
_SCORES = ALONE | {"probe-tokens": _probe_tokens}
_SCORES |= {f"probe-{name}": partial(_probe, family) for name, family in FAMILIES.items()}
_SCORES |= {f"tune-{name}": partial(_tune, name) for name in FAMILIES}


def _probed(task, embedder, seed):
    return linear_probe({split: embedder(part.sequences) for split, part in task.parts.items()}, task, seed).scores


def _tuned(task, make, plan, seed):
    with undisturbed():
        torch.manual_seed(seed)  # of the weights that are new
        classifier = make()
    return fine_tune(classifier, task, plan, seed).scores


def _fingerprint(method, folder, seed, task):
    """Whatever the scores depend on, as a hash."""
    digest = hashlib.sha256(
        repr((__version__, torch.__version__, K, RELEASE, CNN_PLAN, TUNE_PLANS, COLUMNS, method, seed)).encode()
    )
    digest.update(made_from(folder).encode())
    for split, part in sorted(task.parts.items()):
        digest.update(split.encode())
        for array in (part.sequences.codes, part.sequences.lengths, part.labels):
            digest.update(array.tobytes())
    return digest.hexdigest()
