"""Shear: vertical lines lean to one side, about the centre of the image."""

import math
from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform
from bsa.transforms._warp import row_and_column, warp


def make(*, fill_mode: str = "constant") -> Transform:
    """Horizontal shear: vertical lines lean by `shear` degrees, to the right at the top; bilinear.

    Pixels from beyond the edges are black ("constant") or the nearest pixel ("nearest").
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        lean = tf.tan(row_and_column(point["shear"], x) * (math.pi / 180))
        return warp(x, ((1.0, 0.0), (lean, 1.0)), (0.0, 0.0), fill_mode)

    return Transform({"shear": Range(-80, 80, 0, "degrees")}, apply)
