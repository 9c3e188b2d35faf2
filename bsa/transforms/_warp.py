"""Images moved by an affine map of the plane about their centres, with pixels between pixels interpolated.

`keras.ops.image.affine_transform` and its sisters have no gradient for the map; these have.
"""

from typing import Any

FILLS = ("constant", "nearest")


def warp(x: Any, matrix: Any, shift: Any, fill_mode: str) -> Any:
    """Images x (n, height, width, channels): the pixel at p is x at centre + matrix (p - centre) + shift, bilinearly.

    `matrix` has four and `shift` two entries, (row, column), each a number or a tensor that fits (n, height, width).
    Beyond its edges the image is black where `fill_mode` is "constant", and as its nearest pixel where it is "nearest";
    SciPy's names are "grid-constant" and "nearest". Pixels that stay in place keep their bits.
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
    """x at places (n, height, width) between its pixels: the four around each, weighted by how near they are."""
    import tensorflow as tf

    top, left = tf.floor(rows), tf.floor(columns)
    total = 0.0
    for row, tall in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for column, wide in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            total += (tall * wide)[..., None] * _pixels(x, row, column, fill_mode)
    return total


def _pixels(x, row, column, fill_mode):
    """The pixels of x at whole `row` and `column`, floats (n, height, width), and what lies beyond the edges."""
    import tensorflow as tf

    n, (height, width, channels) = tf.shape(x)[0], x.shape[1:]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    row = tf.cast(tf.clip_by_value(row, 0, height - 1), tf.int32)
    column = tf.cast(tf.clip_by_value(column, 0, width - 1), tf.int32)
    place = (tf.range(n)[:, None, None] * height + row) * width + column
    found = tf.gather(tf.reshape(x, (-1, channels)), place)
    return found if fill_mode == "nearest" else tf.where(inside[..., None], found, 0.0)


def row_and_column(value: Any, x: Any) -> Any:
    """A point's value, a number or one for each image (n,), as it stands in `matrix` and `shift`."""
    import tensorflow as tf

    value = tf.convert_to_tensor(value, x.dtype)
    return value[:, None, None] if len(value.shape) else value
