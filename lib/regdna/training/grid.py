"""Many runs as one table: experiments by models by regimes by seeds."""

import itertools

import pandas as pd
from tqdm.auto import tqdm

from regdna.training.runs import METRICS, Runner


def run_grid(world, experiments, models, regimes, seeds, results, budget):
    """Train every cell of a grid, or read it where it is there already, with a progress bar.

    A stopped grid goes on where it was. ``make benchmark`` trains the book's cells side by side, and this finds them.

    Parameters
    ----------
    world : regdna.worlds.catalogue.World
    experiments, models, regimes : sequences of str
    seeds : sequence of int
    results : path
    budget : regdna.training.regimes.Budget

    Returns
    -------
    pandas.DataFrame
        One row for each run, columns :data:`regdna.training.runs.METRICS`, in the order of the arguments.
    """
    runners = {cell: Runner(world, *cell, results, budget) for cell in itertools.product(experiments, models)}
    cells = [(*cell, regime, seed) for cell in runners for regime in regimes for seed in seeds]
    rows = []
    with tqdm(cells, desc=world.name, unit="run", disable=None) as progress:
        for experiment, model, regime, seed in progress:
            progress.set_postfix_str(f"{experiment} {model} {regime} {seed}")
            rows.append(runners[experiment, model].run(regime, seed).row)
    return pd.DataFrame(rows, columns=list(METRICS))


def sound(metrics):
    """Drop the runs with a note and name them, so that no number that means nothing is averaged in.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Columns :data:`regdna.training.runs.METRICS`.

    Returns
    -------
    kept : pandas.DataFrame
    dropped : list of str
        A line for each dropped run.
    """
    noted = metrics["note"].fillna("") != ""
    lines = [
        f"{row.experiment} {row.model} {row.regime} seed {row.seed}: {row.note}" for row in metrics[noted].itertuples()
    ]
    return metrics[~noted].reset_index(drop=True), lines
