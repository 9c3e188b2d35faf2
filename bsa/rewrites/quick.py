"""Layers with a faster gradient for their input, which attacks compute at every pass.

On a CPU, TensorFlow's gradient of a large dense layer multiplies by the transposed weights, and transposes them again
at every pass: more than half of the pass of 16 images through `madry_mnist`, whose largest weights are 3136 x 1024.
Transposing the other factor, a few rows, and the product gives the same result. Two more gradients depend on the
kernels that TensorFlow chooses for the processor. Its gradient of max pooling searches for each maximum again, number
by number, a fifth of a pass. oneDNN's gradient of a convolution of grey images, a convolution to one channel, leaves
all SIMD lanes but one empty: in `madry_mnist` it takes as long as that of the next layer, with 16 times the work.
"""

import keras
import numpy as np
import tensorflow as tf

from bsa.rewrites import timing
from bsa.rewrites.copies import remade
from bsa.rewrites.gradients import custom_gradient
from bsa.rewrites.opened import rebuilt
from bsa.rewrites.precision import slow

LARGE = 2**16  # weights; below it there is nothing to gain
LANES = 16  # float32s in a register of AVX-512
WIDTH = 16  # rows at a time: the sums of a rest would come out in another order than those of the other rows
CLEAR = 0.9  # of TensorFlow's time: what gains less may come out either way, and another kernel gives other bits


@custom_gradient
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

    @custom_gradient
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


def spread(g, weights, strides, sizes, same):
    """The gradient (n, *sizes, a) of a convolution for its images: of weights (high, wide, a, b), from g (n, ., ., b).

    `same` is its padding, otherwise it has none. A block of pixels is a convolution's one pixel of as many channels,
    then taken apart.
    """
    *kernel, channels, _ = weights.shape
    side = next(side for side in (4, 2, 1) if channels * side**2 <= LANES)
    axes = [_axis(*axis, same, side) for axis in zip(sizes, kernel, strides, g.shape[1:3], strict=True)]
    choices, steps, padding = zip(*axes, strict=True)
    blocks = tf.einsum("qri,psj,ijab->qpbrsa", *(tf.constant(choice, weights.dtype) for choice in choices), weights)
    tall, broad, _, high, wide, _ = blocks.shape
    blocks = tf.reshape(blocks, [tall, broad, -1, high * wide * channels])
    y = tf.nn.conv2d(g, blocks, steps, [[0, 0], *padding, [0, 0]])
    y = tf.reshape(y, [-1, *y.shape[1:3], high, wide, channels])
    y = tf.reshape(tf.transpose(y, [0, 1, 3, 2, 4, 5]), [-1, y.shape[1] * high, y.shape[2] * wide, channels])
    return y[:, : sizes[0], : sizes[1]]


def _axis(size, kernel, stride, outputs, same, side):
    """Along one axis: which weight a block's pixel takes of which output (., ., kernel), the step, the padding."""
    before = max((outputs - 1) * stride + kernel - size, 0) // 2 if same else 0
    step = max(side // stride, 1)
    block = step * stride
    first, last = -((kernel - 1 - before) // stride), (block - 1 + before) // stride
    output, pixel, weight = np.ogrid[first : last + 1, :block, :kernel]
    count = -(-size // block)
    padding = [-first, (count - 1) * step + last - (outputs - 1)]
    return stride * output + weight == pixel + before, step, padding


class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with the gradient for its input by `spread`, on images of a known size."""

    def convolution_op(self, inputs, kernel):
        sizes, strides, plain = inputs.shape[1:3], self.strides, super().convolution_op
        if None in sizes:
            return plain(inputs, kernel)

        @custom_gradient
        def convolved(x, weights):
            def backward(g):
                slope = tf.raw_ops.Conv2DBackpropFilter(
                    input=x, filter_sizes=tf.shape(weights), out_backprop=g, strides=[1, *strides, 1],
                    padding=self.padding.upper(),
                )  # fmt: skip
                return spread(g, weights, strides, sizes, self.padding == "same"), slope

            return plain(x, weights), backward

        return convolved(inputs, tf.convert_to_tensor(kernel))


TIMED = {  # the images and the settings by which a layer is compared to TensorFlow's
    Conv2D: ((64, 28, 28, 1), {"filters": 32, "kernel_size": 5, "padding": "same"}),
    MaxPooling2D: ((64, 28, 28, 32), {}),
}


def gains(kind):
    """Whether the layer `kind` has a clearly quicker gradient than TensorFlow's on this machine, timed once a process.

    The environment variable BSA_KERNELS says so instead where it is set: see `rewrites.timing.setting`.
    """
    if timing.setting():
        return timing.setting() == "quick"
    return timing.once(kind.__name__, lambda: [_slopes(layer, *TIMED[kind]) for layer in (kind, kind.__base__)]) < CLEAR


def chosen():
    """For a record: what BSA_KERNELS says, and for all kernels timed so far how many times TensorFlow's time they take.

    Of a type such as bfloat16 it is the time of TensorFlow's convolution in it, in times of that in float32.
    """
    return {timing.VARIABLE: timing.setting(), "ratios": {k: round(v, 3) for k, v in sorted(timing.found().items())}}


def _slopes(kind, shape, settings):
    """A function that computes the gradient of a layer for its images; it has run once."""
    layer = kind(**settings, dtype="float32", data_format="channels_last")
    images = tf.random.stateless_uniform(shape, [0, 0])
    layer.build(shape)

    @tf.function
    def slopes():
        with tf.GradientTape() as tape:
            tape.watch(images)
            y = layer(images)
        return tape.gradient(y, images)

    slopes()  # traces
    return lambda: slopes().numpy()


def quick(model, exact=False):
    """A copy of `model`, with its weights as they are now, whose layers are those above, where they are quicker.

    Dense layers of a lower precision where the machine has no instructions for it alone, the others where there is no
    GPU, a convolution where its images have few channels, both if a layer of the kind is quicker here; none of them
    where the environment variable BSA_KERNELS is "tensorflow".
    Gives `model` itself where there is no such layer, and where Keras cannot rebuild it so that it answers as before.
    Gradients are the same to the rounding of sums; with `exact`, pooling alone, bit for bit.
    """

    def kind(layer):
        return _pooling(layer) or (None if exact else _convolution(layer) or _dense(layer))

    if timing.setting() == "tensorflow" or not any(kind(layer) for layer in model._flatten_layers()):
        return model
    copy = rebuilt(model, lambda layer: remade(layer, kind(layer)))
    return model if copy is None else copy


def _pooling(layer):
    """`MaxPooling2D` where that computes what `layer` does, and is quicker, otherwise None."""
    plain = type(layer) is keras.layers.MaxPooling2D and layer.data_format == "channels_last"
    return _if_quicker(MaxPooling2D, plain and tuple(layer.pool_size) == tuple(layer.strides))


def _convolution(layer):
    """`Conv2D` where that computes what `layer` does, and is quicker, otherwise None."""
    plain = type(layer) is keras.layers.Conv2D and layer.data_format == "channels_last" and layer.groups == 1
    plain = plain and layer.built and set(layer.dilation_rate) == {1} and min(layer.kernel_size) > 1
    return _if_quicker(Conv2D, plain and layer.kernel.shape[2] <= LANES // 4)


def _if_quicker(kind, fits):
    return kind if fits and not tf.config.list_physical_devices("GPU") and gains(kind) else None


def _dense(layer):
    """`Dense` where that is quicker than `layer`, otherwise None."""
    large = type(layer) is keras.layers.Dense and layer.built and layer.count_params() >= LARGE
    return Dense if large and (layer.compute_dtype == "float32" or slow(layer.compute_dtype)) else None
