"""PyTorch weights (`.pth`) of networks that are a `Sequential` of convolutions and dense layers, read without PyTorch.

This is how Wong and Kolter released theirs: a state dict, or a dict whose "state_dict" is one or a list of them, a
cascade of networks. The format is read in `_torch.py`; nothing in a file is executed.
"""

import keras
import numpy as np

from bsa.errors import WeightsError
from bsa.weights import _order, _torch, count, fits, put, shown


def load(model, path, *, index):
    """Put the state dict in `path`, the `index`-th of a cascade, into `model`, by order.

    Convolutions (out, in, height, width) become (height, width, in, out), matrices (out, in) are transposed, and the
    inputs of a dense layer after images, flattened channels first in PyTorch, are put in the model's order: `_order`
    traces it through what lies between. Raises WeightsError for anything but tensors in the file, an index beyond the
    cascade, other shapes or another number, for a model with other layers that have weights than Conv2D and Dense, and
    where the order cannot be told.
    """
    state, wanted = _state(_torch.read(path), index, path), list(_wanted(model))
    count(model, state, path)
    found = []
    for (name, tensor), (weight, shape, turned) in zip(state.items(), wanted, strict=True):
        fits(name, tensor.size, weight, shape, path)
        found.append((name, turned(_torch.array(tensor, name, path))))
    put(model, found, path)


def _state(content, index, path):
    """The state dict that is asked for, name -> `_torch.Tensor`."""
    if isinstance(content, dict) and "state_dict" in content:
        content = content["state_dict"]
    cascade = content if isinstance(content, list) else [content]
    if index >= len(cascade):
        raise WeightsError(f"{path}: expected an index below {len(cascade)}, the number of networks, found {index}")
    state = cascade[index]
    if not isinstance(state, dict):
        raise WeightsError(f'{path}: expected a state dict, or a dict with one as "state_dict", found '
                           f"{type(state).__name__}")  # fmt: skip
    if not all(type(name) is str for name in state):
        raise WeightsError(f"{path}: expected a state dict with names, found keys of other types")
    others = [name for name, value in state.items() if not isinstance(value, _torch.Tensor)]
    if others:
        raise WeightsError(f"{path}: expected a state dict of tensors alone, found others: {shown(others)}")
    return state


def _wanted(model):
    """For each weight its path, its shape in PyTorch, and how an array of that shape becomes Keras's."""
    layers = [layer for layer in model.layers if layer.weights]
    for layer in layers:
        if type(layer) not in (keras.layers.Conv2D, keras.layers.Dense):
            raise WeightsError(
                f"expected a network whose weights are those of Conv2D and Dense layers, found {layer.name}, "
                f"{type(layer).__name__}"
            )
    orders = _order.orders(model)
    for layer in layers:
        places = orders[layer.name]
        for weight in layer.weights:  # the kernel, and then the bias if there is one
            path, shape = weight.path.removeprefix(f"{model.name}/"), tuple(weight.shape)
            if len(shape) == 4:
                yield path, tuple(shape[i] for i in (3, 2, 0, 1)), lambda w: w.transpose(2, 3, 1, 0)
            elif len(shape) == 2:
                yield path, shape[::-1], _matrix(places)
            else:
                yield path, shape, np.asarray


def _matrix(places):
    """How a matrix (out, in) becomes (in, out), its inputs in the order of their `places`."""
    return np.transpose if places is None else lambda w: w[:, places].T
