"""The first layers of a scanning network as one: from codes to each filter's best match, forward and backward.

One-hot encoding, a convolution and a global maximum spend nearly all their time on numbers that nobody looks at. Two
facts give the same result for less:

* A few bases spell few words. The scores of all words of four bases are tabulated once for a batch, and a convolution
  becomes a sum of rows of these tables instead of a product with zeros and ones.
* Behind a global maximum one place of each sequence carries the gradient of a filter. It is enough to know which.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from regdna.models.cnn import OneHot

WORD = 4  # bases: the 5 ** 4 words times 64 filters of a table stay in a processor's second cache


def fused(network):
    """Join one-hot encoding, convolution and global maximum at the start of a network.

    Parameters
    ----------
    network : keras.Model

    Returns
    -------
    keras.Model
        Of the same layers and weights, which it shares with ``network``; ``network`` itself unless it starts with
        :class:`regdna.models.cnn.OneHot`, a Conv1D (stride 1, no padding, no dilation, ReLU or linear) and a
        GlobalMaxPooling1D.
    """
    if not isinstance(network, keras.Sequential) or len(network.layers) < 3:
        return network
    first, convolution, pooling, *others = network.layers
    plain = (
        isinstance(first, OneHot)
        and isinstance(convolution, layers.Conv1D)
        and isinstance(pooling, layers.GlobalMaxPooling1D)
        and convolution.strides == convolution.dilation_rate == (1,)
        and (convolution.padding, convolution.groups, pooling.keepdims) == ("valid", 1, False)
        and convolution.activation in (keras.activations.relu, keras.activations.linear)
    )
    if not plain:
        return network
    codes = keras.Input(network.input_shape[1:], dtype="uint8")
    return keras.Sequential([codes, BestMatch(convolution), *others], name=network.name)


class BestMatch(layers.Layer):
    """Codes (B, L) to the best match of each filter (B, F): one-hot, convolution, activation and global maximum.

    Where several places match equally well, the first of them carries the gradient; single layers would share it out
    among them.

    Parameters
    ----------
    convolution : keras.layers.Conv1D
        Built; its weights are used and trained.
    """

    def __init__(self, convolution, **options):
        super().__init__(**options)
        self.convolution = convolution

    def call(self, codes, training=False):
        best_match = _best_match if training else _best
        best = best_match(tf.cast(codes, tf.int32), tf.convert_to_tensor(self.convolution.kernel))
        return self.convolution.activation(best if self.convolution.bias is None else best + self.convolution.bias)

    def compute_output_shape(self, shape):
        return (shape[0], self.convolution.filters)


@tf.custom_gradient
def _best_match(codes, kernel):
    """Codes (B, L) and kernel (K, A, F) to the best score of each filter (B, F)."""
    best, place = _best_and_place(codes, kernel)
    return best, lambda upstream: (None, _kernel_gradient(codes, place, upstream, kernel.shape[0]))


# Only these functions are compiled, by XLA, which never writes down the scores of all places; compiling the whole
# network would take longer, and its other layers gain nothing.
@tf.function(jit_compile=True)
def _best(codes, kernel):
    return tf.reduce_max(_scores(codes, kernel), axis=1)


@tf.function(jit_compile=True)
def _best_and_place(codes, kernel):
    return _highest(_scores(codes, kernel))


@tf.function(jit_compile=True)
def _kernel_gradient(codes, place, upstream, width):
    """Sum the gradient (B, F) over the words at the best places; returns the kernel's, shape (K, A, F)."""
    filters = place.shape[1]
    parts = []
    for _, size, words in _pieces(codes, width):
        cell = tf.gather(words, place, batch_dims=1) * filters + tf.range(filters)
        table = tf.reshape(tf.math.unsorted_segment_sum(upstream, cell, 5**size * filters), (-1, filters))
        parts.append(tf.reshape(tf.matmul(_spelled(size), table, transpose_a=True), (size, 4, filters)))
    return tf.concat(parts, 0)


def _scores(codes, kernel):
    """Slide the filters along: codes (B, L) and kernel (K, A, F) to scores (B, P, F)."""
    width, _, filters = kernel.shape
    rows = [
        tf.gather(_spelled(size) @ tf.reshape(kernel[begin : begin + size], (-1, filters)), words)
        for begin, size, words in _pieces(codes, width)
    ]
    return tf.add_n(rows)


def _pieces(codes, width):
    """Cut a window of the filters' width into words: begin, size, and the word at each place, int32 (B, P)."""
    places = codes.shape[1] - width + 1
    for begin in range(0, width, WORD):
        size = min(WORD, width - begin)
        yield begin, size, _words(codes[:, begin : begin + places + size - 1], size)


def _words(codes, size):
    """Number the words that start at each place: codes (B, L) to int32 (B, L - size + 1)."""
    places = codes.shape[1] - size + 1
    return tf.add_n([codes[:, i : i + places] * 5 ** (size - 1 - i) for i in range(size)])


def _spelled(size):
    """All words of so many bases, N included, one-hot: float32, shape (5 ** size, size * A)."""
    words = np.array(list(itertools.product(range(5), repeat=size)))
    return tf.constant((words[:, :, None] == np.arange(4)).reshape(len(words), -1).astype(np.float32))


def _highest(scores):
    """Scores (B, P, F) to the highest of each filter and its first place, both (B, F).

    Score and place are packed into one integer, so that one pass finds both: the bits of a float, read as an integer,
    are in the order of the floats once those of negative numbers are turned around.
    """
    places = scores.shape[1]
    room = 2 ** (places - 1).bit_length()
    bits = _ordered(tf.bitcast(scores, tf.int32))
    first_wins = tf.range(places - 1, -1, -1, dtype=tf.int64)[:, None]
    packed = tf.reduce_max(tf.cast(bits, tf.int64) * room + first_wins, axis=1)
    best = tf.bitcast(_ordered(tf.cast(packed // room, tf.int32)), tf.float32)
    return best, places - 1 - tf.cast(packed % room, tf.int32)


def _ordered(bits):
    """Turn the order of negative floats' bits around; done twice, it gives the bits back."""
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, 0x7FFFFFFF), bits)
