"""What any network is asked for: logits, embeddings, the model that an attack works on, checked images and labels."""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bsa import given
from bsa.errors import UsageError, suggest
from bsa.execution import DEFAULT, LEAST, Execution
from bsa.rewrites.copies import carry, difference
from bsa.rewrites.precision import in_float32

AT_ONCE = 500  # images in one pass
MEMORY = 2**31  # bytes that the passes of a search may hold, as far as `LEAST` images fit into them
BOTH_WAYS = 8  # bytes of each number that a layer gives: float32, there and back
GUESS = 250  # numbers of all layers for each one of the image, about as in a ResNet-50
PLAIN = str, int, float, bool, list, tuple, type(None)  # values in a layer's config
SMALL = 32 * 32 * 3  # values of an image up to which so many fit: a pass holds the outputs of all layers


def logits(model: keras.Model, x: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """The model's logits (n, classes) in inference mode, float32, in batches; smaller ones for images above 32 x 32."""
    batch_size = max(1, batch_size * SMALL // max(int(np.prod(x.shape[1:])), SMALL))
    blocks = (np.asarray(x[at : at + batch_size]) for at in range(0, len(x), batch_size))
    parts = [model(block, training=False) for block in blocks]
    return np.concatenate([np.asarray(tf.cast(part, tf.float32)) for part in parts])


def batch(model: keras.Model, execution: Execution = DEFAULT) -> int:
    """How many images a search in `model` works on at a time: as stated, else as many as `MEMORY` holds, at most 500.

    A pass holds what all layers give. Of a model that does not tell its layers, that is guessed from the image's size.
    """
    if execution.batch_size:
        return execution.batch_size
    try:
        nodes = [path[-1][1] for path in _places(model)]
        shapes = [out.shape[1:] for node in nodes if not hasattr(node.operation, "layers") for out in node.outputs]
        numbers = sum(int(np.prod(shape)) for shape in shapes if None not in shape)
        told = all(type(node.operation).__module__.startswith("keras.") for node in nodes)
    except UsageError:
        numbers, told = 0, False
    if not told or not numbers:  # another's layer may hold a whole network
        sizes = image_shape(model) or (None,)
        known = [size for size in sizes if size is not None]
        numbers = max(numbers, GUESS * int(np.prod(known)) if len(known) == len(sizes) else SMALL * GUESS // 10)
    return max(LEAST, min(AT_ONCE, MEMORY // (BOTH_WAYS * numbers)))


def target(model: keras.Model) -> keras.Model:
    """The model that an attack works on: `model`, or a float32 copy if some layers compute in lower precision."""
    check(model)
    exact = in_float32(model)
    if exact is not model and hasattr(model, "wrapping"):  # keep the notes of `bsa.wrap`
        exact.wrapping = model.wrapping
    return exact


def fingerprint(model: keras.Model) -> str:
    """The sha256 of a network's weights and of what its layers compute, as far as these tell it in plain values.

    Names do not count: they are given in turn, and the next process gives others. A layer that holds weights which are
    not Keras's tells them by `fingerprint()`.
    """
    found = hashlib.sha256()
    for layer in model._flatten_layers():
        config = {"held": layer.fingerprint()} if hasattr(layer, "fingerprint") else {}
        if not config and not hasattr(layer, "layers"):
            with contextlib.suppress(NotImplementedError):  # a layer that nobody can save
                config = layer.get_config()
        plain = {key: value for key, value in config.items() if isinstance(value, PLAIN) and key != "name"}
        found.update(f"{type(layer).__name__} {sorted(plain.items())}\n".encode())
    for array in model.get_weights():
        found.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def checked(model: keras.Model, x: Any, y: Any, index: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inputs of an attack as arrays: x float32, y int32, index int64; ValueError says what is wrong.

    x and y may have the forms of `bsa.data.images` and `bsa.data.labels`.
    """
    shape = image_shape(model) or (None, None, None)  # a subclassed model has none
    if len(shape) != 3:
        raise ValueError(f"expected a model of images (n, height, width, channels), found one of shape (n, {shape})")
    x = np.asarray(given.images(x, shape))
    y = given.labels(y, len(x), classes(model, x))
    index = np.arange(len(x)) if index is None else np.asarray(index)
    if index.shape != (len(x),) or (len(x) and index.dtype.kind not in "iu"):
        found = f"{index.dtype} of shape {index.shape}"
        raise ValueError(f"expected one whole number for each of the {len(x)} images in index, found {found}")
    return x, y, index.astype(np.int64)


def trusted(
    model: keras.Model,
    exact: keras.Model,
    copies: Sequence[keras.Model | None],
    x: np.ndarray,
) -> tuple[list[keras.Model | None], tuple[str, ...]]:
    """`copies` of `exact`, each with the current weights of `model`, and notes for a reader.

    `exact`, which `target` returned for `model`, replaces each copy that differs from it on the first of images x
    (n, ...) by more than rounding. Raises ValueError if `exact` differs so from `model` itself. None stays None.
    """
    for copy in (exact, *copies):
        if copy is not None and copy is not model:
            carry(model, copy)
    where = difference(exact, model, x)
    if where:
        raise ValueError(
            f"expected a float32 copy with the model's outputs, found other outputs {where}: Keras cannot copy "
            "that layer by its config; build the model in float32"
        )
    found, notes = [], []
    for copy in copies:
        where = None if copy is None else difference(copy, exact, x)
        found.append(exact if where else copy)
        if where:
            notes.append(f"a copy for the search was not used: its outputs differ {where}; searched with the model")
    return found, tuple(dict.fromkeys(notes))


def check(model: keras.Model) -> None:
    """ValueError if `model` is no built Keras model with one input and one output, as far as it shows."""
    if not getattr(model, "built", False):
        raise ValueError("expected a built Keras model: give it an Input, or call it once on images")
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise ValueError(f"expected a model with one input, images, found {len(inputs)} inputs: give a model of one")
    output = getattr(model, "output", None)  # a functional model has one
    if isinstance(output, dict | list | tuple):
        found = f"a {type(output).__name__} of {len(output)}"
        raise ValueError(
            f"expected a model with one output, the logits, found {found}: bsa.wrap(model, output=...) picks one"
        )


def image_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    """The shape of one image that `model` takes, with None for open sizes; None if it is not known."""
    shape = getattr(model, "input_shape", None)
    return tuple(shape[1:]) if isinstance(shape, tuple) else None


def classes(model: keras.Model, x: np.ndarray) -> int | None:
    """How many logits `model` gives for the first of images x (n, ...); None without images. Raises ValueError."""
    if not len(x):
        return None
    try:
        given = model(np.asarray(x[:1]), training=False)
    except Exception as error:  # a subclassed model, whose shape is not known, may fail in any way
        reason = (str(error).strip() or "no message").splitlines()[0][:200]
        found = f"that it fails on shape {x[:1].shape} ({type(error).__name__}: {reason})"
        raise ValueError(f"expected images that the model takes, found {found}") from error
    shape = getattr(given, "shape", None)  # none of a list or a dict
    if shape is None or len(shape) != 2:
        found = type(given).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ValueError(f"expected a model that gives logits of shape (n, classes), found {found} for one image")
    if shape[-1] < 2:
        found = f"{shape[-1]} output: bsa.wrap(model) makes two logits of a sigmoid"
        raise ValueError(f"expected a model with a logit for each of at least 2 classes, found {found}")
    return shape[-1]


def embedding(model: keras.Model, x: np.ndarray, layer: str = "embedding") -> np.ndarray:
    """The output of a layer of `model` for images x (n, height, width, channels) in [0, 1]: (n, features) float32.

    h(x) of the paper (Eq. 2). Features of more than one axis are flattened; `layer` may belong to a nested model.
    Raises UsageError, with the names of the layers, if there is no such layer, if it has several outputs, and for a
    subclassed model, whose layers' outputs are not known.
    """
    part = _until(model, layer)
    found: Any = None
    for at in range(0, max(len(x), 1), AT_ONCE):
        block = np.asarray(part(np.asarray(x[at : at + AT_ONCE])))
        if found is None:  # one array: a list of blocks would be in memory twice
            found = np.empty((len(x), int(np.prod(block.shape[1:]))), np.float32)
        found[at : at + AT_ONCE] = block.reshape(len(block), found.shape[1])
    return found


def _until(model, layer):
    """A function of images that returns the output of the layer of that name, in inference mode."""
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
    graph = getattr(model, "_functional", None) or model  # a Sequential has one
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
