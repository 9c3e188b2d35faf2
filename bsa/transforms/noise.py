"""Gaussian noise, always the same for an image."""

import math
from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image


def make() -> Transform:
    """x' = x + noise * z with z standard normal, drawn for each pixel and channel by the seed and the image's number.

    A smaller `noise` scales the same draw.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        from bsa.ops import draws

        keys = draws.numbered(seed, "noise", index)
        z = draws.normal(keys, tf.zeros_like(keys, tf.int32), math.prod(x.shape[1:]))
        return x + per_image(point["noise"], x) * tf.reshape(z, tf.shape(x))

    return Transform({"noise": Range(0, 1, 0, "standard deviation, of the range of pixels")}, apply)
