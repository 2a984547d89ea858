"""A Keras network as a learner of the regimes."""

import keras
import numpy as np

from regdna.training.metrics import aupr


class KerasLearner:
    """Trains a network by Adam on binary cross-entropy.

    Parameters
    ----------
    network : keras.Model
        Codes in, probability out; uncompiled.
    batch_size : int
    check_every : int
        Gradient steps between two looks at the validation bins.
    """

    def __init__(self, network, batch_size=128, check_every=50):
        self.network, self.batch_size, self.check_every = network, batch_size, check_every

    def fit(self, examples, steps, learning_rate, validation, rng):
        """Take gradient steps, and end with the weights of the best validation AUPR (early stopping by checkpoint).

        The weights at the start count as a checkpoint, so a second phase cannot make a model worse on validation.

        Parameters
        ----------
        examples : regdna.data.examples.Examples
        steps : int
        learning_rate : float
        validation : tuple of (codes, labels)
        rng : numpy.random.Generator
            Decides the order of the examples; they are shuffled anew when all have been seen.

        Returns
        -------
        list of dict
            Checkpoints: step, loss (mean since the one before; NaN for the first), validation_aupr.
        """
        # XLA costs seconds of compilation per network and gains nothing on networks this small.
        optimizer = keras.optimizers.Adam(learning_rate)
        self.network.compile(optimizer, "binary_crossentropy", jit_compile=False)
        order = _endless(len(examples.labels), rng)
        points = [{"step": 0, "loss": np.nan, "validation_aupr": aupr(validation[1], self.predict(validation[0]))}]
        best, best_weights = points[0]["validation_aupr"], self.network.get_weights()
        taken = 0
        while taken < steps:
            round_steps = min(self.check_every, steps - taken)
            rows = np.fromiter(order, np.int64, round_steps * self.batch_size)
            log = self.network.fit(
                examples.codes[rows],
                examples.labels[rows].astype(np.float32),
                sample_weight=examples.weights[rows],
                batch_size=self.batch_size,
                shuffle=False,
                verbose=0,
            )
            taken += round_steps
            score = aupr(validation[1], self.predict(validation[0]))
            points.append({"step": taken, "loss": log.history["loss"][0], "validation_aupr": score})
            if score > best:
                best, best_weights = score, self.network.get_weights()
        self.network.set_weights(best_weights)
        return points

    def predict(self, codes):
        """Give the probability of a positive; float32 array, shape (N,)."""
        return self.network.predict(codes, batch_size=1024, verbose=0)[:, 0]


def _endless(number, rng):
    while True:
        yield from rng.permutation(number)
