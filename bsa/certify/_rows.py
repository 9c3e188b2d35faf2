"""Rows of coefficients of units on a layer, whole or as windows of it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Window(NamedTuple):
    """Where windows lie in a layer: that of position (i, j) of the grid begins at (i, j) * strides + offset."""

    grid: tuple  # (height, width) of the layer whose units the rows are of
    strides: tuple
    offset: tuple


class Rows(NamedTuple):
    """R rows of coefficients on a layer."""

    a: tf.Tensor  # (R, *shape of the layer), or (R, height, width, channels) of a window
    item: tf.Tensor  # (R,) int64, ascending: the image, or with windows image * positions of the grid + position
    window: Window | None = None

    def of(self, values):
        """Each row's part of the values (n, *shape) of the layer; 0 where a window leaves it."""
        if self.window is not None:
            values = _windows(values, self.window, self.a.shape[1:3])
        return _gather(values, self.item)

    def shared(self, values):
        """Each row's part of values that all images share: one for each channel, or (*shape) of the layer."""
        if self.window is None or len(values.shape) < 2:
            return values
        windows = _windows(values[None], self.window, self.a.shape[1:3])
        return tf.gather(windows, self.item % len(windows))

    def inside(self, shape):
        """The same rows, with 0 where a window leaves a layer of `shape` (height, width)."""
        if self.window is None:
            return self
        ones = _windows(tf.ones((1, *shape, 1), self.a.dtype), self.window, self.a.shape[1:3])
        return self._replace(a=self.a * tf.gather(ones, self.item % len(ones)))


def _windows(values, window, size):
    """All windows of `size` of values (n, h, w, channels): (n * positions, *size, channels), 0 outside."""
    height, width, channels = values.shape[1:]
    spans = zip(window.grid, window.strides, window.offset, size, strict=True)
    rows, columns = (np.arange(g)[:, None] * s + o + np.arange(length) for g, s, o, length in spans)
    rows, columns = rows[:, None, :, None], columns[None, :, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = np.where(inside, rows * width + columns, height * width).astype(np.int32)
    padded = tf.pad(tf.reshape(values, (-1, height * width, channels)), [(0, 0), (0, 1), (0, 0)])
    return tf.reshape(tf.gather(padded, index.ravel(), axis=1), (-1, *size, channels))


@tf.custom_gradient
def _gather(table, item):
    """table[item], for ascending `item`: then the gradient is a sum of neighbours, 4 times as fast on a CPU."""
    size = tf.shape(table, tf.int64)[0]

    def backward(g):
        sums = tf.math.segment_sum(g, item)
        missing = size - tf.shape(sums, tf.int64)[0]
        return tf.pad(sums, [(0, missing)] + [(0, 0)] * (len(g.shape) - 1)), None

    return tf.gather(table, item), backward
