"""Chains of transformations: a chain is a `Transform`, too, and moves images into a cell."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bsa.errors import suggest
from bsa.transforms._transform import Range, Transform

ROUNDING = 1e-6  # a pixel that leaves [0, 1] by less, in float32, counts as rounded, not as clipped


class Step(NamedTuple):
    """A transformation in a chain, with its name there; `names` maps its parameters to their names in the chain."""

    name: str
    transform: Transform
    names: Mapping[str, str]

    def own(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The chain's point in the transformation's own names; parameters that are left out are neutral."""
        return {key: point.get(name, self.transform.space[key].neutral) for key, name in self.names.items()}

    def idle(self, point: Mapping[str, Any]) -> bool:
        """Whether it certainly changes nothing at the chain's point: every number is neutral, or left out."""
        space = self.transform.space
        return all(isinstance(v, (int, float)) and v == space[key].neutral for key, v in self.own(point).items())


def chain(*transforms: Transform, names: Sequence[str] = ()) -> Transform:
    """The transformations applied in order, as one; after each but the last, pixels are clipped to [0, 1].

    `names` are those of the transformations. A parameter keeps its name; if several share one, they become
    "rotate.degrees". A point may leave out neutral values. Contractions multiply. Raises ValueError unless there is a
    different name for each transformation, and if two parameters cannot be told apart.
    """
    called = tuple(names) or tuple(f"step{n}" for n in range(1, len(transforms) + 1))
    if len(called) != len(transforms) or len({*called}) < len(called):
        raise ValueError(f"expected a name of its own for each of {len(transforms)} transformations, found {called}")
    every = [key for transform in transforms for key in transform.space]
    steps = tuple(
        Step(name, transform, {key: key if every.count(key) == 1 else f"{name}.{key}" for key in transform.space})
        for name, transform in zip(called, transforms, strict=True)
    )
    space = {name: step.transform.space[key] for step in steps for key, name in step.names.items()}

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        return [x, *_walk(steps, x, point, seed, index)][-1]

    def problem(point: Mapping[str, float]) -> str | None:
        return next(_problems(steps, space, point), None)

    def contraction(point: Mapping[str, float]) -> float:
        product = 1.0
        for step in steps:
            product *= 1.0 if step.idle(point) else step.transform.contraction(step.own(point))
        return product

    def fits(point: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        found = [(step, step.transform.fits(step.own(point))) for step in steps if step.transform.fits]
        return {step.names[key]: ends for step, each in found for key, ends in each.items()}

    return Transform(space, apply, problem, contraction, all(each.smooth for each in transforms), steps, fits)


def _walk(steps: Sequence[Step], x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Iterator[Any]:
    """The images after each step that changes them, before clipping: the next step takes them clipped."""
    import tensorflow as tf

    for step in steps:
        if not step.idle(point):
            moved = step.transform.apply(x, step.own(point), seed, index)
            yield moved
            x = tf.clip_by_value(moved, 0.0, 1.0)


def _problems(steps: Sequence[Step], space: Mapping[str, Range], point: Mapping[str, float]) -> Iterator[str]:
    for name, value in point.items():
        if name not in space:
            known = ", ".join(space) or "nothing"
            yield f"expected names out of {known}, found {name}; {suggest(name, space)}".removesuffix("; ")
        elif not space[name].low <= value <= space[name].high:
            low, high, _, unit = space[name]
            yield f"expected {name} from {low:g} to {high:g} ({unit}), found {value:g}"
    for step in steps:
        if not step.idle(point):
            wrong = step.transform.problem(step.own(point))
            if wrong:
                yield wrong


def move(transform: Transform, x: Any, point: Mapping[str, Any], seed: int, index: Any) -> tuple[Any, Any]:
    """The images x at a point, clipped to [0, 1], and for each image the share of its values that was clipped.

    Args:
        transform: a transformation or a chain.
        x: (n, height, width, channels), float32 in [0, 1].
        point: by name a number, or one for each image (n,); neutral values may be left out.
        seed: of random draws.
        index: (n,) the images' numbers, of which random draws are functions.

    Returns:
        Tensors, float32: the images, like x, and the shares (n,). A value that leaves [0, 1] by less than 1e-6 counts
        as rounded, not as clipped.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x, tf.float32)
    steps = transform.steps or (Step("", transform, {key: key for key in transform.space}),)
    outside = tf.zeros_like(x, tf.bool)
    for moved in _walk(steps, x, point, seed, index):
        outside |= (moved < -ROUNDING) | (moved > 1 + ROUNDING)
        x = tf.clip_by_value(moved, 0.0, 1.0)
    return x, tf.reduce_mean(tf.cast(outside, tf.float32), axis=tuple(range(1, len(x.shape))))
