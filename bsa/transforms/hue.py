"""Hue: all colours are rotated on the colour circle."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, coloured, per_image


def make() -> Transform:
    """The hue of HSV rotated by `hue` turns of the colour circle, 1/3 from red to green; value and saturation stay.

    For colour images, 3 channels; grey pixels stay. `tf.image.adjust_hue` takes one number for all images.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        coloured("hue", x, (3,))
        value, chroma, sixth = _hexagon(x)
        turned = _pixels(value, chroma, sixth + 6 * per_image(point["hue"], x))
        return x + (turned - _pixels(value, chroma, sixth))  # at 0 x itself, to the bit

    return Transform({"hue": Range(-0.5, 0.5, 0, "turns")}, apply)


def _hexagon(x):
    """Value, chroma and the hue in sixths of a turn, each (n, height, width, 1); the hue of grey is 0."""
    import tensorflow as tf

    red, green, blue = tf.split(x, 3, axis=-1)
    value = tf.reduce_max(x, axis=-1, keepdims=True)
    chroma = value - tf.reduce_min(x, axis=-1, keepdims=True)
    safe = tf.where(chroma > 0, chroma, 1.0)
    sixth = tf.where(value == red, (green - blue) / safe, (red - green) / safe + 4)
    sixth = tf.where((value == green) & (value != red), (blue - red) / safe + 2, sixth)
    return value, chroma, sixth


def _pixels(value, chroma, sixth):
    """Red, green and blue: each is `value` less a share of `chroma` that the hue decides."""
    import tensorflow as tf

    turns = tf.math.floormod(tf.constant([5.0, 3.0, 1.0], sixth.dtype) + sixth, 6.0)
    return value - chroma * tf.clip_by_value(tf.minimum(turns, 4 - turns), 0.0, 1.0)
