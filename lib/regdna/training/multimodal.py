"""GeneBERT's pretraining (Mo et al. 2021): from runs of ten accessible regions of a cell type, read as sequence and as
a region × TF matrix.

The loss is

    name the masked k-mers + say whether the second segment follows + lambda * match sequences and matrices

(:mod:`regdna.training.kmer_masks`, :mod:`regdna.data.segment_pairs`, :mod:`regdna.training.matching_losses`), each of
which can be switched off. The matrix is that of the regions that are read, whether the second segment follows or not.
Test and validation chromosomes are left out; on the latter it is looked how far the network is.

Eq. 1 of the paper is a likelihood to be made large; here it is the mean negative logarithm.

What is matched are the examples of a batch with each other. Several GPUs under ``accelerate launch`` share a batch, and
match all of it; with ``accumulation`` each part is matched by itself, so it saves memory and adds no negatives. What is
random depends on seed and step alone: a run that was killed ends with the same weights, and the number of devices
changes nothing but the order of sums (and the dropout).
"""

import dataclasses
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm
from transformers import BertConfig

from regdna.data.run_examples import run_examples
from regdna.files import atomic, atomic_folder, write_table, write_text
from regdna.models.genebert import GeneBERTConfig
from regdna.models.kmer_tokenizer import SPECIALS, KmerTokenizer
from regdna.training.genebert_step import NUMBERS, GeneBERTSteps, draw_batch
from regdna.training.kmer_masks import MASKINGS
from regdna.training.ordered_trainer import endless_order, undisturbed
from regdna.training.pretrained import made_once, origin_of
from regdna.training.regimes import stream

HELD_OUT = 256  # runs of validation chromosomes, at most
MORE_MASKED_FROM = 5 / 6  # of the steps; the paper: the last 20,000 of 120,000


@dataclass(frozen=True)
class Multimodal:
    """What is trained, on what, and for how long; the defaults are the paper's, and DNABERT's where it is silent.

    Attributes
    ----------
    network : regdna.models.genebert.GeneBERTConfig
        How sequences and matrices are matched is among its settings.
    steps, batch_size : int
    use_mgm, use_ngsp, use_srm : bool
        Masked k-mers, next segment, sequence-region matching.
    matching_weight : float
        The paper's lambda.
    masked, masked_later : float
        Share of the k-mers, up to five sixths of the steps and from there on.
    masking : str
        See :func:`regdna.training.kmer_masks.mask_kmers`.
    any_strand : bool
        Read each region on a strand drawn anew each time; the matrix is of both. Ours, against few regions being
        learned by heart.
    release, min_cells, stride, scanned : str, int, int, str
        See :func:`regdna.data.run_examples.run_examples`.
    region_weights : str or None
        Weights that the region encoder starts from: a repository of the Hugging Face Hub such as
        ``microsoft/swin-tiny-patch4-window7-224`` (ImageNet, as the paper has it), or a folder; None for random ones.
    trained_types : int or None
        Train on the runs of the first so many of the world's cell types; None for all. What is looked at is of all.
    learning_rate, warm_up, weight_decay, clip : float
        Of AdamW: the highest rate, the share of steps that it rises in before it falls to zero, both linearly, and the
        norm that gradients are clipped to.
    check_every : int
        Steps between two rows of the learning curve, at each of which a checkpoint is written.
    accumulation : int
        Parts that a batch is computed in, to save memory; each is matched by itself.

    Raises
    ------
    ValueError
        If there is nothing to learn, no such way to mask, or a number is out of range.
    """

    network: GeneBERTConfig = field(default_factory=GeneBERTConfig)
    steps: int = 120_000
    batch_size: int = 2000
    use_mgm: bool = True
    use_ngsp: bool = True
    use_srm: bool = True
    matching_weight: float = 0.5
    masked: float = 0.15
    masked_later: float = 0.2
    masking: str = "span"
    any_strand: bool = False
    release: str = "JASPAR2018"
    min_cells: int = 1
    stride: int = 10
    scanned: str = "region"
    region_weights: str | None = None
    trained_types: int | None = None
    learning_rate: float = 4e-4
    warm_up: float = 1 / 12
    weight_decay: float = 0.01
    clip: float = 1.0
    check_every: int = 1000
    accumulation: int = 1

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps {self.steps}: pretraining takes at least 1")
        if not (self.use_mgm or self.use_ngsp or self.use_srm):
            raise ValueError("use_mgm, use_ngsp and use_srm are all off; there is nothing to learn")
        if self.masking not in MASKINGS:
            raise ValueError(f"masking {self.masking!r}: choose one of {', '.join(MASKINGS)}")
        for name in ("masked", "masked_later"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is no share of k-mers: above 0 and below 1")
        if self.trained_types is not None and self.trained_types < 1:
            raise ValueError(f"trained_types {self.trained_types}: at least 1 cell type")
        if self.matching_weight < 0:
            raise ValueError(f"matching_weight {self.matching_weight}: at least 0")

    def masked_at(self, step):
        """Share of the k-mers to mask at a step, counted from 0."""
        return self.masked if step < MORE_MASKED_FROM * self.steps else self.masked_later

    def facts(self):
        """All of it as plain values, for JSON."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        names = [*GeneBERTConfig.__annotations__, *BertConfig.__annotations__]
        return plain | {"network": {name: getattr(self.network, name) for name in names}}


def pretrain_multimodal(world, folder, plan, seed=0):
    """Pretrain a GeneBERT, or read it if it is there and was made from the same.

    A killed run goes on from its last checkpoint, and on a CPU ends with the same weights as one that was not.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
        With counts of single cells.
    folder : path
        Where the result appears when it is complete; checkpoints lie beside it until then.
    plan : Multimodal
    seed : int
        Of weights, pairs, masks and order.

    Returns
    -------
    regdna.training.pretrained.Pretrained
        The folder holds ``trained/`` and ``untrained/`` (``config.json`` and ``model.safetensors``). Learning curve:
        step, the means since the row before of loss, mgm, ngsp, srm (nats), next_accuracy, retrieval (share of the
        examples of a batch whose own matrix, or sequence, scores highest) and srm_undefined (share of steps that had
        no matching loss: ``literal``), masked and learning_rate; and held_out_mgm, held_out_ngsp, held_out_srm,
        held_out_next_accuracy and held_out_retrieval, on runs of the validation chromosomes, the same each time. What
        the plan does not use is NaN. The provenance has what these are to be held against: ``kmer_entropy``, the mgm
        of one who knows how frequent each k-mer is, and ``held_out_runs``, the number of distinct runs that are
        matched (one who knows nothing finds one of them).

    Raises
    ------
    ValueError
        If the world is not built, has no cells, no run to train on or to look at, or another number of motifs than the
        network; or a batch cannot be divided by accumulation and processes.
    """
    origin = origin_of(world, plan.facts(), seed, ("torch", "transformers", "accelerate", "pyjaspar"))
    return made_once(folder, origin, partial(_pretrain, world, Path(folder), plan, seed))


def _pretrain(world, folder, plan, seed, checkpoints, provenance):
    with undisturbed():
        run = _Run(world, plan, seed, checkpoints / "state.pt")
        run.finish()
        accelerator = run.steps.accelerator
        if accelerator.is_main_process:
            provenance |= {
                "parameters": sum(weights.numel() for weights in run.steps.model.parameters()),
                "runs": {part: len(pairs) for part, pairs in run.examples.parts.items()} | {"train": len(run.used)},
                "cell_types": list(run.examples.cell_types)[: plan.trained_types],
                "motifs": list(run.examples.motifs),
                "kmer_entropy": run.kmer_entropy(),
                "held_out_runs": len(np.unique(run.held_out.rows, axis=0)),
                "held_out": {name: value for name, value in run.rows[-1].items() if name.startswith("held_out")},
                "seconds": round(run.spent, 1),
                "device": torch.cuda.get_device_name() if accelerator.device.type == "cuda" else "CPU",
            }
            provenance["held_out"] = {
                name: value for name, value in provenance["held_out"].items() if not np.isnan(value)
            }
            with atomic_folder(folder) as made:
                run.steps.model.save_pretrained(made / "trained")
                run.steps.untrained.save_pretrained(made / "untrained")
                write_table(made / "history.csv", pd.DataFrame(run.rows))
                write_text(made / "pretraining.json", json.dumps(provenance, indent=1))
            shutil.rmtree(checkpoints.parent, ignore_errors=True)
    accelerator.wait_for_everyone()


class _Run:
    """A pretraining under way: examples, network and learning curve."""

    def __init__(self, world, plan, seed, path):
        self.plan, self.seed, self.path = plan, seed, path
        network = plan.network
        runs = network.regions, plan.stride
        self.examples = run_examples(world, network.crop, plan.release, plan.min_cells, *runs, plan.scanned)
        if len(self.examples.motifs) != network.motifs:
            raise ValueError(
                f"the network is for {network.motifs} motifs, and {plan.release} has {len(self.examples.motifs)} of "
                f"{world.jaspar['tax_group']}; set motifs to that"
            )
        validation = self.examples.parts["validation"]
        if not len(validation):
            raise ValueError(f"world {world.name} has no runs on validation chromosomes to see how far the network is")
        rng = stream(seed, "held out")
        places = np.sort(rng.permutation(len(validation))[:HELD_OUT])
        self.held_out = draw_batch(self.examples, validation, places, plan, plan.masked, rng)
        self.train = self.examples.parts["train"]
        self.used = np.flatnonzero(self.train.cell_type < (plan.trained_types or len(self.examples.cell_types)))
        if not len(self.used):
            raise ValueError(f"the first {plan.trained_types} cell types of world {world.name} have no run to train on")
        self.order = self.used[endless_order(len(self.used), plan.steps * plan.batch_size, stream(seed, "order"))]
        self.steps = GeneBERTSteps(plan, self.examples.scores, seed)
        self.rows, self.spent = [], 0.0
        if path.exists():
            self._resume()

    def finish(self):
        """Take all steps that are left."""
        begin, before, accelerator = time.perf_counter(), self.spent, self.steps.accelerator
        if not self.rows:
            self._look([])
        shown = sys.stderr.isatty() and accelerator.is_main_process
        bar = tqdm(total=self.plan.steps, initial=self.steps.step, unit="step", disable=not shown)
        since = []
        while self.steps.step < self.plan.steps:
            since.append(self._take_step())
            bar.update()
            if self.steps.step % self.plan.check_every == 0 or self.steps.step == self.plan.steps:
                self.spent = before + time.perf_counter() - begin
                self._look(since)
                since = []
                self._save()
        bar.close()

    def kmer_entropy(self):
        """Cross-entropy of held-out k-mers under the frequencies of those trained on, in nats."""
        tokenizer, network = KmerTokenizer(self.plan.network.k), self.plan.network
        seen, told = (
            np.bincount(tokenizer.kmers(self.examples.codes[np.unique(rows)]).ravel(), minlength=network.vocab_size)
            for rows in (self.train.rows[self.used], self.held_out.rows)
        )
        seen, told = seen[len(SPECIALS) :] + 1, told[len(SPECIALS) :]
        return float(-(told * np.log(seen / seen.sum())).sum() / told.sum())

    def _take_step(self):
        step, size = self.steps.step, self.plan.batch_size
        rng = np.random.default_rng([*b"genebert", self.seed, step])
        places = self.order[step * size : (step + 1) * size]
        masked = self.plan.masked_at(step)
        return self.steps.take_step(draw_batch(self.examples, self.train, places, self.plan, masked, rng))

    def _look(self, since):
        step = self.steps.step
        self.rows.append(
            {"step": step}
            | dict(zip(NUMBERS, self._means(since)))
            | {"masked": self.plan.masked_at(step), "learning_rate": self.steps.learning_rate}
            | self.steps.look(self.held_out)
        )

    def _means(self, since):
        """Means of the steps since the last look, of all processes; NaN where there is nothing."""
        accelerator = self.steps.accelerator
        values = torch.tensor(since or np.full((1, len(NUMBERS)), np.nan), dtype=torch.float32)
        there = ~values.isnan()
        sums = torch.stack([values.nan_to_num().sum(0), there.sum(0).float()]).to(accelerator.device)
        total, number = accelerator.reduce(sums, "sum")
        return (total / number).tolist()

    def _save(self):
        if self.steps.accelerator.is_main_process:
            with atomic(self.path) as path:
                torch.save(self.steps.state() | {"rows": self.rows, "spent": self.spent}, path)
        self.steps.accelerator.wait_for_everyone()

    def _resume(self):
        state = torch.load(self.path, map_location=self.steps.accelerator.device, weights_only=True)
        self.rows, self.spent = state.pop("rows"), state.pop("spent")
        self.steps.resume(state)
