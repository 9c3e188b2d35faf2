"""Points of a space of transformations: ranges, allowed points, grids, random points, and their size.

A space is a mapping from names to `Range`s, a point a dict from names to numbers. Parameters whose range is one number
are fixed.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from bsa.errors import suggest
from bsa.ops import seeds
from bsa.transforms import Range

Space = Mapping[str, Range]
Point = dict[str, float]
Problem = Callable[[Mapping[str, float]], str | None]

HALVINGS = 20  # bisection steps by which a parameter that is not allowed is moved towards the centre
DIGITS = 4  # of a range, to which its numbers are rounded, so that people can read a point and state it again


def narrowed(space: Space, ranges: Mapping[str, float | Sequence[float]]) -> dict[str, Range]:
    """The space with `ranges`, [low, high] or a number by name, in place of its own; the others stay.

    Raises ValueError for a name that is not in the space, and for a range that is none or reaches beyond the space's.
    """
    ends = {name: given if isinstance(given, list | tuple) else (given, given) for name, given in ranges.items()}
    for name, (low, high) in ends.items():
        if name not in space:
            hint = suggest(name, space)
            raise ValueError(f"expected ranges of {', '.join(space)}, found {name}{hint and f': {hint}'}")
        most = space[name]
        if not most.low <= low <= high <= most.high:
            expected = f"a range [low, high] within [{most.low:g}, {most.high:g}] of {name} ({most.unit})"
            raise ValueError(f"expected {expected}, found [{low:g}, {high:g}]")
    return {
        name: each._replace(low=ends[name][0], high=ends[name][1]) if name in ends else each
        for name, each in space.items()
    }


def free(space: Space) -> list[str]:
    """The names of the parameters that can move."""
    return [name for name, each in space.items() if each.low < each.high]


def centre(space: Space) -> Point:
    """The point of the space that is nearest to neutral in every parameter."""
    return {name: float(min(max(each.neutral, each.low), each.high)) for name, each in space.items()}


def size(space: Space, point: Mapping[str, float]) -> float:
    """How far a point is from neutral: the Euclidean norm of its shares of the way to the end of each range.

    1 is one parameter at the end of its range and the others neutral.
    """
    return math.sqrt(sum(_share(each, point[name]) ** 2 for name, each in space.items()))


def _share(each, value):
    if value == each.neutral:
        return 0.0
    end = each.high if value > each.neutral else each.low
    return (value - each.neutral) / (end - each.neutral)


def between(space: Space, point: Mapping[str, float], share: float) -> Point:
    """The point at a share of the way from the centre to `point`."""
    return {name: start + share * (point[name] - start) for name, start in centre(space).items()}


def _rounded(each, value):
    if each.low == each.high:
        return float(each.low)
    decimals = DIGITS - 1 - math.floor(math.log10(each.high - each.low))
    return float(min(max(round(value, decimals), each.low), each.high))


def allowed(space: Space, problem: Problem, point: Mapping[str, float]) -> Point:
    """`point`, rounded, or where `problem` finds fault with it the nearest allowed one, by one or all numbers.

    So the search loses no probe on what a transformation cannot do, such as a shift that leaves the range of pixels.
    Raises ValueError where even the centre is not allowed.
    """
    whole = _written(space, point)
    if problem(whole) is None:
        return whole
    wrong = problem(_written(space, centre(space)))
    if wrong:
        raise ValueError(f"expected ranges whose point nearest to neutral is allowed: {wrong}")
    ways = [_pulled(space, problem, whole, names) for names in ([name] for name in free(space))]
    ways += [_pulled(space, problem, whole, list(space))]
    return min((way for way in ways if way), key=lambda way: _apart(space, whole, way))


def _pulled(space, problem, point, names):
    """The point with the parameters `names` pulled in as far as need be, None where that does not help."""

    def at(share):
        return _written(space, point | {name: between(space, point, share)[name] for name in names})

    if problem(at(0.0)) is not None:
        return None
    found, low, high = at(0.0), 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if problem(at(middle)) is None:
            found, low = at(middle), middle
        else:
            high = middle
    return found


def _apart(space, one, other):
    return sum(((one[name] - other[name]) / (space[name].high - space[name].low)) ** 2 for name in free(space))


def _written(space, point):
    """A point with as many digits as people read."""
    return {name: _rounded(each, point[name]) for name, each in space.items()}


def grid(space: Space, problem: Problem, count: int) -> list[Point]:
    """At most `count` different points: all combinations of equally many values, from end to end, of each parameter.

    Raises ValueError where two values of each are more than `count`.
    """
    names = free(space)
    each = max((n for n in range(1, count + 1) if n ** len(names) <= count), default=1) if names else 1
    if names and each < 2:
        least = 2 ** len(names)
        raise ValueError(f"expected at least {least} points for a grid of {len(names)} parameters, found {count}: "
                         "give more, or fix parameters by ranges of one number")  # fmt: skip
    values = [
        [r.low + (r.high - r.low) * step / (each - 1) for step in range(each)] if name in names else [r.low]
        for name, r in space.items()
    ]
    points = [allowed(space, problem, dict(zip(space, made, strict=True))) for made in itertools.product(*values)]
    return [point for n, point in enumerate(points) if point not in points[:n]]


def drawn(space: Space, problem: Problem, seed: int, number: int) -> Point:
    """The `number`-th random point, uniform in the ranges, then made `allowed`."""
    shares = seeds.generator(seed, "exploration", number).random(len(space))
    point = {name: r.low + (r.high - r.low) * u for (name, r), u in zip(space.items(), shares.tolist(), strict=True)}
    return allowed(space, problem, point)
