"""The network and the images of a benchmark: the same for everyone. bsa's side; needs no PyTorch."""

import subprocess
from pathlib import Path

import numpy as np

SHAPE, CLASSES = (28, 28, 1), 10


def load(name, weights, peers_python, folder):
    """bsa's MNIST network `name` with the weights of a file, and its arrays as `folder`/network.npz and network.keras.

    The file is a `.keras` model, an `.npz` of arrays in Keras's order and layout, or a `.pth` state dict of the same
    layers, which the peers' Python reads.
    """
    import keras

    import bsa

    folder.mkdir(parents=True, exist_ok=True)
    model = bsa.build(name, input_shape=SHAPE, num_classes=CLASSES)
    if weights.suffix == ".keras":
        arrays = keras.saving.load_model(weights, compile=False).get_weights()
    elif weights.suffix == ".npz":
        arrays = _arrays(weights)
    elif weights.suffix == ".pth":
        read = folder / "state_dict.npz"
        subprocess.run([peers_python, "-m", "benchmarks.peers.pth", weights, read], check=True, cwd=root())
        arrays = from_torch(_arrays(read), _flattened(model))
    else:
        raise ValueError(f"expected weights in a .keras, .npz or .pth file, found {weights}")
    model.set_weights(arrays)
    np.savez(folder / "network.npz", *arrays)
    model.save(folder / "network.keras")
    return model


def from_torch(arrays, flattened):
    """Weights of a PyTorch network in Keras's layout; `flattened` (height, width, channels) enters the first dense one.

    Kernels (out, in, height, width) become (height, width, in, out); matrices are transposed, and the first one's
    inputs, which PyTorch flattens channels first, are put in Keras's order.
    """
    height, width, channels = flattened
    found, first = [], True
    for array in arrays:
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        elif array.ndim == 2 and first:
            array = array.reshape(-1, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, len(array))
            first = False
        elif array.ndim == 2:
            array = array.T
        found.append(np.ascontiguousarray(array))
    return found


def images(model, cell, count, data_dir):
    """The first `count` test images of MNIST that are correctly classified in the cell: x, y and their numbers."""
    import bsa
    from bsa.attacks import logits

    data = bsa.load("mnist", split="test", data_dir=data_dir)
    x = np.clip(bsa.blind_spot(data.x, *(np.float32(v) for v in cell)), 0, 1).astype(np.float32)
    right, at = [], 0
    while len(right) < count and at < len(x):
        part = slice(at, at + 2 * count)
        right += list(at + np.flatnonzero(logits(model, x[part]).argmax(-1) == data.y[part]))
        at += 2 * count
    index = np.array(right[:count])
    return x[index], data.y[index], index


def root():
    """The folder from which `python -m benchmarks...` works."""
    return Path(__file__).resolve().parents[1]


def _arrays(path):
    with np.load(path) as file:
        return [file[name] for name in file.files]


def _flattened(model):
    import keras

    return next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten)).input.shape[1:]
