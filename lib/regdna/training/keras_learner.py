"""A Keras network as a learner of the regimes."""

from functools import cache

import keras
import numpy as np
import tensorflow as tf

from regdna.models.fused import fused
from regdna.training.metrics import aupr

SCORED = 512  # windows in a batch that is scored


class KerasLearner:
    """Trains a network by Adam on binary cross-entropy.

    The loop is written here and not left to ``network.fit``: many steps run without a way back to Python after each,
    the second phase needs no new graph, and no more than one round of windows is ever copied.

    Parameters
    ----------
    network : keras.Model
        Codes in, probability out, shape (B, 1); uncompiled.
    batch_size : int
    check_every : int
        Gradient steps between two looks at the validation bins.
    """

    is_learner = True

    def __init__(self, network, batch_size=128, check_every=50):
        self.network, self.batch_size, self.check_every = network, batch_size, check_every
        fast = fused(network)  # the same weights, and faster where the network starts as most of the book's do
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(network.trainable_variables)
        self._at_rest = [variable.numpy() for variable in self.optimizer.variables]
        length = network.input_shape[1]

        def take_steps(codes, labels, weights):
            total = tf.constant(0.0)
            for i in tf.range(tf.shape(codes)[0]):
                with tf.GradientTape() as tape:
                    losses = keras.losses.binary_crossentropy(labels[i][:, None], fast(codes[i], training=True))
                    loss = tf.reduce_mean(losses * weights[i]) + sum(fast.losses)
                gradients = tape.gradient(loss, network.trainable_variables)
                self.optimizer.apply(gradients, network.trainable_variables)
                total += loss
            return total / tf.cast(tf.shape(codes)[0], tf.float32)

        batches = [(None, batch_size, length), (None, batch_size), (None, batch_size)]
        kinds = (tf.uint8, tf.float32, tf.float32)
        self._take_steps = tf.function(take_steps, [tf.TensorSpec(*pair) for pair in zip(batches, kinds)])
        # One graph for one shape of batch; TensorFlow would warn of a graph for each learner of a process.
        score = tf.function(lambda codes: fast(codes, training=False)[:, 0])
        self._score = cache(lambda: score.get_concrete_function(tf.TensorSpec((SCORED, length), tf.uint8)))

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
            Checkpoints: step, loss (mean since the one before; NaN for the first), validation_aupr (NaN where the
            training has diverged).
        """
        for variable, value in zip(self.optimizer.variables, self._at_rest):
            variable.assign(value)
        self.optimizer.learning_rate = learning_rate
        order = _endless(len(examples.labels), rng)
        points = [{"step": 0, "loss": np.nan, "validation_aupr": aupr(validation[1], self.predict(validation[0]))}]
        best, best_weights = points[0]["validation_aupr"], self.network.get_weights()
        taken = 0
        while taken < steps:
            round_steps = min(self.check_every, steps - taken)
            rows = np.fromiter(order, np.int64, round_steps * self.batch_size).reshape(round_steps, -1)
            labels = examples.labels[rows].astype(np.float32)
            loss = self._take_steps(examples.codes[rows], labels, examples.weights[rows])
            taken += round_steps
            scores = self.predict(validation[0])
            score = aupr(validation[1], scores) if np.isfinite(scores).all() else np.nan  # never the best
            points.append({"step": taken, "loss": float(loss), "validation_aupr": score})
            if score > best:
                best, best_weights = score, self.network.get_weights()
        self.network.set_weights(best_weights)
        return points

    def predict(self, codes):
        """Give the probability of a positive; float32 array, shape (N,)."""
        scores = np.empty(len(codes), np.float32)
        for begin in range(0, len(codes), SCORED):
            batch = np.asarray(codes[begin : begin + SCORED])
            full = np.pad(batch, ((0, SCORED - len(batch)), (0, 0)))
            scores[begin : begin + len(batch)] = self._score()(tf.constant(full))[: len(batch)]
        return scores

    def weights(self):
        """Give the weights by name; dict of str to float32 array."""
        return dict(zip(self._names(), self.network.get_weights()))

    def load_weights(self, weights):
        """Take the weights that :meth:`weights` gave.

        Raises
        ------
        ValueError
            If they are of another network.
        """
        if weights.keys() != set(self._names()):
            raise ValueError(f"it has {', '.join(weights)}, the network {', '.join(self._names())}")
        self.network.set_weights([weights[name] for name in self._names()])

    def _names(self):
        return [f"{i:02d}.{weight.path}" for i, weight in enumerate(self.network.weights)]


def _endless(number, rng):
    while True:
        yield from rng.permutation(number)
