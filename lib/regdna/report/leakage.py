"""What a model is given when homologs of test peaks stay in its training set, and what that does to its score."""

import numpy as np
import pandas as pd

from regdna.data.similarity import nearest

COPY = 0.5  # windows that share this much of their words are near-copies


def similarity_table(dataset, k=12):
    """Look for each positive test bin for the window of each training set that is most like it.

    Parameters
    ----------
    dataset : regdna.data.datasets.Dataset
    k : int
        Letters of a word.

    Returns
    -------
    pandas.DataFrame
        One row for each positive test bin; the largest share of its words found in one window of the ``measured``
        training bins (positive and negative), the ``homologs of training peaks``, and the ``homologs of test peaks``.
    """
    rows = dataset.intervals
    reference = dataset.provenance["reference"]
    own = (rows["genome"] == reference).to_numpy()
    split, positive = rows["split"].to_numpy(object), (rows["label"] == 1).to_numpy()
    queries = dataset.codes[np.flatnonzero(own & positive & (split == "test"))]
    sets = {
        "measured": own & (split == "train"),
        "homologs of training peaks": ~own & (split == "train"),
        "homologs of test peaks": ~own & (split == "test"),
    }
    found = {name: nearest(queries, dataset.codes[np.flatnonzero(which)], k).share for name, which in sets.items()}
    return pd.DataFrame(found)


def copies_table(similarity):
    """Summarize :func:`similarity_table`.

    Returns
    -------
    pandas.DataFrame
        By training set: median and maximum of the share of words, and the share of test bins with a near-copy there
        (at least :data:`COPY` of their words in one window).
    """
    copies = (similarity >= COPY).mean()
    return pd.DataFrame({"median": similarity.median(), "maximum": similarity.max(), "with a near-copy": copies})


def inflation_table(metrics, honest="SSL"):
    """Compare runs that leak with the honest runs of the same experiment and seed.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Columns experiment, regime, seed, aupr, auroc, validation_aupr.
    honest : str
        The regime to compare with.

    Returns
    -------
    pandas.DataFrame
        By experiment and regime: mean AUPR and AUROC on the test bins, mean and standard deviation (n - 1) over seeds
        of the difference in AUPR, and the mean of the AUPR on the validation bins, of which nothing leaks.
    """
    wide = metrics.pivot(index=["experiment", "seed"], columns="regime", values="aupr")
    difference = wide.sub(wide[honest], axis=0).melt(ignore_index=False, value_name="difference").reset_index()
    both = metrics.merge(difference, on=["experiment", "seed", "regime"])
    groups = both.groupby(["experiment", "regime"], sort=False)
    return pd.DataFrame(
        {
            "AUPR": groups["aupr"].mean(),
            "AUROC": groups["auroc"].mean(),
            "AUPR gained": groups["difference"].mean(),
            "± sd": groups["difference"].std(),
            "validation AUPR": groups["validation_aupr"].mean(),
        }
    )
