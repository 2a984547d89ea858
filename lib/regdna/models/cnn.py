"""Convolutional networks of Phan et al. 2024 in Keras 3. Each constructor returns an uncompiled network.

Input: uint8 codes, shape (B, L). Output: probability of a positive, shape (B, 1). One-hot encoding is the first layer,
in which N is a row of zeros.
"""

import keras
from keras import layers


@keras.saving.register_keras_serializable("regdna")
class OneHot(layers.Layer):
    """Codes (B, L) to one-hot bases (B, L, A); N becomes zeros."""

    def call(self, codes):
        return keras.ops.one_hot(keras.ops.cast(codes, "int32"), 4)

    def compute_output_shape(self, shape):
        return (*shape, 4)


def shallow_cnn(filters=64, length=200, seed=0):
    """One convolution, the best match of each filter, two dense layers.

    Convolution of ``filters`` kernels 24 bases wide, ReLU, global maximum, dropout, dense 10, ReLU, dropout, dense 1
    (Phan et al. 2024, Methods). With 64 filters 6,869 parameters (the paper's "7K"), with 256 filters 27,413 ("27K").

    Parameters
    ----------
    filters : int
    length : int
        Window in bases.
    seed : int
        Of the initial weights and of dropout.

    Returns
    -------
    keras.Model
    """
    return _scanner(filters, 10, (0.2, 0.2), length, seed, f"cnn{filters}")


def deepbind(length=200, seed=0):
    """DeepBind (Alipanahi et al. 2015, Nat Biotechnol 33:831): 16 kernels 24 bases wide, dense 32, dropout 0.5.

    Parameters and return value as in :func:`shallow_cnn`.
    """
    return _scanner(16, 32, (0.0, 0.5), length, seed, "deepbind")


def _scanner(filters, hidden, dropout, length, seed, name):
    def start(offset):
        return keras.initializers.GlorotUniform(seed=1000 * seed + offset)

    return keras.Sequential(
        [
            keras.Input((length,), dtype="uint8"),
            OneHot(),
            layers.Conv1D(filters, 24, activation="relu", kernel_initializer=start(1), name="filters"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(dropout[0], seed=1000 * seed + 2),
            layers.Dense(hidden, activation="relu", kernel_initializer=start(3), name="hidden"),
            layers.Dropout(dropout[1], seed=1000 * seed + 4),
            layers.Dense(1, activation="sigmoid", kernel_initializer=start(5), name="output"),
        ],
        name=name,
    )


MODELS = {
    "cnn64": lambda seed: shallow_cnn(64, seed=seed),
    "cnn256": lambda seed: shallow_cnn(256, seed=seed),
    "deepbind": lambda seed: deepbind(seed=seed),
}
