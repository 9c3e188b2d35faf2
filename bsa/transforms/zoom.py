"""Zoom about the centre of the image; its size stays."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform
from bsa.transforms._warp import row_and_column, warp


def make(*, fill_mode: str = "constant") -> Transform:
    """Zoom by a factor: above 1 things get larger; bilinear, without smoothing before they get smaller.

    Pixels from beyond the edges are black ("constant") or the nearest pixel ("nearest").
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        factor = 1 / row_and_column(point["zoom"], x)
        return warp(x, ((factor, 0.0), (0.0, factor)), (0.0, 0.0), fill_mode)

    return Transform({"zoom": Range(0.1, 10, 1, "of the size")}, apply)
