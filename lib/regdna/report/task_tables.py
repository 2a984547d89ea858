"""Tables of classification tasks: methods side by side, and whether one beats another over tasks and seeds."""

import pandas as pd
from scipy.stats import wilcoxon

ONE_SEED = ("kmers", "motifs", "probe-dnabert2-mini")  # nothing in them is random but the sequences held back


def score_table(evaluation, methods, seeds):
    """Run methods on the tasks of an evaluation, or read what they scored.

    Parameters
    ----------
    evaluation : regdna.training.evaluation.Evaluation
    methods : sequence of str
    seeds : sequence of int
        Methods without a seed of their own (:data:`ONE_SEED`) are run with the first.

    Returns
    -------
    pandas.DataFrame
        As :meth:`regdna.training.evaluation.Evaluation.run` gives it, and ``score``, the metric that the task's paper
        reports.
    """
    parts = [
        evaluation.run(method, seed) for method in methods for seed in (seeds[:1] if method in ONE_SEED else seeds)
    ]
    scores = pd.concat(parts, ignore_index=True)
    return scores.assign(score=[row[row["metric"]] for _, row in scores.iterrows()])


def task_table(scores, methods=None, value="score"):
    """Set methods side by side.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`score_table`.
    methods : sequence of str, optional
        Columns to show; all by default, in order of appearance.
    value : str
        ``score``, or one of the metrics.

    Returns
    -------
    means, spreads : pandas.DataFrame
        By task and method, over seeds: mean, and standard deviation (n - 1; NaN for one seed).
    """
    methods = list(methods or dict.fromkeys(scores["method"]))
    groups = scores.groupby(["task", "method"], sort=False)[value]
    order = list(dict.fromkeys(scores["task"]))
    return tuple(part.unstack("method").reindex(index=order, columns=methods) for part in (groups.mean(), groups.std()))


def shown(means, spreads):
    """Write mean and standard deviation into one cell; pandas.DataFrame of str."""

    def cell(mean, spread):
        if pd.isna(mean):
            return ""
        return f"{mean:.3f}" if pd.isna(spread) else f"{mean:.3f} ± {spread:.3f}"

    return pd.DataFrame(
        {method: [cell(m, s) for m, s in zip(means[method], spreads[method])] for method in means}, index=means.index
    )


def duel(scores, first, second):
    """Say on how many tasks one method beats another, each seed against the same seed.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`score_table`.
    first, second : str
        Methods.

    Returns
    -------
    dict
        ``tasks``, ``won`` (tasks whose mean over seeds is higher by the first), ``every_seed`` (tasks on which it is
        higher with each seed), ``gain`` (mean difference over tasks) and ``p``, of Wilcoxon's signed-rank test over
        tasks, NaN with fewer than 5.
    """
    table = scores[scores["method"].isin([first, second])].pivot_table("score", ["task", "seed"], "method").dropna()
    gain = table[first] - table[second]
    by_task = gain.groupby("task").mean()
    every = (gain > 0).groupby("task").all()
    p = wilcoxon(by_task).pvalue if len(by_task) >= 5 and by_task.any() else float("nan")
    return {
        "first": first,
        "second": second,
        "tasks": len(by_task),
        "won": int((by_task > 0).sum()),
        "every_seed": int(every.sum()),
        "gain": float(by_task.mean()),
        "p": float(p),
    }
