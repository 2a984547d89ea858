"""From whatever a reader brings to what the regimes train."""

import numpy as np

from regdna.data.examples import Examples
from regdna.training.metrics import aupr


def as_learner(model):
    """Make a learner of the regimes out of a model.

    Parameters
    ----------
    model : object
        A Keras network (uint8 codes in, probability out); an object with ``fit(codes, labels, weights)`` and
        ``predict(codes)``, as :class:`Refitted` takes it; or a learner already, which has ``is_learner = True``.

    Returns
    -------
    object
        With ``fit(examples, steps, learning_rate, validation, rng)`` and ``predict(codes)``.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if getattr(model, "is_learner", False):
        return model
    if hasattr(model, "train_on_batch"):
        from regdna.training.keras_learner import KerasLearner  # Keras takes seconds to import

        return KerasLearner(model)
    if callable(getattr(model, "fit", None)) and callable(getattr(model, "predict", None)):
        return Refitted(model)
    raise TypeError(f"{type(model).__name__} cannot be trained: it is no Keras network and has no fit and predict")


class Refitted:
    """A learner from any object that is fitted in one go, such as one of scikit-learn's kind.

    It takes no gradient steps and cannot go on from where it was, so each phase fits it anew to the examples of all
    phases so far. Steps and learning rate mean nothing to it.

    Parameters
    ----------
    model : object
        With ``fit(codes, labels, weights)`` and ``predict(codes)``, which returns one score for each window.
    """

    is_learner = True

    def __init__(self, model):
        self.model, self._seen = model, []

    def fit(self, examples, steps, learning_rate, validation, rng):
        """Fit to all examples so far, in random order; returns one checkpoint."""
        self._seen.append(examples)
        together = Examples(*map(np.concatenate, zip(*self._seen)))
        order = rng.permutation(len(together.labels))
        self.model.fit(*(part[order] for part in together))
        score = aupr(validation[1], self.predict(validation[0]))
        return [{"step": steps, "loss": np.nan, "validation_aupr": score}]

    def predict(self, codes):
        """Score windows; float32 array, shape (N,)."""
        scores = np.asarray(self.model.predict(codes), np.float32)
        if scores.shape != (len(codes),):
            raise ValueError(f"predict gave an array of shape {scores.shape} for {len(codes)} windows; one score each")
        return scores
