"""The table of checks that every transformation must pass, on images of several shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bsa.spec import transform
from bsa.testing._shared import expect, told

SHAPES = ((28, 28, 1), (33, 17, 3), (5, 5, 1))
N = 3
SEED = 5
SHARES = (0.1037, 0.0291)  # of the way from neutral to the further end of a parameter's range; at no pixel's edge
STEP = 2e-4  # of a parameter's range, for differences
# Float32 pixels 4e-4 of a range apart, and kinks between colours and between pixels: seen up to 1.5e-3.
SLOPES = 0.01


class Moving:
    """A transformation by its name and parameters, and images of `shapes`."""

    def __init__(self, name: str, shapes: Sequence[tuple[int, int, int]], params: Mapping[str, Any]) -> None:
        self.name, self.shapes, self.transform = name, shapes, transform(name, **params)
        made = self.transform
        self._graph = tf.function(lambda x, point, index: made.apply(x, point, SEED, index), autograph=False)

    def apply(self, x: Any, point: Mapping[str, Any]) -> Any:
        """What the transformation makes of images x (N, ...), in a graph; `point` has a number or one for each."""
        at = {name: tf.broadcast_to(tf.constant(value, tf.float32), [N]) for name, value in point.items()}
        return self._graph(tf.constant(x), at, tf.range(N))

    def alone(self, x: Any, point: Mapping[str, Any], number: int) -> Any:
        """What it makes of one image, at a point of plain numbers."""
        return self.transform.apply(tf.constant(x[None]), point, SEED, tf.constant([number]))[0]

    def neutral(self) -> dict[str, float]:
        """The point that changes nothing."""
        return {name: each.neutral for name, each in self.transform.space.items()}

    def points(self) -> list[dict[str, float]]:
        """Allowed points: one parameter moved a little, and all of them."""
        ends = {
            name: each.high if each.high - each.neutral > each.neutral - each.low else each.low
            for name, each in self.transform.space.items()
        }
        neutral, found = self.neutral(), []
        for share in SHARES:
            there = {name: at + share * (ends[name] - at) for name, at in neutral.items()}
            found += [neutral | {name: there[name]} for name in there] + ([there] if len(there) > 1 else [])
        return [point for point in found if self.transform.problem(point) is None]


def check_transform(name: str, *, shapes: Sequence[tuple[int, int, int]] = SHAPES, **params: Any) -> None:
    """Check a transformation by its name, with parameters as in a spec; AssertionError says what is wrong.

    `shapes` are the (height, width, channels) of the images that it is tried on: pass those that it takes.
    """
    told("transforms", name, TRANSFORM, Moving(name, shapes, params))


def images(shape: Sequence[int]) -> np.ndarray:
    """Smooth images (N, *shape), each another, all pixels well inside [0, 1]."""
    i, j, channel = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    waves = [np.sin(0.35 * i + 0.25 * j * (n + 1) / N + 2 * channel + n) for n in range(N)]
    return (0.5 + 0.3 * np.stack(waves)).astype(np.float32)


def a_space_that_holds_its_neutral_point(moving: Moving) -> None:
    """Each `Range(low, high, neutral, unit)` is sound; neutral is allowed and keeps distances."""
    expect(moving.transform.space, "expected at least one parameter in the space, found none")
    for name, each in moving.transform.space.items():
        expect(each.low <= each.neutral <= each.high and each.low < each.high,
               f"expected a range with low <= neutral <= high of {name}, found {tuple(each)}")  # fmt: skip
        expect(each.unit, f"expected a unit of {name}, for people, found none")
    neutral = moving.neutral()
    wrong, factor = moving.transform.problem(neutral), moving.transform.contraction(neutral)
    expect(wrong is None, f"expected the neutral point to be allowed, found: {wrong}")
    expect(factor == 1, f"expected the contraction 1 at the neutral point, found {factor}")


def points_near_it_are_allowed(moving: Moving) -> None:
    """For each parameter there is an allowed point off neutral, whose contraction is above 0."""
    for name, at in moving.neutral().items():
        found = [point for point in moving.points() if point[name] != at]
        expect(found, f"expected points that are allowed where {name} is off neutral, found none")
        for point in found:
            factor = moving.transform.contraction(point)
            expect(0 < factor < np.inf, f"expected a contraction above 0 at {point}, found {factor}")


def the_neutral_point_changes_no_bit(moving: Moving) -> None:
    """As numbers and as one for each image; also for black and for white."""
    for shape in moving.shapes:
        x = images(shape)
        x[0] = np.linspace(0, 1, x[0].size, dtype=np.float32).reshape(shape)
        same = np.array_equal(moving.apply(x, moving.neutral()), x)
        same = same and np.array_equal(moving.alone(x[0], moving.neutral(), 0), x[0])
        expect(same, f"expected images {shape} as they are at the neutral point, to the bit, found others")


def images_of_every_shape(moving: Moving) -> None:
    """float32 of the same shape, finite, and each parameter changes something."""
    changed = set()
    for shape in moving.shapes:
        x = images(shape)
        for point in moving.points():
            found = moving.apply(x, point)
            expect(found.dtype == tf.float32 and found.shape == x.shape,
                   f"expected float32 {x.shape} at {point}, found {found.dtype.name} {tuple(found.shape)}")  # fmt: skip
            expect(np.isfinite(found).all(), f"expected numbers at {point}, found others")
            if not np.array_equal(found, x):
                changed |= {name for name, at in moving.neutral().items() if point[name] != at}
    idle = set(moving.transform.space) - changed
    expect(not idle, f"expected every parameter to change images, found none of {', '.join(sorted(idle))}")


def an_image_hangs_on_its_own_point_and_number_alone(moving: Moving) -> None:
    """A point for each image gives what each image gives by itself, and again the same."""
    shape = moving.shapes[0]
    x, points = images(shape), [moving.neutral(), *moving.points()][:N]
    points += [points[-1]] * (N - len(points))
    each = {name: np.array([point[name] for point in points], np.float32) for name in points[0]}
    together = moving.apply(x, each)
    expect(np.array_equal(together, moving.apply(x, each)), "expected the same images twice, found others")
    for n, point in enumerate(points):
        alone = moving.alone(x[n], point, n)
        same = np.allclose(alone, together[n], atol=1e-5)  # float32, in kernels for another batch
        expect(same, f"expected of image {n} at {point} what it gives alone, found another image")


def gradients_are_those_of_differences(moving: Moving) -> None:
    """Where it is smooth: along a random direction for the images, and for each parameter of the point off neutral."""
    if not moving.transform.smooth:
        return
    x, index = tf.constant(images(moving.shapes[0])), tf.range(N)
    way = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)

    @tf.function(autograph=False)
    def slopes(x, point, weights):
        with tf.GradientTape() as tape:
            tape.watch((x, point))
            total = tf.reduce_sum(weights * moving.transform.apply(x, point, SEED, index))
        return tape.gradient(total, (x, point))

    flat = tf.constant(np.stack([np.full(x.shape[1:], level, np.float32) for level in (0, 0.5, 1)]))
    for point in (moving.neutral(), *moving.points()):
        at = {name: tf.fill([N], tf.constant(value, tf.float32)) for name, value in point.items()}
        of_flat, of_point = slopes(flat, at, tf.ones_like(flat))
        for found in (of_flat, *of_point.values()):
            sound = found is not None and np.isfinite(found).all()
            expect(sound, f"expected gradients, finite for black, grey and white images, at {point}, found {found}")
        ends = [moving.apply(x + sign * 1e-3 * way, point) for sign in (1, -1)]
        apart = (ends[0] - ends[1]) / 2e-3
        expect_slopes(f"for images at {point}", slopes(x, at, apart)[0], way, apart)
        for name in [name for name, value in moving.neutral().items() if point[name] != value]:
            step = STEP * (moving.transform.space[name].high - moving.transform.space[name].low)
            ends = [moving.apply(x, point | {name: point[name] + sign * step}) for sign in (1, -1)]
            apart = (ends[0] - ends[1]) / (2 * step)
            expect_slopes(f"for {name} at {point}", slopes(x, at, apart)[1][name], 1, apart)


def expect_slopes(what: str, gradient: Any, way: Any, apart: Any) -> None:
    """The gradient of sum(apart * x'), along `way`, for images x' that differ by `apart` there: sum(apart ** 2)."""
    found, wanted = np.sum(np.float64(gradient * way)), np.sum(np.float64(apart) ** 2)
    same = np.isclose(found, wanted, rtol=SLOPES)
    expect(same, f"expected the gradient {what} that differences have, {wanted:g}, found {found:g}")


TRANSFORM = (
    a_space_that_holds_its_neutral_point,
    points_near_it_are_allowed,
    the_neutral_point_changes_no_bit,
    images_of_every_shape,
    an_image_hangs_on_its_own_point_and_number_alone,
    gradients_are_those_of_differences,
)
