"""Networks: `build(*, input_shape, num_classes, seed) -> keras.Model`, one module each.

[0, 1] images in, logits out; layers named `embedding` and `logits`; standard Keras layers only, each with its dtype
and data format: what keras.json or `keras.config` say changes no network.
"""

import keras
import numpy as np

from bsa.components import suggest
from bsa.errors import UsageError

AT_ONCE = 500  # images in one pass
PLAIN = {"dtype": "float32"}  # what every layer states
IMAGES = PLAIN | {"data_format": "channels_last"}  # and every layer of images


def check(model):
    """ValueError where `model` is no built Keras model with one input and one output, as far as it tells."""
    if not getattr(model, "built", False):
        raise ValueError("expected a built Keras model: give it an Input, or call it once on images")
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise ValueError(f"expected a model with one input, images, found {len(inputs)} inputs: give a model of one")
    output = getattr(model, "output", None)  # a functional model tells
    if isinstance(output, dict | list | tuple):
        found = f"a {type(output).__name__} of {len(output)}"
        raise ValueError(f"expected a model with one output, the logits, found {found}: attack a model of one")


def image_shape(model):
    """The shape of one image that `model` takes, with None where it is open; None where it does not tell."""
    shape = getattr(model, "input_shape", None)
    return tuple(shape[1:]) if isinstance(shape, tuple) else None


def classes(model, x):
    """How many logits `model` gives for the first of images x (n, ...); None without images. Otherwise ValueError."""
    if not len(x):
        return None
    try:
        given = model(x[:1], training=False)
    except Exception as error:  # a subclassed model, which tells no shape, may fail in any way
        reason = (str(error).strip() or "no message").splitlines()[0][:200]
        found = f"that it fails on shape {x[:1].shape} ({type(error).__name__}: {reason})"
        raise ValueError(f"expected images that the model takes, found {found}") from error
    shape = getattr(given, "shape", None)  # none of a list or a dict
    if shape is None or len(shape) != 2:
        found = type(given).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ValueError(f"expected a model that gives logits of shape (n, classes), found {found} for one image")
    if shape[-1] < 2:
        raise ValueError(f"expected a model with a logit for each of at least 2 classes, found {shape[-1]} output")
    return shape[-1]


def embedding(model, x, layer="embedding"):
    """What a layer of `model` gives for images x (n, height, width, channels) in [0, 1]: (n, features) float32.

    h(x) of the paper (Eq. 2). Features of more than one axis are flattened; `layer` may be one of a nested model.
    Raises UsageError with the names of the layers where there is none of that name, where it has several outputs, and
    for a subclassed model, whose layers' outputs nobody knows.
    """
    part = _until(model, layer)
    found = None
    for at in range(0, max(len(x), 1), AT_ONCE):
        block = np.asarray(part(x[at : at + AT_ONCE]))
        if found is None:  # not a list of blocks, which would be in memory twice
            found = np.empty((len(x), int(np.prod(block.shape[1:]))), np.float32)
        found[at : at + AT_ONCE] = block.reshape(len(block), found.shape[1])
    return found


def _until(model, layer):
    """A function of images that gives the output of the layer of that name, in inference mode."""
    places = list(_places(model))
    found = [path for path in places if path[-1][1].operation.name == layer]
    if not found:
        known = list(dict.fromkeys(path[-1][1].operation.name for path in places))
        hint = f": {suggest(layer, known)}" if suggest(layer, known) else ""
        raise UsageError(f'expected one of the layers {", ".join(known)}, found "{layer}"{hint}')
    outputs = [output for path in found for output in path[-1][1].outputs]
    if len(outputs) > 1:
        raise UsageError(f'expected a layer that gives one output in the model, found "{layer}" with {len(outputs)}')
    *outer, (inputs, _) = found[0]
    parts = [keras.Model(taken, node.input_tensors[0]) for taken, node in outer] + [keras.Model(inputs, outputs[0])]

    def features(x):
        for part in parts:
            x = part(x, training=False)
        return x

    return features


def _places(model, outer=()):
    """The way to each use of a layer in `model` and in the models within it: pairs (a model's input, its node)."""
    graph = getattr(model, "_functional", None) or model  # of a Sequential
    if not hasattr(graph, "_nodes_by_depth"):
        raise UsageError(
            f"expected a Sequential or functional model, whose layers' outputs Keras knows, found "
            f"{type(model).__name__}: build it of keras.Input and layers"
        )
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            path = (*outer, (graph.inputs[0], node))
            yield path
            if isinstance(node.operation, keras.Model) and hasattr(node.operation, "layers"):
                nested = getattr(node.operation, "_functional", None) or node.operation
                if hasattr(nested, "_nodes_by_depth"):
                    yield from _places(node.operation, path)
