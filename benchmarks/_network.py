"""The network and the images of a benchmark: the same for everyone. bsa's side; needs no PyTorch."""

from pathlib import Path

import numpy as np

SHAPE, CLASSES = (28, 28, 1), 10
FORMATS = {".npz": "npz", ".pth": "wong_kolter"}


def load(name, weights, folder):
    """bsa's MNIST network `name` with the weights of a file, and its arrays as `folder`/network.npz and network.keras.

    The file is a `.keras` model, an `.npz` of arrays in Keras's order and layout, or a `.pth` state dict of the same
    layers.
    """
    import keras

    import bsa

    folder.mkdir(parents=True, exist_ok=True)
    model = bsa.build(name, input_shape=SHAPE, num_classes=CLASSES)
    if weights.suffix == ".keras":
        model.set_weights(keras.saving.load_model(weights, compile=False).get_weights())
    elif weights.suffix in FORMATS:
        bsa.import_weights(FORMATS[weights.suffix], model, weights)
    else:
        raise ValueError(f"expected weights in a .keras, .npz or .pth file, found {weights}")
    np.savez(folder / "network.npz", *model.get_weights())
    model.save(folder / "network.keras")
    return model


def images(model, cell, count, data_dir):
    """The first `count` test images of MNIST that are correctly classified in the cell: x, y and their numbers."""
    import bsa
    from bsa.networks import logits

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
