"""Layers with a quick gradient for their input, the one that attacks need at every pass.

A CPU's gradient of a large dense layer multiplies by the transposed weights, and lays them out anew for it at every
pass: of the pass of 16 images through `madry_mnist`, whose largest weights are 3136 x 1024, that is more than half.
Transposing the other factor, a few rows, and the product gives the same. That of max pooling looks for each maximum
again, number by number, a fifth of a pass.
"""

import keras
import tensorflow as tf

from bsa.ops.precision import slow
from bsa.ops.surrogate import rebuilt

LARGE = 2**16  # weights; below it there is nothing to gain
WIDTH = 16  # rows at a time: the sums of a rest would come out in another order than those of the other rows


@tf.custom_gradient
def product(x, weights):
    """x (n, a) times weights (a, b): (n, b). The gradient for x is transpose(weights @ transpose(g))."""

    def backward(g):
        rows = tf.shape(g)[0]
        filled = tf.pad(g, [[0, -rows % WIDTH], [0, 0]])
        return tf.transpose(tf.matmul(weights, filled, transpose_b=True))[:rows], tf.matmul(x, g, transpose_a=True)

    return tf.matmul(x, weights), backward


class Dense(keras.layers.Dense):
    """`keras.layers.Dense` by `product`, on inputs (n, a)."""

    def call(self, inputs, training=None):
        if len(inputs.shape) != 2:
            return super().call(inputs, training)
        x = product(inputs, tf.convert_to_tensor(self.kernel))
        x = x if self.bias is None else tf.nn.bias_add(x, self.bias)
        return x if self.activation is None else self.activation(x)


def pooled(x, high, wide):
    """The largest of each tile of `high` x `wide` pixels of x (n, h, w, c), whose sizes they divide.

    The gradient goes to a tile's first largest pixel, as TensorFlow's does, bit for bit.
    """
    _, rows, columns, channels = x.shape

    @tf.custom_gradient
    def largest(x):
        y = tf.nn.max_pool2d(x, (high, wide), (high, wide), "VALID")

        def backward(g):
            tiles = tf.reshape(x, [-1, rows // high, high, columns // wide, wide * channels])
            lines, left = [], g  # what no pixel of the tile has taken yet
            for line in tf.unstack(tiles, axis=2):
                taken = []
                for pixel in tf.split(line, wide, -1):
                    taken.append(left * tf.cast(pixel == y, g.dtype))
                    left -= taken[-1]
                lines.append(tf.concat(taken, -1))
            return tf.reshape(tf.stack(lines, 2), [-1, rows, columns, channels])

        return y, backward

    return largest(x)


class MaxPooling2D(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` by `pooled`, where its tiles neither overlap nor go beyond the image."""

    def call(self, inputs):
        (high, wide), (_, rows, columns, _) = self.pool_size, inputs.shape
        if None in (rows, columns) or rows % high or columns % wide:
            return super().call(inputs)
        return pooled(inputs, high, wide)


def quick(model, exact=False):
    """A copy of `model`, with its weights as they are now, whose large dense and max pooling layers are those above.

    Dense layers of a lower precision where the machine has no instructions for it alone, pooling where there is no GPU.
    Gives `model` itself where there is no such layer, and where Keras cannot rebuild it so that it answers as before.
    Gradients are the same to the rounding of sums; with `exact`, pooling alone, bit for bit.
    """

    def kind(layer):
        return _pooling(layer) or (None if exact else _dense(layer))

    if not any(kind(layer) for layer in model._flatten_layers()):
        return model
    copy = rebuilt(model, lambda layer: (kind(layer) or type(layer)).from_config(layer.get_config()))
    return model if copy is None else copy


def _pooling(layer):
    """`MaxPooling2D` where that computes what `layer` does, otherwise None."""
    plain = type(layer) is keras.layers.MaxPooling2D and layer.data_format == "channels_last"
    tiles = plain and tuple(layer.pool_size) == tuple(layer.strides)
    return MaxPooling2D if tiles and not tf.config.list_physical_devices("GPU") else None


def _dense(layer):
    """`Dense` where that is quicker than `layer`, otherwise None."""
    large = type(layer) is keras.layers.Dense and layer.built and layer.count_params() >= LARGE
    return Dense if large and (layer.compute_dtype == "float32" or slow(layer.compute_dtype)) else None
