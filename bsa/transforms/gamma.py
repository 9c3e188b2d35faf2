"""Gamma: pixels to a power, as by another setting of a display or a camera."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image

FLOOR = 2**-12  # below a sixteenth of an 8-bit step the power becomes a line, whose slope at 0 is finite


def make() -> Transform:
    """x' = x ** gamma: above 1 darker, below 1 brighter; black and white stay."""

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        return x * tf.maximum(x, FLOOR) ** (per_image(point["gamma"], x) - 1)  # at 1 x itself, to the bit

    return Transform({"gamma": Range(0.1, 10, 1, "power of the pixels")}, apply)
