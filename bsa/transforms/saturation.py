"""Saturation: colours become paler or stronger."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, coloured, per_image


def make() -> Transform:
    """The saturation of HSV times `saturation`, at most full; value and hue stay. At 0 all channels are as the largest.

    For colour images, 3 channels; grey pixels stay. `tf.image.adjust_saturation` takes one number for all images.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        coloured("saturation", x, (3,))
        value = tf.reduce_max(x, axis=-1, keepdims=True)
        chroma = value - tf.reduce_min(x, axis=-1, keepdims=True)
        full = value / tf.where(chroma > 0, chroma, 1.0)  # the factor at which the smallest channel is 0
        factor = tf.where(chroma > 0, tf.minimum(per_image(point["saturation"], x), full), 1.0)
        return x + (1 - factor) * (value - x)  # at 1 x itself, to the bit

    return Transform({"saturation": Range(0, 10, 1, "of the saturation")}, apply)
