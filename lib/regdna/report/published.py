"""What papers report, to stand beside what is measured here."""

import pandas as pd

from regdna.worlds.catalogue import PROJECT

PUBLISHED = PROJECT / "data" / "published"


def published(paper):
    """Read the numbers of a paper.

    A table holds what was found in a source and no more: a task or a model that is not in it may well be in the paper.

    Parameters
    ----------
    paper : str
        ``findna`` (Yu et al. 2024), ``dnabert2`` (Zhou et al. 2024) or ``genebert`` (Mo et al. 2021).

    Returns
    -------
    pandas.DataFrame
        Columns table (str, its number in the paper), task, model, metric, value (float, in the paper's unit: percent
        for accuracy, MCC and F1 of FinDNA and DNABERT-2) and source. ``not noted`` where the source of the number does
        not say.

    Raises
    ------
    ValueError
        If there is no table of this name; the message lists those there are.
    """
    path = PUBLISHED / f"{paper}.tsv"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in PUBLISHED.glob("*.tsv")))
        raise ValueError(f"no published numbers named {paper!r}; there are {known}")
    return pd.read_csv(path, sep="\t", dtype={"table": str}, keep_default_na=False)
