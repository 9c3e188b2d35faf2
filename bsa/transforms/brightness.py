"""Brightness: one number is added to all pixels."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image


def make() -> Transform:
    """x' = x + brightness, on pixels in [0, 1]; the caller clips values that leave the range."""

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        return x + per_image(point["brightness"], x)

    return Transform({"brightness": Range(-1, 1, 0, "of the range of pixels")}, apply)
