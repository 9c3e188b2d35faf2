"""The affine maps of a chain: forwards on values, backwards on rows of coefficients.

A row holds the coefficients with which one unit of one image depends on a layer. Where the unit belongs to a
convolution they are a window, as large as the unit sees; otherwise they are on the whole layer. A map's `constant` is
the absolute value of what it adds, however much of that cancels.
"""

import tensorflow as tf

from bsa.certify._rows import Rows, Window

DENSE_WINDOW = 512  # coefficients up to which a window goes back through a convolution by one matrix product


class Scale:
    """z * factor + offset, by channel, or with numbers for each pixel.

    `constant` is by default |offset|, and more where the offset is what is left of a difference.
    """

    def __init__(self, factor, offset, constant=None):
        self.factor, self.offset = factor, offset
        self.constant = tf.abs(offset) if constant is None else constant

    def forward(self, z):
        return z * self.factor + self.offset

    def linear(self, z):
        return z * self.factor

    def spread(self, r):
        return r * tf.abs(self.factor)

    def back(self, rows):
        return rows._replace(a=rows.a * rows.shared(self.factor))


class Permute:
    """Axes of an image in another order; part of the `Reshape` behind it."""

    def __init__(self, order):
        self.order = order

    def before(self, shape):
        """The shape whose permutation is `shape`."""
        return tuple(shape[self.order.index(axis)] for axis in range(len(shape)))


class Reshape:
    """An image of `shape` as a vector, channels last, or with its axes in another `order`."""

    constant = 0.0

    def __init__(self, shape, order=(0, 1, 2)):
        self.shape, self.order = tuple(shape), tuple(order)

    def forward(self, z):
        if self.order != (0, 1, 2):
            z = tf.transpose(z, (0, *(axis + 1 for axis in self.order)))
        return tf.reshape(z, (-1, self.shape[0] * self.shape[1] * self.shape[2]))

    linear = spread = forward

    def back(self, rows):
        a = tf.reshape(rows.a, (-1, *(self.shape[axis] for axis in self.order)))
        if self.order != (0, 1, 2):
            a = tf.transpose(a, (0, *(self.order.index(axis) + 1 for axis in range(3))))
        return rows._replace(a=a)


class Dense:
    """z @ kernel + bias: kernel (inputs, units), bias (units,)."""

    def __init__(self, kernel, bias):
        self.kernel, self.bias, self.constant = kernel, bias, tf.abs(bias)

    def forward(self, z):
        return self.linear(z) + self.bias

    def linear(self, z):
        return z @ self.kernel

    def spread(self, r):
        return r @ tf.abs(self.kernel)

    def rows(self, units):
        """The rows of `units` (R, 2) int64: image, unit."""
        return Rows(tf.gather(tf.transpose(self.kernel), units[:, 1]), units[:, 0])

    def back(self, rows):
        return rows._replace(a=tf.matmul(rows.a, self.kernel, transpose_b=True))


class Convolution:
    """A convolution: kernel (height, width, inputs, filters), bias (filters,), strides (2,).

    `shape` is that of its input, (height, width, channels), `out` (height, width) of its output, and `pads`
    ((top, bottom), (left, right)) what is padded with zeros; `pads_alone` that nothing else is done.
    """

    pads_alone = False

    def __init__(self, kernel, bias, strides, pads, shape, out):
        self.kernel, self.bias, self.strides, self.pads = kernel, bias, strides, pads
        self.constant = tf.abs(bias)
        self.shape, self.out = tuple(shape), tuple(out)

    def forward(self, z):
        return self.linear(z) + self.bias

    def linear(self, z):
        return self._apply(z, self.kernel)

    def spread(self, r):
        return self._apply(r, tf.abs(self.kernel))

    def _apply(self, z, kernel):
        return tf.nn.conv2d(z, kernel, self.strides, [(0, 0), *self.pads, (0, 0)])

    def rows(self, units):
        """The rows of `units` (R, 4) int64: image, row, column, filter."""
        height, width, inputs, filters = self.kernel.shape
        flat = tf.reshape(self.kernel, (-1, filters))
        chosen = tf.matmul(tf.one_hot(units[:, 3], filters, dtype=flat.dtype), flat, transpose_b=True)
        window = Window(self.out, self.strides, tuple(-before for before, _ in self.pads))
        item = (units[:, 0] * self.out[0] + units[:, 1]) * self.out[1] + units[:, 2]
        return Rows(tf.reshape(chosen, (-1, height, width, inputs)), item, window)

    def back(self, rows):
        """Coefficients on the input; a window grows, and must be 0 where it leaves this convolution's output."""
        if rows.window is None:
            corner, (height, width) = [before for before, _ in self.pads], self.kernel.shape[:2]
            if self.strides == (1, 1):  # what sees padding alone has no coefficients
                skip = max(corner[0] - height + 1, 0), max(corner[1] - width + 1, 0)
                rows = rows._replace(a=rows.a[:, skip[0] :, skip[1] :])
                corner = [before - less for before, less in zip(corner, skip, strict=True)]
            return rows._replace(a=_transposed(rows.a, self.kernel, self.strides, corner, self.shape[:2]))
        grid, strides, offset = rows.window
        offset = tuple(o * s - before for o, s, (before, _) in zip(offset, self.strides, self.pads, strict=True))
        window = Window(grid, tuple(a * b for a, b in zip(strides, self.strides, strict=True)), offset)
        return rows._replace(a=self._grown(rows.a), window=window)

    def _grown(self, a):
        """Windows (R, h, w, filters) to windows (R, (h - 1) * stride + height of the kernel, ..., inputs)."""
        *sides, filters = a.shape[1:]
        size = [(n - 1) * s + k for n, s, k in zip(sides, self.strides, self.kernel.shape[:2], strict=True)]
        count = sides[0] * sides[1] * filters
        if count > DENSE_WINDOW:
            return _transposed(a, self.kernel, self.strides, (0, 0), size)
        each = tf.reshape(tf.eye(count, dtype=a.dtype), (count, *sides, filters))
        matrix = tf.reshape(_transposed(each, self.kernel, self.strides, (0, 0), size), (count, -1))
        return tf.reshape(tf.reshape(a, (-1, count)) @ matrix, (-1, *size, self.kernel.shape[2]))


def _transposed(a, kernel, strides, corner, size):
    """The transpose of a convolution: a (R, h, w, filters) to (R, *size, inputs), its first `corner` pixels cut off.

    Forwards as a plain convolution that gives all pixels of a stride at once, in channels (`_unfolded`), backwards by
    the convolution itself: on a CPU 2 and 5 times as fast as TensorFlow's own transpose.
    """
    inputs, sides = kernel.shape[2], zip(kernel.shape[:2], strides, corner, a.shape[1:3], size, strict=True)
    ends = [max((p - 1) * s + k - before - wanted, 0) for k, s, before, p, wanted in sides]

    @tf.custom_gradient
    def transposed(a, kernel):
        def backward(g):
            g = tf.pad(g, [(0, 0), *zip(corner, ends, strict=True), (0, 0)])
            height, width = ((p - 1) * s + k for p, s, k in zip(a.shape[1:3], strides, kernel.shape[:2], strict=True))
            g, steps = g[:, :height, :width], [1, *strides, 1]
            slope = tf.raw_ops.Conv2DBackpropFilter(
                input=g, filter_sizes=kernel.shape, out_backprop=a, strides=steps, padding="VALID"
            )
            return tf.nn.conv2d(g, kernel, strides, "VALID"), slope

        wide, pads, blocks = _unfolded(kernel, strides, corner, a.shape[1:3], size)
        out = tf.nn.conv2d(a, wide, 1, [(0, 0), *pads, (0, 0)])[:, : blocks[0], : blocks[1]]
        out = tf.transpose(tf.reshape(out, (-1, *blocks, *strides, inputs)), (0, 1, 3, 2, 4, 5))
        out = tf.reshape(out, (-1, blocks[0] * strides[0], blocks[1] * strides[1], inputs))
        return out[:, : size[0], : size[1]], backward

    return transposed(a, kernel)


def _unfolded(kernel, strides, corner, inner, size):
    """The kernel whose plain convolution gives blocks of strides[0] x strides[1] pixels, its padding, the blocks.

    With stride s, pixel s * q + f is the sum over p of a[p] * kernel[s * (q - p) + f + corner]: for each f in turn a
    convolution over p, with as many taps as q - p has values.
    """
    around, pads, blocks = [], [], []
    for k, s, before, p, wanted in zip(kernel.shape[:2], strides, corner, inner, size, strict=True):
        low, high, block = -before // s, -((k - s - before) // -s), -(wanted // -s)  # q - p; q
        around.append((-(s * low + before), s * high + s + before - k))
        pads.append((high, max(block - p - low, 0)))
        blocks.append(block)
    *_, inputs, filters = kernel.shape
    kernel = tf.pad(kernel, [*around, (0, 0), (0, 0)])
    taps = [n // s for n, s in zip(kernel.shape[:2], strides, strict=True)]
    kernel = tf.reshape(kernel, (taps[0], strides[0], taps[1], strides[1], inputs, filters))
    kernel = tf.transpose(kernel[::-1, :, ::-1], (0, 2, 5, 1, 3, 4))
    return tf.reshape(kernel, (*taps, filters, strides[0] * strides[1] * inputs)), pads, blocks
