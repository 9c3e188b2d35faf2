"""Contrast about each image's own mean."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image


def make() -> Transform:
    """x' = mean + contrast * (x - mean), with the mean of all pixels and channels of each image.

    Below 1 it keeps pixels in range, as the paper's scale does, which shrinks towards mid-grey instead.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
        return x + (per_image(point["contrast"], x) - 1) * (x - mean)  # at 1 x itself, to the bit

    def problem(point: Mapping[str, float]) -> str | None:
        return None if point["contrast"] > 0 else "expected a contrast that leaves an image to see, found 0"

    def contraction(point: Mapping[str, float]) -> float:
        return min(point["contrast"], 1.0)

    return Transform({"contrast": Range(0, 4, 1, "of the image's contrast")}, apply, problem, contraction)
