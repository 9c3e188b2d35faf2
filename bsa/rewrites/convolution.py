"""Convolutions of a lower precision whose gradients are computed in float32.

A processor without instructions for bfloat16 or float16 still convolves in them as fast as in float32, but the
gradients of that have a kernel of last resort alone, 20 times as slow.
"""

import keras
import tensorflow as tf

from bsa.rewrites.gradients import custom_gradient


class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with gradients for its input and its kernel in float32, rounded to the type it computes in.

    Such instructions add up in float32, too: the gradients are the same to the rounding of sums.
    """

    def convolution_op(self, inputs, kernel):
        plain = super().convolution_op

        @custom_gradient
        def convolved(x, weights):
            def backward(g):
                with tf.GradientTape() as tape:
                    sources = [tf.cast(part, tf.float32) for part in (x, weights)]
                    tape.watch(sources)
                    y = plain(*sources)  # in a graph, what nothing needs is not computed
                return [tf.cast(slope, g.dtype) for slope in tape.gradient(y, sources, tf.cast(g, tf.float32))]

            return plain(x, weights), backward

        return convolved(inputs, tf.convert_to_tensor(kernel))
