"""Affine maps of images about their centres, with bilinear interpolation.

`keras.ops.image.affine_transform` and similar functions have no gradient for the map; these have.
"""

from typing import Any


def warp(x: Any, matrix: Any, shift: Any, fill_mode: str) -> Any:
    """Images x (n, height, width, channels): the pixel at p is x at centre + matrix (p - centre) + shift, bilinearly.

    `matrix` has four and `shift` two entries, (row, column), each a number or a tensor that broadcasts to
    (n, height, width). Beyond its edges the image is black for `fill_mode` "constant", and its nearest pixel for
    "nearest"; in SciPy these are "grid-constant" and "nearest". Pixels that stay in place keep their bits.
    """
    import tensorflow as tf

    height, width = x.shape[1:3]
    down, right = ((size - 1) / 2 for size in (height, width))
    i, j = (tf.range(height, dtype=x.dtype) - down)[:, None], tf.range(width, dtype=x.dtype) - right
    (a, b), (c, d) = matrix
    rows = down + (a * i + b * j + shift[0])
    columns = right + (c * i + d * j + shift[1])
    shape = (tf.shape(x)[0], height, width)
    return _sampled(x, tf.broadcast_to(rows, shape), tf.broadcast_to(columns, shape), fill_mode)


def _sampled(x, rows, columns, fill_mode):
    """x at places (n, height, width) between its pixels: the four around each, weighted bilinearly."""
    import tensorflow as tf

    n, (height, width, channels) = tf.shape(x)[0], x.shape[1:]
    frame = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC" if fill_mode == "nearest" else "CONSTANT")
    pixels = tf.reshape(frame, (-1, channels))
    top, low = _before(rows + 1, height)
    left, right = _before(columns + 1, width)
    corner = (tf.range(n)[:, None, None] * (height + 2) + top) * (width + 2) + left
    upper, lower = (
        _between(tf.gather(pixels, corner + line), tf.gather(pixels, corner + line + 1), right)
        for line in (0, width + 2)
    )
    return _between(upper, lower, low)


def _before(places, size):
    """The integer places before `places` in a frame with one more pixel on each side, and the fractions beyond them."""
    import tensorflow as tf

    places = tf.clip_by_value(places, 0.0, size + 1.0)
    before = tf.minimum(tf.floor(places), size)
    return tf.cast(before, tf.int32), (places - before)[..., None]


def _between(one, other, share):
    """Linear interpolation from one to the other; exactly `one` at 0."""
    return one + share * (other - one)


def row_and_column(value: Any, x: Any) -> Any:
    """A point's value, a number or one for each image (n,), as it stands in `matrix` and `shift`."""
    import tensorflow as tf

    value = tf.convert_to_tensor(value, x.dtype)
    return value[:, None, None] if len(value.shape) else value
