"""A Keras model as a chain of affine maps with ReLUs or ELUs between them."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.certify._maps import Convolution, Dense, Reshape, Scale
from bsa.ops import convolution
from bsa.ops.precision import in_float32

EXPECTED = "a chain of Dense, Conv2D, ReLU, ELU, Flatten, Rescaling, Normalization that ends in a Dense layer of logits"
CLOSE = 1e-3  # of the largest logit: far above float32, far below another network
ACTIVATIONS = {
    "relu": (keras.activations.relu, keras.ops.relu, tf.nn.relu),
    "elu": (keras.activations.elu, keras.ops.elu, tf.nn.elu),
    "linear": (keras.activations.linear,),
}


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
        found, activation = _read(layer, shape, dtype)
        for part in found:
            shape = _after(part, shape)
            _append(maps, part)
        if activation:
            flatten = [maps.pop()] if maps and isinstance(maps[-1], Reshape) else []  # it may as well come after
            if maps and isinstance(maps[-1], Dense | Convolution):
                blocks.append(Block(tuple(maps), flatten[0].shape if flatten else shape, activation))
            elif maps or not blocks or not activation == blocks[-1].activation == "relu":  # ReLU of ReLU is ReLU
                raise _unexpected(layer, f"{activation} of something that no Dense or Conv2D layer computes")
            maps = flatten
    if not maps or not isinstance(maps[-1], Dense):
        raise ValueError(f"expected {EXPECTED}, found another end")
    return (*blocks, Block(tuple(maps), shape))


def forward(blocks, x):
    """The logits (n, classes) of images x (n, *shape)."""
    for block in blocks[:-1]:
        x = getattr(tf.nn, block.activation)(block.forward(x))
    return blocks[-1].forward(x)


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
    return [v for layer in _layers(model) if type(layer) in kinds for v in _factor_and_offset(layer)]


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
        elif not isinstance(layer, keras.layers.InputLayer | keras.layers.Dropout):
            yield layer


def _read(layer, shape, dtype):
    """What a layer is: the list of its maps, and the activation that follows them, or None."""
    kind = type(layer)
    if kind is keras.layers.ReLU and not (layer.negative_slope or layer.threshold or layer.max_value is not None):
        return [], "relu"
    if kind is keras.layers.ELU and layer.alpha == 1:
        return [], "elu"
    if kind.__name__ in ("Relu", "Elu") and kind.__module__.startswith("keras.") and getattr(layer, "alpha", 1) == 1:
        return [], kind.__name__.lower()  # keras.ops.relu, keras.ops.elu
    if kind is keras.layers.Flatten and layer.data_format == "channels_last":
        return [Reshape(shape)] if len(shape) == 3 else [], None
    if kind is keras.layers.Rescaling or (kind is keras.layers.Normalization and not layer.invert):
        return [_scale(layer, dtype)], None
    maps = {keras.layers.Dense: _dense, keras.layers.Conv2D: _convolution, convolution.Conv2D: _convolution}
    if kind in maps or kind is keras.layers.Activation:
        name = next((n for n, same in ACTIVATIONS.items() if any(layer.activation is f for f in same)), None)
        if not name:
            shown = getattr(layer.activation, "__name__", layer.activation)
            raise _unexpected(layer, f"the activation {shown} that is not Keras's relu, elu or linear")
        return [maps[kind](layer, shape, dtype)] if kind in maps else [], None if name == "linear" else name
    raise _unexpected(layer, f"{kind.__name__} that is not one of these as it is by default")


def _dense(layer, shape, dtype):
    if len(shape) != 1:
        raise _unexpected(layer, f"a Dense layer on inputs of shape {shape}, without a Flatten before it")
    return Dense(*_weights(layer, dtype))


def _convolution(layer, shape, dtype):
    plain = layer.groups == 1 and tuple(layer.dilation_rate) == (1, 1) and layer.data_format == "channels_last"
    if not plain or layer.padding not in ("same", "valid"):
        raise _unexpected(layer, "a Conv2D with groups, dilation, channels first or another padding")
    kernel, bias = _weights(layer, dtype)
    out, pads = [], []
    for size, k, s in zip(shape, kernel.shape, layer.strides, strict=False):
        count = -(size // -s) if layer.padding == "same" else (size - k) // s + 1
        short = max((count - 1) * s + k - size, 0)
        out.append(count)
        pads.append((short // 2, short - short // 2))
    return Convolution(kernel, bias, tuple(layer.strides), tuple(pads), shape, out)


def _weights(layer, dtype):
    kernel = tf.cast(tf.convert_to_tensor(layer.kernel), dtype)
    bias = tf.zeros(kernel.shape[-1:], dtype) if layer.bias is None else tf.convert_to_tensor(layer.bias)
    return kernel, tf.cast(bias, dtype)


def _factor_and_offset(layer):
    if isinstance(layer, keras.layers.Rescaling):
        return tuple(np.asarray(v, np.float64) for v in (layer.scale, layer.offset))
    mean, variance = (np.asarray(v, np.float64) for v in (layer.mean, layer.variance))
    factor = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return factor, -mean * factor


def _scale(layer, dtype):
    factor, offset = _factor_and_offset(layer)
    if any(v.size not in (1, v.shape[-1]) for v in (factor, offset) if v.ndim):
        raise _unexpected(layer, "a scale of its own for each pixel")
    return Scale(*(tf.constant(v.reshape(-1) if v.ndim else v, dtype) for v in (factor, offset)))


def _append(maps, part):
    """Add a map; a scale behind weights becomes part of them."""
    if isinstance(part, Scale) and maps and isinstance(maps[-1], Dense | Convolution):
        maps[-1].kernel = maps[-1].kernel * part.factor
        maps[-1].bias = part.forward(maps[-1].bias)
        maps[-1].constant = part.spread(maps[-1].constant) + part.constant
    else:
        maps.append(part)


def _after(part, shape):
    """The shape that a map gives."""
    if isinstance(part, Convolution):
        return (*part.out, part.kernel.shape[-1])
    if isinstance(part, Dense):
        return (part.kernel.shape[-1],)
    return (int(np.prod(shape)),) if isinstance(part, Reshape) else shape


def _unexpected(layer, what):
    return ValueError(f"expected {EXPECTED}, found layer {layer.name}: {what}")
