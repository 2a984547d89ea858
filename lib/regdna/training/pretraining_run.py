"""A pretraining under way: steps, a learning curve, and checkpoints that a killed one goes on from."""

import json
import shutil
import sys
import time

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from regdna.files import atomic, atomic_folder, write_table, write_text


class PretrainingRun:
    """Takes the steps of a plan; made for one of a network's own engines, by overriding :meth:`take_step` and more.

    Several processes under ``accelerate launch`` each have one; the main one writes.

    Parameters
    ----------
    engine : object
        ``accelerator``, ``step`` (steps taken so far), ``learning_rate``, ``state()`` (a dict for ``torch.save``) and
        ``resume(state)``, such as :class:`regdna.training.student_teacher.StudentTeacher`.
    plan : object
        ``steps`` and ``check_every``, the steps between two rows of the learning curve; each writes a checkpoint.
    numbers : sequence of str
        What :meth:`take_step` gives.
    path : path
        The checkpoint; the run goes on from it if it is there.

    Attributes
    ----------
    rows : list of dict
        The learning curve.
    spent : float
        Seconds, those of a killed run up to its last checkpoint among them.
    """

    def __init__(self, engine, plan, numbers, path):
        self.engine, self.plan, self.numbers, self.path = engine, plan, numbers, path
        self.rows, self.spent = [], 0.0
        if path.exists():
            state = torch.load(path, map_location=engine.accelerator.device, weights_only=True)
            self.rows, self.spent = state.pop("rows"), state.pop("spent")
            engine.resume(state)

    def take_step(self):
        """Take a step; list of float, of this process, NaN for what this step does not have."""
        raise NotImplementedError

    def look(self):
        """What else a row of the learning curve has; dict of str to float."""
        raise NotImplementedError

    def finish(self):
        """Take all steps that are left."""
        begin, before, main = time.perf_counter(), self.spent, self.engine.accelerator.is_main_process
        if not self.rows:
            self._add_row([])
        shown = sys.stderr.isatty() and main
        bar = tqdm(total=self.plan.steps, initial=self.engine.step, unit="step", disable=not shown)
        since = []
        while self.engine.step < self.plan.steps:
            since.append(self.take_step())
            bar.update()
            if self.engine.step % self.plan.check_every == 0 or self.engine.step == self.plan.steps:
                self.spent = before + time.perf_counter() - begin
                self._add_row(since)
                since = []
                self._save()
        bar.close()

    def keep(self, folder, networks, provenance):
        """Write what came of it as a whole, and delete the checkpoints.

        Parameters
        ----------
        folder : path
        networks : dict of str to transformers.PreTrainedModel
            By the name of their folders.
        provenance : dict
            For ``pretraining.json``; to it are added ``seconds`` and ``device``.
        """
        device = self.engine.accelerator.device
        provenance |= {
            "seconds": round(self.spent, 1),
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        }
        with atomic_folder(folder) as made:
            for name, network in networks.items():
                network.save_pretrained(made / name)
            write_table(made / "history.csv", pd.DataFrame(self.rows))
            write_text(made / "pretraining.json", json.dumps(provenance, indent=1))
        shutil.rmtree(self.path.parent.parent, ignore_errors=True)

    def _add_row(self, since):
        self.rows.append({"step": self.engine.step} | dict(zip(self.numbers, self._means(since))) | self.look())

    def _means(self, since):
        """Means of the steps since the last row, of all processes; NaN where there is nothing."""
        accelerator = self.engine.accelerator
        values = torch.tensor(since or np.full((1, len(self.numbers)), np.nan), dtype=torch.float32)
        there = ~values.isnan()
        sums = torch.stack([values.nan_to_num().sum(0), there.sum(0).float()]).to(accelerator.device)
        total, number = accelerator.reduce(sums, "sum")
        return (total / number).tolist()

    def _save(self):
        if self.engine.accelerator.is_main_process:
            with atomic(self.path) as path:
                torch.save(self.engine.state() | {"rows": self.rows, "spent": self.spent}, path)
        self.engine.accelerator.wait_for_everyone()
