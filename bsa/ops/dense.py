"""Dense layers with a quick gradient for their input, the one that attacks need at every pass.

TensorFlow multiplies by the transposed weights, and on a CPU lays them out anew for it at every pass: of the pass of 16
images through `madry_mnist`, whose largest weights are 3136 x 1024, that is more than half. Transposing the other
factor, a few rows, and the product gives the same.
"""

import keras
import tensorflow as tf

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


class Quick(keras.layers.Dense):
    """`keras.layers.Dense` by `product`, on inputs (n, a)."""

    def call(self, inputs, training=None):
        if len(inputs.shape) != 2:
            return super().call(inputs, training)
        x = product(inputs, tf.convert_to_tensor(self.kernel))
        x = x if self.bias is None else tf.nn.bias_add(x, self.bias)
        return x if self.activation is None else self.activation(x)


def quick(model):
    """A copy of `model`, with its weights as they are now, whose large float32 dense layers are `Quick`.

    Gives `model` itself where there is none, and where Keras cannot rebuild it so that it answers as before. Gradients
    are the same to the rounding of sums.
    """
    if not any(_slow(layer) for layer in model._flatten_layers()):
        return model
    copy = rebuilt(model, lambda layer: (Quick if _slow(layer) else type(layer)).from_config(layer.get_config()))
    return model if copy is None else copy


def _slow(layer):
    """Whether it is a large dense layer that computes in float32."""
    dense = type(layer) is keras.layers.Dense and layer.compute_dtype == "float32"
    return dense and layer.built and layer.count_params() >= LARGE
