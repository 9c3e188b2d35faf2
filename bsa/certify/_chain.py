"""A Keras model as a chain of affine maps with ReLUs or ELUs between them."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.certify._maps import Convolution, Dense, Permute, Reshape, Scale
from bsa.certify._read import EXPECTED, factor_and_offset, read, unexpected
from bsa.rewrites.precision import in_float32

CLOSE = 1e-3  # of the largest logit: far above float32, far below another network


class Block(NamedTuple):
    """Affine maps, applied one after the other: from the values after one activation to those before the next."""

    maps: tuple
    shape: tuple  # of what comes out, for one image
    activation: str | None = None  # what comes behind: "relu", "elu", at the end nothing

    def forward(self, z):
        for part in self.maps:
            z = part.forward(z)
        return z

    def linear(self, z):
        for part in self.maps:
            z = part.linear(z)
        return z

    def spread(self, r):
        """The sum of |coefficient| * r; with more than one map that has weights, at least as much."""
        for part in self.maps:
            r = part.spread(r)
        return r

    def magnitude(self, z):
        """The sum of the absolute values of what is added up for each unit."""
        for part in self.maps:
            z = part.spread(tf.abs(z)) + part.constant
        return z

    def rows(self, units):
        """The coefficients of `units` (R, 1 + dimensions) int64, image and place, on what comes in."""
        return self._back(self.maps[-1].rows(units), self.maps[:-1])

    def back(self, rows):
        """Rows of coefficients on what comes out, 0 where windows leave it, as such on what comes in."""
        return self._back(self.maps[-1].back(rows), self.maps[:-1])

    def _back(self, rows, maps):
        for part in reversed(maps):
            if isinstance(part, Convolution):
                rows = rows.inside(part.out)
            rows = part.back(rows)
        return rows

    @property
    def single(self):
        """Whether `spread` is exact: one map with weights."""
        return sum(isinstance(part, Dense | Convolution) for part in self.maps) == 1

    @property
    def terms(self):
        """How many products are added up for a unit."""
        return max(int(np.prod(m.kernel.shape[:-1])) for m in self.maps if isinstance(m, Dense | Convolution)) + 1


def chain(model, dtype=tf.float32):
    """The blocks of `model` in their order, with its weights as they are now, as tensors of `dtype`.

    Raises ValueError that names the layer where the model is no such chain.
    """
    blocks, maps, shape = [], [], _input_shape(model)
    for layer in _layers(model):
        found, activation = read(layer, shape, dtype)
        for part in found:
            shape = _after(part, shape)
            _append(maps, part)
            if len(maps) > 1 and isinstance(maps[-2], Permute):
                raise unexpected(layer, "a layer behind Permute, which only Flatten may follow")
        if activation:
            flatten = [maps.pop()] if maps and isinstance(maps[-1], Reshape) else []  # it may as well come after
            if maps and isinstance(maps[-1], Dense | Convolution):
                blocks.append(Block(tuple(maps), flatten[0].shape if flatten else shape, activation))
            elif maps or not blocks or not activation == blocks[-1].activation == "relu":  # ReLU of ReLU is ReLU
                raise unexpected(layer, f"{activation} of something that no Dense or Conv2D layer computes")
            maps = flatten
    if not maps or not isinstance(maps[-1], Dense):
        raise ValueError(f"expected {EXPECTED}, found another end")
    return (*blocks, Block(tuple(maps), shape))


def forward(blocks, x):
    """The logits (n, classes) of images x (n, *shape)."""
    for block in blocks[:-1]:
        x = getattr(tf.nn, block.activation)(block.forward(x))
    return blocks[-1].forward(x)


def units(model):
    """How many hidden units the chain of `model` has."""
    x, found = tf.zeros((1, *_input_shape(model))), 0
    for block in chain(model)[:-1]:
        x = getattr(tf.nn, block.activation)(block.forward(x))
        found += int(tf.size(x))
    return found


def check(model):
    """Raise ValueError where the chain of `model` does not compute what `model` does, or there is none."""
    x = tf.random.stateless_uniform((2, *_input_shape(model)), [0, 0])
    if len(model.outputs) != 1:
        raise ValueError(f"expected a model with one output, found {len(model.outputs)}")
    found, expected = forward(chain(model), x), in_float32(model)(x, training=False)
    if found.shape != expected.shape or not np.abs(found - expected).max() <= CLOSE * np.abs(expected).max():
        raise ValueError(
            f"expected {EXPECTED}, found a model whose layers, one after the other, do not give its output"
        )


def scales(model):
    """What Rescaling and Normalization layers multiply and add, as numbers: a graph holds them as constants."""
    kinds = (keras.layers.Rescaling, keras.layers.Normalization)
    return [v for layer in _layers(model) if type(layer) in kinds for v in factor_and_offset(layer)]


def _input_shape(model):
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise ValueError(f"expected a built model with one input of fixed size, found the input shape {shape}")
    return shape[1:]


def _layers(model):
    """The layers and operations of a model and of the models in it."""
    if not isinstance(model, keras.Sequential) and not hasattr(model, "operations"):
        raise ValueError(f"expected a Sequential or functional model, found {type(model).__name__}")
    for layer in model.layers if isinstance(model, keras.Sequential) else model.operations:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _append(maps, part):
    """Add a map; a scale behind weights becomes part of them, padding and a permutation of the map behind it."""
    last = maps[-1] if maps else None
    pads = _together(last, part) if isinstance(part, Convolution) else None
    if isinstance(part, Scale) and isinstance(last, Dense | Convolution) and len(part.factor.shape) < 2:
        last.kernel = last.kernel * part.factor
        last.bias = part.forward(last.bias)
        last.constant = part.spread(last.constant) + part.constant
        last.pads_alone = False
    elif pads:
        part.pads, part.shape = pads, last.shape
        maps[-1] = part
    elif isinstance(part, Reshape) and isinstance(last, Permute):
        maps[-1] = Reshape(last.before(part.shape), last.order)
    else:
        maps.append(part)


def _together(last, part):
    """The padding of a convolution and of the map before it, if that only pads and every window sees some pixel."""
    if not (isinstance(last, Convolution) and last.pads_alone):
        return None
    pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(last.pads, part.pads, strict=True))
    return pads if all(max(pad) < k for pad, k in zip(pads, part.kernel.shape, strict=False)) else None


def _after(part, shape):
    """The shape that a map gives."""
    if isinstance(part, Convolution):
        return (*part.out, part.kernel.shape[-1])
    if isinstance(part, Dense):
        return (part.kernel.shape[-1],)
    if isinstance(part, Permute):
        return tuple(shape[axis] for axis in part.order)
    return (int(np.prod(shape)),) if isinstance(part, Reshape) else shape
