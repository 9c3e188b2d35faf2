"""Gaussian blur."""

import math
from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image

MOST = 10.0  # pixels
REACH = 6.0  # standard deviations: pixels beyond weigh less than 1e-8
SHARP = 0.05  # pixels: below, a neighbour weighs 0 in float32


def make() -> Transform:
    """Gaussian blur of standard deviation sigma, in pixels; beyond its edges the image is mirrored, edge pixels too.

    As scipy.ndimage.gaussian_filter with mode "reflect" and a kernel that is not truncated.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        sigma = tf.maximum(per_image(point["sigma"], x), SHARP)
        down, across = (_weights(size, sigma) for size in x.shape[1:3])
        return tf.einsum("...ij,...jwc->...iwc", down, tf.einsum("...ij,...hjc->...hic", across, x))

    return Transform({"sigma": Range(0, MOST, 0, "pixels")}, apply)


def _weights(size, sigma):
    """The weight of pixel j for the blurred pixel i, (n, i, j) or (i, j), with all images of j in the mirrors."""
    import tensorflow as tf

    places = tf.range(size, dtype=sigma.dtype)
    turns = math.ceil(MOST * REACH / (2 * size))
    mirrored = [part + 2 * size * turn for turn in range(-turns, turns + 1) for part in (places, -1 - places)]
    apart = places[:, None, None] - tf.stack(mirrored, axis=1)  # (i, j, images of j)
    weights = tf.reduce_sum(tf.exp(-(apart**2) / (2 * sigma**2)), axis=-1)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
