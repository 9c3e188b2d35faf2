"""Rotation about the centre of the image."""

import math
from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform
from bsa.transforms._warp import row_and_column, warp


def make(*, fill_mode: str = "constant") -> Transform:
    """Rotation by degrees, counter-clockwise, as in scipy.ndimage.rotate and PIL.Image.rotate; bilinear.

    Pixels from beyond the edges are black ("constant") or the nearest pixel ("nearest").
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        angle = row_and_column(point["degrees"], x) * (math.pi / 180)
        cos, sin = tf.cos(angle), tf.sin(angle)
        return warp(x, ((cos, sin), (-sin, cos)), (0.0, 0.0), fill_mode)

    return Transform({"degrees": Range(-180, 180, 0, "degrees")}, apply)
