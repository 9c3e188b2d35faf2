"""The type of a transformation: a space of parameters, and its effect on images at a point."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bsa.errors import ImagesError


class Range(NamedTuple):
    """Values that a parameter of a transformation may take; at `neutral` it changes nothing."""

    low: float
    high: float
    neutral: float
    unit: str  # for people: "degrees", "pixels", "of the range of pixels"


def all_allowed(point: Mapping[str, float]) -> str | None:
    """The `problem` of a transformation that allows every point in its space."""
    return None


def no_contraction(point: Mapping[str, float]) -> float:
    """The `contraction` of a transformation that keeps L-inf distances, or changes them by no single factor."""
    return 1.0


class Transform(NamedTuple):
    """Moves images to a point: a mapping from each name in `space` to a number, or to one for each image (n,).

    `apply(x, point, seed, index)` takes and returns tensors (n, height, width, channels), float32. x is in [0, 1]; the
    result may leave it: the caller clips, and reports how much (`move`). `fits(point)` gives (low, high) of each
    parameter whose range depends on others: within it pixels stay in [0, 1] at the point's other values, which may be
    tensors (n,), as low and high then are.
    """

    space: Mapping[str, Range]
    apply: Callable[[Any, Mapping[str, Any], int, Any], Any]
    problem: Callable[[Mapping[str, float]], str | None] = all_allowed  # why a point is not allowed, a sentence
    contraction: Callable[[Mapping[str, float]], float] = no_contraction  # the factor by which distances shrink (L-inf)
    smooth: bool = True  # whether gradients with respect to images and point are meaningful
    steps: tuple = ()  # of a chain
    fits: Callable[[Mapping[str, Any]], Mapping[str, tuple[Any, Any]]] | None = None  # if ranges depend on each other


def coloured(name: str, x: Any, channels: tuple[int, ...]) -> None:
    """ImagesError, a ValueError, unless images x (n, height, width, channels) have one of these `channels`."""
    if x.shape[-1] not in channels:
        expected = " or ".join(map(str, channels))
        raise ImagesError(f'transforms "{name}": expected images with {expected} channels, found {x.shape[-1]}')


def per_image(value: Any, x: Any) -> Any:
    """A point's value, a number or one for each image (n,), as a tensor (n, 1, ...) that broadcasts to x (n, ...)."""
    import tensorflow as tf

    value = tf.convert_to_tensor(value, x.dtype)
    return tf.reshape(value, [-1] + [1] * (len(x.shape) - 1)) if len(value.shape) else value
