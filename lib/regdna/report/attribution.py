"""What a network looks at: attributions of single bases, by tangermeme."""

import numpy as np
import torch
from tangermeme.deep_lift_shap import deep_lift_shap


def as_torch(network):
    """Rebuild a shallow CNN in PyTorch, where the attribution libraries of the field live.

    Parameters
    ----------
    network : keras.Model
        From :func:`regdna.models.cnn.shallow_cnn` or :func:`regdna.models.cnn.deepbind`.

    Returns
    -------
    torch.nn.Sequential
        One-hot bases (B, A, L) in, log odds of a positive (B, 1) out; dropout, which rests after training, left out.

    Raises
    ------
    ValueError
        If the network has other layers.
    """
    kinds = [type(layer).__name__ for layer in network.layers if type(layer).__name__ != "Dropout"]
    if kinds != ["OneHot", "Conv1D", "GlobalMaxPooling1D", "Dense", "Dense"]:
        raise ValueError(f"{network.name} is no shallow CNN; its layers are {', '.join(kinds)}")
    (kernel, bias), hidden, output = (network.get_layer(name).get_weights() for name in ("filters", "hidden", "output"))
    width, bases, filters = kernel.shape
    places = network.input_shape[1] - width + 1
    copy = torch.nn.Sequential(
        torch.nn.Conv1d(bases, filters, width),
        torch.nn.ReLU(),
        torch.nn.MaxPool1d(places),
        torch.nn.Flatten(),
        torch.nn.Linear(*hidden[0].shape),
        torch.nn.ReLU(),
        torch.nn.Linear(*output[0].shape),
    )
    weights = [kernel.transpose(2, 1, 0), bias, hidden[0].T, hidden[1], output[0].T, output[1]]
    with torch.no_grad():
        for parameter, value in zip(copy.parameters(), weights):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return copy.eval()


def attributions(network, codes, seed=0):
    """Attribute the log odds of windows to their bases by DeepLIFT/SHAP, against dinucleotide-shuffled windows.

    Parameters
    ----------
    network : keras.Model
        A shallow CNN.
    codes : uint8 array, shape (N, L)
        Without N.
    seed : int
        Of the shuffled windows.

    Returns
    -------
    float32 array, shape (N, L, A)
        Zero but for the base that is there.
    """
    hot = torch.from_numpy(np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1).copy())
    found = deep_lift_shap(
        as_torch(network), hot, n_shuffles=20, random_state=seed, device="cpu", warning_threshold=0.01
    )
    return found.numpy().transpose(0, 2, 1).astype(np.float32)
