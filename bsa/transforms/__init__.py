"""Transformations of images: a module each, `make(**params) -> Transform`. A cell of a table is a point of a chain.

A transformation is differentiable TensorFlow where it is `smooth`. What it does at a point is a function of the images,
the point, a seed and the images' numbers, and of nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Range(NamedTuple):
    """Values that a parameter of a transformation may take; at `neutral` it changes nothing."""

    low: float
    high: float
    neutral: float
    unit: str  # for people: "degrees", "pixels", "of the range of pixels"


class Transform(NamedTuple):
    """What moves images, by a point: a mapping from each name in `space` to a number, or to one for each image (n,).

    `apply(x, point, seed, index)` takes and gives tensors (n, height, width, channels), float32; x is in [0, 1], what
    comes out may leave it: whoever applies a transformation clips, and says how much (`move`).
    """

    space: Mapping[str, Range]
    apply: Callable[[Any, Mapping[str, Any], int, Any], Any]
    problem: Callable[[Mapping[str, float]], str | None]  # why a point is not allowed, a sentence
    contraction: Callable[[Mapping[str, float]], float]  # the factor by which L-inf distances shrink at a point
    smooth: bool  # whether gradients for images and point mean something
