"""A classifier before it is wrapped: what it takes, which output is used, and its outputs for images in [0, 1]."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.rewrites.copies import ROUNDING, SUMS, carry, remade
from bsa.rewrites.graphs import graph
from bsa.rewrites.pixels import Affine

AT_ONCE = 16  # images in one pass


class Original(NamedTuple):
    """A model, its graph where Keras knows one, and how images (n, *shape) in [0, 1] and its output are given."""

    model: keras.Model
    inner: keras.Model | None
    shape: tuple[int | None, ...]  # of an image, (height, width, channels)
    taken: tuple[int | None, ...]  # as the model takes it
    made: Affine  # its pixels of those in [0, 1]
    output: int | str | None

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers alone."""
        return self.inner is not None and "int" in self.inner.inputs[0].dtype

    @property
    def rounding(self) -> float:
        """What it rounds at, as a share of its largest output."""
        return max((ROUNDING.get(layer.compute_dtype, SUMS) for layer in self.model._flatten_layers()), default=SUMS)

    def answers(self, x: np.ndarray) -> np.ndarray:
        """Its output for images x (n, height, width, channels) in [0, 1], as it gives it: (n, any), float32."""
        found = [self._answer(x[at : at + AT_ONCE]) for at in range(0, len(x), AT_ONCE)]
        return np.concatenate(found)

    def _answer(self, x):
        pixels = self.made(x)
        pixels = np.rint(pixels).astype(self.inner.inputs[0].dtype) if self.whole else pixels
        given = arranged(pixels, self.taken)
        if self.inner is not None:
            given = keras.tree.map_structure(lambda _: given, self.inner.input)
        try:
            found = self.model(given, training=False)
        except Exception as error:  # of any kind, by what its layers make of images
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"expected images of shape {x.shape[1:]} that the model takes, found that it fails on them "
                f"({type(error).__name__}: {reason}): state the input_shape that it was made for"
            ) from error
        return squeezed(np.asarray(tf.cast(self.pick(found), tf.float32)))

    def pick(self, found: Any) -> Any:
        """The output asked for out of what the model gave; ValueError names the outputs where one must be chosen."""
        if isinstance(found, Mapping):
            names = list(found)
        elif isinstance(found, list | tuple):
            names = list(getattr(self.inner, "output_names", None) or range(len(found)))
            found = dict(zip(names, found, strict=True))
        else:
            if self.output not in (None, 0):
                raise ValueError(f"expected one of several outputs, found {self.output!r} of a model of one")
            return found
        if self.output is None and len(names) == 1:
            return found[names[0]]
        if self.output in names:
            return found[self.output]
        if isinstance(self.output, int) and 0 <= self.output < len(names):
            return found[names[self.output]]
        asked = "none stated" if self.output is None else repr(self.output)
        raise ValueError(
            f"expected a model of one output, or which of {', '.join(map(str, names))} is the classes' as `output`, "
            f"its name or number, found {asked}"
        )

    def on_floats(self) -> keras.Model:
        """Its graph on float32 images of any number: itself, or a copy where its input is of another kind."""
        tensor = self.inner.inputs[0]
        if tensor.dtype == "float32" and tensor.shape[0] is None:
            return self.inner
        inputs = keras.Input(tensor.shape[1:], dtype="float32", name=tensor.name)
        try:
            struct = keras.tree.map_structure(lambda _: inputs, self.inner.input)
            copy = keras.models.clone_model(self.inner, struct, clone_function=remade, recursive=True)
            carry(self.inner, copy)
        except Exception as error:  # of any kind, by what a layer's from_config does
            raise ValueError(
                f"expected a model with float32 input, or of layers that Keras copies by their config, found input of "
                f"{tensor.dtype} and {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            ) from error
        return copy


def original(
    model: keras.Model,
    made: Affine,
    shape: tuple[int | None, ...],
    output: int | str | None,
) -> Original:
    """`model` on images of `shape`; ValueError where it takes none of that shape."""
    inner = graph(model)
    taken = tuple(inner.inputs[0].shape[1:]) if inner is not None else shape
    if not any(_agree(taken, way) for way in _ways(shape)):
        raise ValueError(
            f"expected images of shape {_text(taken)}, which the network takes, found {_text(shape)}: "
            f"{_advice(taken, shape)}, or give a network that was made for them"
        )
    return Original(model, inner, shape, taken, made, output)


def _advice(taken: tuple[int | None, ...], shape: tuple[int | None, ...]) -> str:
    if len(taken) == len(shape) == 3 and taken[:2] == shape[:2]:
        return f'give images of {taken[2]} channels (a folder has "channels")'
    return 'resize the images (a folder has "size")'


def image_shape(model: keras.Model, given: tuple[int | None, ...] | None) -> tuple[int | None, ...]:
    """The shape (height, width, channels) of an image: the one `given`, else as the model says that it takes it."""
    inner = graph(model)
    if inner is not None and len(inner.inputs) != 1:
        names = ", ".join(tensor.name for tensor in inner.inputs)
        raise ValueError(
            f"expected a model with one input, images, found {len(inner.inputs)}: {names}; give one of one"
        )
    if given is not None:
        if len(given) != 3:
            raise ValueError(f"expected an input_shape of (height, width, channels), found {tuple(given)}")
        return tuple(given)
    taken = tuple(inner.inputs[0].shape[1:]) if inner is not None else _built(model)
    if taken is not None and len(taken) in (2, 3):
        return taken if len(taken) == 3 else (*taken, 1)
    found = "one that was not called yet" if taken is None else f"one of inputs {_text(taken)}"
    raise ValueError(
        f"expected a model that tells the size of its images, found {found}: give input_shape=(height, width, "
        "channels), or call it once on images"
    )


def _built(model):
    """The shape of an image that a subclassed model was built for; None where it was not, or does not tell."""
    config = model.get_build_config() if model.built else None
    shape = (config or {}).get("input_shape")
    return tuple(shape[1:]) if isinstance(shape, list | tuple) and shape and not isinstance(shape[0], list) else None


def arranged(x: Any, taken: tuple[int | None, ...]) -> Any:
    """Images (n, height, width, channels), an array or a tensor of Keras, as a model takes them that wants `taken`."""
    shape = tuple(x.shape[1:])
    if _agree(taken, shape):
        return x
    if _agree(taken, _ways(shape)[-1]):
        return keras.layers.Permute((3, 1, 2))(x) if keras.utils.is_keras_tensor(x) else np.moveaxis(x, -1, 1)
    way = next(way for way in _ways(shape) if _agree(taken, way))
    return keras.layers.Reshape(way)(x) if keras.utils.is_keras_tensor(x) else x.reshape(len(x), *way)


def squeezed(found: np.ndarray) -> np.ndarray:
    """Outputs as (n, any): axes of length 1 before the last are left out, one number an image is (n, 1)."""
    inside = found.shape[1:-1]
    if found.ndim > 1 and all(size == 1 for size in inside):
        return found.reshape(len(found), found.shape[-1])
    if found.ndim == 1:
        return found[:, None]
    raise ValueError(
        f"expected outputs of shape (n, classes), found (n, {', '.join(map(str, found.shape[1:]))}): a network that "
        "says something of each pixel is no classifier of images"
    )


def _ways(shape):
    """How an image of shape (height, width, channels) may lie: as it is, without one channel, flat, channels first."""
    height, width, channels = shape
    ways = [shape]
    if channels == 1:
        ways.append((height, width))
    if None not in shape:
        ways.append((math.prod(shape),))
    return [*ways, (channels, height, width)]


def _agree(taken, shape):
    return len(taken) == len(shape) and all(t in (None, s) or s is None for t, s in zip(taken, shape, strict=True))


def _text(shape):
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
