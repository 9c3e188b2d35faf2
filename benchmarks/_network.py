"""The network and the images of a benchmark: the same for everyone. bsa's side; needs no PyTorch."""

import json
import math
import os
from pathlib import Path

import numpy as np

SHAPE, CLASSES = (28, 28, 1), 10
FORMATS = {".npz": "npz", ".pth": "wong_kolter"}


def load(name, weights, folder):
    """bsa's MNIST network `name` with the weights of a file, saved in `folder` as `save` does.

    The file is a `.keras` model, an `.npz` of arrays in Keras's order and layout, or a `.pth` state dict of the same
    layers.
    """
    import keras

    import bsa

    model = bsa.build(name, input_shape=SHAPE, num_classes=CLASSES)
    if weights.suffix == ".keras":
        model.set_weights(keras.saving.load_model(weights, compile=False).get_weights())
    elif weights.suffix in FORMATS:
        bsa.import_weights(FORMATS[weights.suffix], model, weights)
    else:
        raise ValueError(f"expected weights in a .keras, .npz or .pth file, found {weights}")
    save(model, folder)
    return model


def save(model, folder):
    """Write `folder`/network.keras, and network.npz: the arrays and "layers", for who has no Keras. See `layers`."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays(model, folder / "network.npz")
    part = folder / f"{os.getpid()}.keras"  # another benchmark may be reading the file
    model.save(part)
    part.replace(folder / "network.keras")


def arrays(model, path):
    """Write the weights of a network as an `.npz`, with its "layers" as JSON."""
    part = path.with_name(f"{os.getpid()}.npz")
    np.savez(part, *model.get_weights(), layers=json.dumps(layers(model)))
    part.replace(path)


def layers(model):
    """What another library builds the network of: dicts, each a layer with its "kind" and sizes, in order.

    Of a network that is a chain of convolutions, max-poolings, dense layers, activations and a normalisation of its
    inputs; ValueError for any other layer. The logits of both are compared before anything is attacked.
    """
    found = []
    for layer in model.layers[1:]:  # the first is the input
        made = _KINDS.get(type(layer).__name__)
        if made is None:
            known = ", ".join(_KINDS)
            raise ValueError(f"{layer.name}: expected a layer of {known}, found {type(layer).__name__}")
        found.append(made(layer))
        activation = layer.get_config().get("activation", "linear")
        if activation != "linear":
            found.append({"kind": activation})
    return found


def _convolution(layer):
    before, after = zip(*_padding(layer, layer.kernel_size), strict=True)
    sizes = {"inputs": layer.kernel.shape[2], "outputs": layer.filters, "bias": layer.use_bias}
    shapes = {"size": list(layer.kernel_size), "strides": list(layer.strides), "before": before, "after": after}
    return {"kind": "convolution", **sizes, **shapes}


def _pooling(layer):
    if any(sum(pair) for pair in _padding(layer, layer.pool_size)):
        raise ValueError(f"{layer.name}: expected a pooling of whole windows, found one with padding")
    return {"kind": "pooling", "size": list(layer.pool_size), "strides": list(layer.strides)}


def _padding(layer, size):
    """Rows and columns added before and after, pairs by axis: of "same", Keras adds the odd one after."""
    if layer.padding == "valid":
        return [(0, 0), (0, 0)]
    length = layer.input.shape[1:3]
    total = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n, s, k in zip(length, layer.strides, size, strict=True)]
    return [(t // 2, t - t // 2) for t in total]


def _dense(layer):
    return {"kind": "dense", "inputs": layer.kernel.shape[0], "outputs": layer.units, "bias": layer.use_bias}


def _normalisation(layer):
    mean, deviation = np.array(layer.mean).ravel(), np.sqrt(np.array(layer.variance).ravel())
    return {"kind": "normalisation", "mean": mean.tolist(), "deviation": deviation.tolist()}


_KINDS = {
    "Conv2D": _convolution, "MaxPooling2D": _pooling, "Dense": _dense, "Normalization": _normalisation,
    "Flatten": lambda layer: {"kind": "flatten"},
}  # fmt: skip


def images(model, data, cell, count):
    """The first `count` images of a `Dataset` that are correctly classified in the cell: x, y and their numbers."""
    import bsa
    from bsa.networks import logits

    right, moved, at = [], [], 0
    while len(right) < count and at < len(data.x):
        part = slice(at, at + 2 * count)
        x = np.clip(bsa.blind_spot(data.x[part], *(np.float32(v) for v in cell)), 0, 1).astype(np.float32)
        kept = np.flatnonzero(logits(model, x).argmax(-1) == data.y[part])
        right += list(at + kept)
        moved.append(x[kept])
        at += 2 * count
    index = np.array(right[:count])
    return np.concatenate(moved)[:count], data.y[index], index


def root():
    """The folder from which `python -m benchmarks...` works."""
    return Path(__file__).resolve().parents[1]
