"""GeneBERTs that differ in one thing, side by side."""

import pandas as pd

from regdna.report.task_tables import score_table
from regdna.training.genebert_plans import genebert_plan
from regdna.training.multimodal import pretrain_multimodal

HELD_OUT = {
    "held_out_mgm": "masked k-mers, nats",
    "held_out_next_accuracy": "next segment",
    "held_out_retrieval": "retrieval",
}


def ablation_table(evaluation, network, changes, steps, seed):
    """Pretrain variants of a network, or read them, and probe each.

    Parameters
    ----------
    evaluation : regdna.training.evaluation.Evaluation
        Its tasks are probed; the networks lie where it looks for them.
    network : str
        As :func:`regdna.training.genebert_plans.genebert_plan` knows it.
    changes : dict of str to str
        By what a row is called: what to put behind the network's name, such as ``swin``; empty for the network itself.
    steps, seed : int

    Returns
    -------
    pandas.DataFrame
        A row for each variant. Columns: what it reached on held-out runs (:data:`HELD_OUT`; NaN for what it was not
        trained on), AUROC of a linear probe on each task and their mean, and the seconds that pretraining took on the
        machine that did it.
    """
    rows = {}
    for title, change in changes.items():
        name = f"{network}-{change}" if change else network
        folder = evaluation.results / "pretrained" / f"{name}-{seed}"
        made = pretrain_multimodal(evaluation.world, folder, genebert_plan(name, steps), seed).provenance
        areas = score_table(evaluation, [f"probe-{name}"], [seed]).set_index("task")["auroc"]
        reached = {say: made["held_out"].get(key) for key, say in HELD_OUT.items()}
        rows[title] = reached | dict(areas) | {"mean of the tasks": areas.mean(), "seconds": made["seconds"]}
    return pd.DataFrame.from_dict(rows, orient="index").astype(float)
