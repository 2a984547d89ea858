"""FinDNA's pretraining: a student learns masked letters and what its slowly moving average, the teacher, says.

Both see views of the same windows (:mod:`regdna.data.augment`). The student is trained on

    alpha * (name the masked letters) + (1 - alpha) * (agree with the teacher),

and after each step the teacher's weights move towards the student's (:mod:`regdna.training.distill_losses`). Views are
drawn anew at each step; the public code draws them once. There are no labels in it; test and validation chromosomes of
the reference are left out all the same, see :mod:`regdna.data.unlabeled`.

Under ``accelerate launch`` several GPUs share each batch. What is random depends on seed and step alone, so a run that
was killed ends with the same weights, and the number of devices changes nothing but the order of sums (and, with
``projection_norm``, the windows that a batch's statistics are of).
"""

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from regdna.data.augment import MASKED, parse_pair
from regdna.data.unlabeled import held_out_windows, unlabeled_windows
from regdna.models.findna import FinDNAConfig
from regdna.training.distill_losses import teacher_momentum
from regdna.training.ordered_trainer import endless_order, undisturbed
from regdna.training.pretrained import made_once, origin_of
from regdna.training.pretraining_run import PretrainingRun
from regdna.training.regimes import stream
from regdna.training.student_teacher import StudentTeacher

HELD_OUT = 200  # windows of the reference's validation chromosomes
LOOKED_AT = ("loss", "masked_loss", "contrastive_loss", "entropy_each", "entropy_of_mean")


@dataclass(frozen=True)
class Distillation:
    """What is trained, on what, and for how long; the defaults are the paper's where it names them.

    Attributes
    ----------
    network : regdna.models.findna.FinDNAConfig
    steps, batch_size : int
        The paper: 50 epochs of 100,000 windows; batch from the public code.
    windows, width : int
        Windows to train on, drawn once, and their length in bases.
    pair : str
        Views of student and teacher; see :func:`regdna.data.augment.parse_pair`.
    alpha : float
        Share of the masked-letter loss; 1 is the paper's CM-MNM, without a teacher.
    masked_only : int
        Steps before the contrastive loss sets in.
    masked : float
        Share of letters that M masks.
    student_temperature, teacher_temperature, centring : float
        Of the contrastive loss; ``centring`` is the paper's beta (the public code runs with 0.9).
    momentum : float
        Share of the old teacher that stays at the first step. 0.996 is for some 50,000 steps; over 1,000 it leaves too
        much of the start, and 1 - 8 / steps does not.
    learning_rate, warm_up, weight_decay, clip : float
        Of AdamW (public code): the highest rate, the share of steps that it rises in before it falls on a cosine, and
        the norm that gradients are clipped to.
    check_every : int
        Steps between two rows of the learning curve, at each of which a checkpoint is written.
    accumulation : int
        Parts that a batch is computed in, to save memory.
    """

    network: FinDNAConfig = field(default_factory=FinDNAConfig)
    steps: int = 78_125
    batch_size: int = 64
    windows: int = 100_000
    width: int = 1000
    pair: str = "MDIT+NR"
    alpha: float = 0.5
    masked_only: int = 0
    masked: float = MASKED
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    centring: float = 0.996
    momentum: float = 0.996
    learning_rate: float = 3e-4
    warm_up: float = 0.3
    weight_decay: float = 3e-4
    clip: float = 0.5
    check_every: int = 1000
    accumulation: int = 1

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps {self.steps}: pretraining takes at least 1")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha {self.alpha} is no share: 0 to 1")
        if self.alpha and "M" not in parse_pair(self.pair)[0]:
            raise ValueError(f"pair {self.pair!r} masks nothing for the student, and alpha {self.alpha} asks for it")

    def facts(self):
        """All of it as plain values, for JSON."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return plain | {"network": {name: getattr(self.network, name) for name in FinDNAConfig.__annotations__}}


def distill(world, folder, plan, seed=0):
    """Pretrain a FinDNA, or read it if it is there and was made from the same.

    A killed run goes on from its last checkpoint, and on a CPU ends with the same weights as one that was not.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    folder : path
        Where the result appears when it is complete; checkpoints lie beside it until then.
    plan : Distillation
    seed : int
        Of windows, weights, views and order.

    Returns
    -------
    regdna.training.pretrained.Pretrained
        The folder holds ``student/`` and ``teacher/`` (``config.json`` and ``model.safetensors``), and ``untrained/``,
        the weights that both began with. Learning curve: step, the means since the row before of loss, masked_loss,
        contrastive_loss, entropy_each and entropy_of_mean (see :func:`regdna.training.distill_losses.entropies`; NaN
        where alpha is 1), momentum, learning_rate, and held_out_student and held_out_teacher, the masked-letter loss on
        windows of the validation chromosomes; in nats. The provenance has what these are to be held against:
        ``letter_entropy``, the loss of one who knows how frequent each letter is, and ``shuffled_loss``, that of the
        student on windows with their letters shuffled.

    Raises
    ------
    ValueError
        If the world is not built, its genomes hold too little DNA for the plan, or a batch cannot be divided by
        accumulation and processes.
    """
    origin = origin_of(world, plan.facts(), seed, ("torch", "transformers", "accelerate"))
    return made_once(folder, origin, partial(_distill, world, Path(folder), plan, seed))


def _distill(world, folder, plan, seed, checkpoints, provenance):
    with undisturbed():
        run = _Run(world, plan, seed, checkpoints / "state.pt")
        run.finish()
        both = run.engine
        if both.accelerator.is_main_process:
            held_out = np.concatenate(run.held_out)
            provenance |= {
                "parameters": sum(weights.numel() for weights in both.student.parameters()),
                "letter_entropy": _letter_entropy(run.codes, held_out),
                "held_out_loss": run.rows[-1]["held_out_student"],
                "shuffled_loss": both.masked_loss(both.student, stream(seed, "shuffled").permuted(held_out, axis=1)),
            }
            networks = {name: getattr(both, name) for name in ("student", "teacher", "untrained")}
            run.keep(folder, networks, provenance)
    both.accelerator.wait_for_everyone()


class _Run(PretrainingRun):
    def __init__(self, world, plan, seed, path):
        self.codes = unlabeled_windows(world, plan.windows, plan.width, stream(seed, "windows"))
        held_out = held_out_windows(world, HELD_OUT, plan.width, stream(seed, "held out"))
        self.held_out = np.array_split(held_out, 8)
        self.order = endless_order(plan.windows, plan.steps * plan.batch_size, stream(seed, "order"))
        super().__init__(StudentTeacher(plan, seed), plan, LOOKED_AT, path)

    def take_step(self):
        begin = self.engine.step * self.plan.batch_size
        return self.engine.take_step(self.codes[self.order[begin : begin + self.plan.batch_size]])

    def look(self):
        both = self.engine
        return {
            "momentum": teacher_momentum(both.step, self.plan.steps, self.plan.momentum),
            "learning_rate": both.learning_rate,
            "held_out_student": self._held_out_loss(both.student),
            "held_out_teacher": self._held_out_loss(both.teacher),
        }

    def _held_out_loss(self, model):
        return float(np.mean([self.engine.masked_loss(model, part) for part in self.held_out]))


def _letter_entropy(codes, held_out):
    share = np.bincount(codes.ravel(), minlength=5) + 1
    seen = np.bincount(held_out.ravel(), minlength=5)
    return float(-(seen * np.log(share / share.sum())).sum() / seen.sum())
