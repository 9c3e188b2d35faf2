"""Light from a side: a ramp of brightness from left to right."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms import Range, Transform, per_image


def make() -> Transform:
    """x' = x + ramp * place, with place from -1/2 at the left edge to 1/2 at the right: one `ramp` brighter there."""

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf  # here, so that specs are read without it

        place = tf.linspace(-0.5, 0.5, x.shape[2])[:, None]  # (width, 1)
        return x + per_image(point["ramp"], x) * place

    return Transform({"ramp": Range(-1, 1, 0, "of the range of pixels")}, apply)
