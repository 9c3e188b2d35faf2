"""Keras layers as affine maps: what is affine once the network is trained, and the activation behind it."""

import keras
import numpy as np
import tensorflow as tf

from bsa.certify._maps import Convolution, Dense, Permute, Reshape, Scale
from bsa.rewrites import convolution

EXPECTED = (
    "a chain of Dense, Conv2D, ReLU, ELU and layers that are affine at inference (BatchNormalization, Rescaling, "
    "Normalization, ZeroPadding2D, Cropping2D, average pooling, Flatten and Permute before it) that ends in a Dense "
    "layer of logits"
)
ACTIVATIONS = {
    "relu": (keras.activations.relu, keras.ops.relu, tf.nn.relu),
    "elu": (keras.activations.elu, keras.ops.elu, tf.nn.elu),
    "linear": (keras.activations.linear,),
}


def read(layer, shape, dtype):
    """What a layer on inputs of `shape` is: the list of its maps, and the activation that follows them, or None.

    Raises ValueError that names a layer that is neither.
    """
    kind = type(layer)
    if kind is keras.layers.ReLU and not (layer.negative_slope or layer.threshold or layer.max_value is not None):
        return [], "relu"
    if kind is keras.layers.ELU and layer.alpha == 1:
        return [], "elu"
    if kind.__name__ in ("Relu", "Elu") and kind.__module__.startswith("keras.") and getattr(layer, "alpha", 1) == 1:
        return [], kind.__name__.lower()  # keras.ops.relu, keras.ops.elu
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise unexpected(layer, f"{kind.__name__} with channels first: rebuild the model with channels last")
    if kind in AFFINE:
        return AFFINE[kind](layer, shape, dtype), None
    if kind in WEIGHTED or kind is keras.layers.Activation:
        name = next((n for n, same in ACTIVATIONS.items() if any(layer.activation is f for f in same)), None)
        if not name:
            shown = getattr(layer.activation, "__name__", layer.activation)
            raise unexpected(layer, f"the activation {shown} that is not Keras's relu, elu or linear")
        return [WEIGHTED[kind](layer, shape, dtype)] if kind in WEIGHTED else [], None if name == "linear" else name
    raise unexpected(layer, f"{kind.__name__} that is not one of these as it is by default")


def _dense(layer, shape, dtype):
    if len(shape) != 1:
        raise unexpected(layer, f"a Dense layer on inputs of shape {shape}, without a Flatten before it")
    return Dense(*_weights(layer, dtype))


def _convolution(layer, shape, dtype):
    plain = layer.groups == 1 and tuple(layer.dilation_rate) == (1, 1)
    if not plain or layer.padding not in ("same", "valid"):
        raise unexpected(layer, "a Conv2D with groups, dilation or another padding")
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


def factor_and_offset(layer):
    """What a Rescaling or Normalization layer multiplies and adds, as numbers."""
    if isinstance(layer, keras.layers.Rescaling):
        return tuple(np.asarray(v, np.float64) for v in (layer.scale, layer.offset))
    mean, variance = (np.asarray(v, np.float64) for v in (layer.mean, layer.variance))
    factor = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return factor, -mean * factor


def _scale(layer, shape, dtype):
    if getattr(layer, "invert", False):
        raise unexpected(layer, "a Normalization that inverts")
    factor, offset = factor_and_offset(layer)
    if all(v.size in (1, v.shape[-1]) for v in (factor, offset) if v.ndim):  # by channel
        return [Scale(*(tf.constant(v.reshape(-1) if v.ndim else v, dtype) for v in (factor, offset)))]
    each = (np.broadcast_to(v.reshape(v.shape[-len(shape) :]), shape) for v in (factor, offset))
    return [Scale(*(tf.constant(v, dtype) for v in each))]


def _batch_normalization(layer, shape, dtype):
    """Of the moving statistics, as tensors: the weights as they are now."""
    if layer.axis not in (-1, len(shape)):
        raise unexpected(layer, f"a BatchNormalization of axis {layer.axis}, which is not that of the channels")
    mean, variance = (tf.cast(tf.convert_to_tensor(v), dtype) for v in (layer.moving_mean, layer.moving_variance))
    factor, offset = tf.math.rsqrt(variance + tf.cast(layer.epsilon, dtype)), tf.zeros_like(mean)
    if layer.scale:
        factor *= tf.cast(tf.convert_to_tensor(layer.gamma), dtype)
    if layer.center:
        offset = tf.cast(tf.convert_to_tensor(layer.beta), dtype)
    return [Scale(factor, offset - mean * factor, tf.abs(offset) + tf.abs(mean * factor))]


def _flatten(layer, shape, dtype):
    return [Reshape(shape)] if len(shape) == 3 else []


def _reshape(layer, shape, dtype):
    target = tuple(layer.output.shape[1:])
    if target == tuple(shape):
        return []
    if len(target) != 1:
        raise unexpected(layer, f"a Reshape to {target}: to a vector is as Flatten, and nothing else is a chain")
    return _flatten(layer, shape, dtype)


def _permute(layer, shape, dtype):
    return [Permute(tuple(dim - 1 for dim in layer.dims))] if layer.dims != tuple(range(1, len(shape) + 1)) else []


def _padding(layer, shape, dtype):
    """A convolution of each pixel alone, by 1; `pads` become those of a convolution that follows."""
    found = _fixed(np.eye(shape[-1])[None, None], (1, 1), layer.padding, shape, dtype)
    found.pads_alone = True
    return [found]


def _cropping(layer, shape, dtype):
    """A convolution that sees what is cropped around a pixel, and counts the pixel alone."""
    (top, bottom), (left, right) = layer.cropping
    kernel = np.zeros((top + bottom + 1, left + right + 1, shape[-1], shape[-1]))
    kernel[top, left] = np.eye(shape[-1])
    return [_fixed(kernel, (1, 1), ((0, 0), (0, 0)), shape, dtype)]


def _pooling(layer, shape, dtype):
    size = tuple(layer.pool_size)
    if layer.padding != "valid" and any(n % s or k != s for n, k, s in zip(shape, size, layer.strides, strict=False)):
        raise unexpected(layer, "an average pooling that pads, so that windows at the border count fewer pixels")
    return [_mean(size, tuple(layer.strides), shape, dtype)]


def _global_pooling(layer, shape, dtype):
    return [_mean(shape[:2], (1, 1), shape, dtype), *([] if layer.keepdims else [Reshape((1, 1, shape[-1]))])]


def _mean(size, strides, shape, dtype):
    kernel = np.broadcast_to(np.eye(shape[-1]) / (size[0] * size[1]), (*size, shape[-1], shape[-1]))
    return _fixed(kernel, strides, ((0, 0), (0, 0)), shape, dtype)


def _fixed(kernel, strides, pads, shape, dtype):
    """A convolution whose kernel is no weight."""
    sides = zip(shape, kernel.shape, strides, pads, strict=False)
    out = [(size + before + after - k) // s + 1 for size, k, s, (before, after) in sides]
    return Convolution(tf.constant(kernel, dtype), tf.zeros(shape[-1], dtype), strides, pads, shape, out)


def _nothing(layer, shape, dtype):
    return []


def unexpected(layer, what):
    return ValueError(f"expected {EXPECTED}, found layer {layer.name}: {what}")


WEIGHTED = {keras.layers.Dense: _dense, keras.layers.Conv2D: _convolution, convolution.Conv2D: _convolution}
AFFINE = {
    keras.layers.Rescaling: _scale,
    keras.layers.Normalization: _scale,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Flatten: _flatten,
    keras.layers.Reshape: _reshape,
    keras.layers.Permute: _permute,
    keras.layers.ZeroPadding2D: _padding,
    keras.layers.Cropping2D: _cropping,
    keras.layers.AveragePooling2D: _pooling,
    keras.layers.GlobalAveragePooling2D: _global_pooling,
}
IDLE = ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
AFFINE |= {getattr(keras.layers, name): _nothing for name in IDLE}
