"""Translation: the image moves right and down."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform
from bsa.transforms._warp import row_and_column, warp

MOST = 100.0  # pixels


def make(*, fill_mode: str = "constant") -> Transform:
    """Translation by so many pixels to the right and down, with bilinear interpolation.

    Pixels from beyond the edges are black ("constant") or the nearest pixel ("nearest").
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        down, right = (row_and_column(point[name], x) for name in ("down", "right"))
        return warp(x, ((1.0, 0.0), (0.0, 1.0)), (-down, -right), fill_mode)

    return Transform({name: Range(-MOST, MOST, 0, "pixels") for name in ("right", "down")}, apply)
