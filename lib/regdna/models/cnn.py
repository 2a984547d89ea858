"""Convolutional networks of Phan et al. 2024 in Keras 3. Each constructor returns an uncompiled network.

Input: uint8 codes, shape (B, L). Output: probability of a positive, shape (B, 1). One-hot encoding is the first layer,
in which N is a row of zeros. ``width`` scales the number of filters, so that every one of them has a laptop's size.
"""

from functools import partial
from typing import NamedTuple

import keras
from keras import layers


@keras.saving.register_keras_serializable("regdna")
class OneHot(layers.Layer):
    """Codes (B, L) to one-hot bases (B, L, A); N becomes zeros."""

    def call(self, codes):
        return keras.ops.one_hot(keras.ops.cast(codes, "int32"), 4)

    def compute_output_shape(self, shape):
        return (*shape, 4)


def shallow_cnn(filters=64, length=200, width=1.0, seed=0):
    """One convolution, the best match of each filter, two dense layers.

    Convolution of ``filters`` kernels 24 bases wide, ReLU, global maximum, dropout, dense 10, ReLU, dropout, dense 1
    (Phan et al. 2024, Methods). With 64 filters 6,869 parameters (the paper's "7K"), with 256 filters 27,413 ("27K").

    Parameters
    ----------
    filters : int
    length : int
        Window in bases.
    width : float
        Factor on the number of filters.
    seed : int
        Of the initial weights and of dropout.

    Returns
    -------
    keras.Model
    """
    return _scanner(_scaled(filters, width), 10, (0.2, 0.2), length, seed, f"cnn{filters}")


def deepbind(length=200, width=1.0, seed=0):
    """DeepBind (Alipanahi et al. 2015, Nat Biotechnol 33:831): 16 kernels 24 bases wide, dense 32, dropout 0.5.

    Parameters and return value as in :func:`shallow_cnn`.
    """
    return _scanner(_scaled(16, width), 32, (0.0, 0.5), length, seed, "deepbind")


def deep_cnn(filters=64, length=200, width=1.0, seed=0):
    """A convolution that finds motifs, five dilated ones that relate them to each other, the best of each filter.

    Convolution of ``filters`` kernels 24 bases wide, ReLU, maximum over 4 places; five convolutions of kernels 3 wide,
    dilated 1, 2, 4, 8 and 16 times, each added to what it was given (Phan et al. 2024, Methods, after Basenji: Kelley
    et al. 2018, Genome Res 28:739); then as :func:`shallow_cnn`. The maximum over 4 places and the dilations are our
    choice, after Basenji's, which pools before it dilates; at the end each place has seen 63 others, or 252 bases.

    Parameters and return value as in :func:`shallow_cnn`.
    """
    filters_here = _scaled(filters, width)
    start = _starts(seed)
    codes = keras.Input((length,), dtype="uint8")
    found = layers.Conv1D(filters_here, 24, activation="relu", kernel_initializer=start(), name="filters")
    x = layers.MaxPooling1D(4)(found(OneHot()(codes)))
    for dilation in (1, 2, 4, 8, 16):
        options = {"dilation_rate": dilation, "kernel_initializer": start(), "name": f"dilated{dilation}"}
        related = layers.Conv1D(filters_here, 3, padding="same", **options)
        x = layers.Add()([x, layers.ReLU()(related(x))])
    x = layers.Dropout(0.2, seed=1000 * seed + 101)(layers.GlobalMaxPooling1D()(x))
    x = layers.Dense(10, activation="relu", kernel_initializer=start(), name="hidden")(x)
    x = layers.Dropout(0.2, seed=1000 * seed + 102)(x)
    x = layers.Dense(1, activation="sigmoid", kernel_initializer=start(), name="output")(x)
    return keras.Model(codes, x, name=f"deepcnn{filters}")


def deepsea(length=1000, width=1.0, outputs=1, seed=0):
    """DeepSEA (Zhou and Troyanskaya 2015, Nat Methods 12:931): three convolutions on a window of 1 kb, dense 925.

    Convolutions of 320, 480 and 960 kernels 8 wide, ReLU; maxima over 4 places and dropout 0.2 after the first two,
    dropout 0.5 after the third. With 919 outputs, as published, 52,843,119 parameters.

    Parameters
    ----------
    length, width, seed
        As in :func:`shallow_cnn`; ``width`` scales the dense layer, too.
    outputs : int
        Number of probabilities.

    Returns
    -------
    keras.Model
    """
    start = _starts(seed)
    network = keras.Sequential([keras.Input((length,), dtype="uint8"), OneHot()], name="deepsea")
    for number, (filters, dropout) in enumerate(((320, 0.2), (480, 0.2), (960, 0.5))):
        name = "filters" if number == 0 else f"filters{number + 1}"
        kernels = _scaled(filters, width)
        network.add(layers.Conv1D(kernels, 8, activation="relu", kernel_initializer=start(), name=name))
        if number < 2:
            network.add(layers.MaxPooling1D(4))
        network.add(layers.Dropout(dropout, seed=1000 * seed + 101 + number))
    network.add(layers.Flatten())
    hidden = _scaled(925, width)
    network.add(layers.Dense(hidden, activation="relu", kernel_initializer=start(), name="hidden"))
    network.add(layers.Dense(outputs, activation="sigmoid", kernel_initializer=start(), name="output"))
    return network


def _scanner(filters, hidden, dropout, length, seed, name):
    start = _starts(seed)
    return keras.Sequential(
        [
            keras.Input((length,), dtype="uint8"),
            OneHot(),
            layers.Conv1D(filters, 24, activation="relu", kernel_initializer=start(), name="filters"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(dropout[0], seed=1000 * seed + 101),
            layers.Dense(hidden, activation="relu", kernel_initializer=start(), name="hidden"),
            layers.Dropout(dropout[1], seed=1000 * seed + 102),
            layers.Dense(1, activation="sigmoid", kernel_initializer=start(), name="output"),
        ],
        name=name,
    )


def _scaled(filters, width):
    if width <= 0:
        raise ValueError(f"width {width}: it must be above 0; 1 is the published size")
    return max(1, round(filters * width))


def _starts(seed):
    """Make initial weights one layer after the other, each from a random stream of its own."""
    numbers = iter(range(1, 100))
    return lambda: keras.initializers.GlorotUniform(seed=1000 * seed + next(numbers))


class Architecture(NamedTuple):
    """How a network is built (from ``seed=``), and the window in bases that it looks at."""

    build: object
    window: int = 200


MODELS = {
    "cnn64": Architecture(partial(shallow_cnn, 64)),
    "cnn256": Architecture(partial(shallow_cnn, 256)),
    "deepbind": Architecture(deepbind),
    "deepcnn64": Architecture(partial(deep_cnn, 64)),
    "deepcnn256": Architecture(partial(deep_cnn, 256)),
    "deepsea": Architecture(deepsea, window=1000),
    "deepsea-mini": Architecture(partial(deepsea, width=1 / 16), window=1000),
}
