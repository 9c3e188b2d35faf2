"""Two specs, and the results of both: fields that differ, and rates with the interval of their difference."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bsa.criteria import newcombe
from bsa.engine.rates import Outcomes, Rate, outcomes
from bsa.engine.results import Collected, Results
from bsa.spec.problems import pointer

ABSENT = object()  # what is in one spec alone


class Change(NamedTuple):
    """A field of a resolved spec that differs: its JSON pointer, and its values, `ABSENT` where it is not there."""

    pointer: str
    a: Any
    b: Any


class Difference(NamedTuple):
    """A rate of both results, or of one alone: then the other is None, and so are the interval and the images."""

    experiment: str  # "" where there is one
    a: Rate | None
    b: Rate | None
    interval: tuple[float, float] | None  # 95 %, of b - a in points; see `bsa.criteria.newcombe`
    shared: int | None  # images that both are of

    @property
    def rate(self) -> Rate:
        """One of the two, which says of what it is."""
        found = self.a or self.b
        assert found
        return found

    @property
    def points(self) -> float | None:
        """How much larger b is, in percentage points."""
        return None if self.a is None or self.b is None else self.b.percent - self.a.percent

    def beyond(self, tolerance: float) -> bool:
        """Whether b is farther from a than so many points; a rate that b lacks is within no tolerance."""
        if self.a is None:
            return False
        return self.points is None or not abs(self.points) <= tolerance + 1e-9  # NaN, of no images, is not within


def changes(a: Any, b: Any, path: tuple = ()) -> Iterator[Change]:
    """Where two JSON values differ, in the order of the first."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys([*a, *b]):
            yield from changes(a.get(key, ABSENT), b.get(key, ABSENT), (*path, key))
    elif isinstance(a, list) and isinstance(b, list) and _nested(a) and _nested(b):
        for i in range(max(len(a), len(b))):
            yield from changes(*(each[i] if i < len(each) else ABSENT for each in (a, b)), (*path, i))
    elif a != b or isinstance(a, bool) is not isinstance(b, bool):
        yield Change(pointer(path), a, b)


def _nested(value):
    """Whether a list holds objects: one of numbers or words is told whole."""
    return any(isinstance(each, dict) for each in value)


def differences(a: Results | Collected, b: Results | Collected) -> list[Difference]:
    """The rates of both in the order of the first, then those of the second alone; without TensorFlow.

    Experiments of collections are told apart by their names, networks likewise, unless each has but one.
    """
    mine, theirs = _named(a), _named(b)
    return [
        difference
        for name in dict.fromkeys([*mine, *theirs])
        for difference in _differences(name, mine.get(name), theirs.get(name))
    ]


def _named(results):
    several = isinstance(results, Collected)
    return {each.spec.name if several else "": each for each in results.experiments}


def _differences(name, a, b):
    alone = all(len(each.spec.networks) == 1 for each in (a, b) if each)
    same = bool(a and b) and _images(a) == _images(b)
    mine, theirs = ({_place(o.rate, alone): o for o in (outcomes(each) if each else ())} for each in (a, b))
    for place in dict.fromkeys([*mine, *theirs]):
        yield _difference(name, mine.get(place), theirs.get(place), same)


def _images(results):
    """What numbers of images are of: the data set by its content."""
    params = (r.record["params"].get("data", {}) for r in results.all)
    return next(({k: v for k, v in data.items() if k != "version"} for data in params if "fingerprint" in data), {})


def _place(rate, alone):
    network = "" if alone else rate.network
    return (network, rate.cell.text, rate.metric, rate.label, rate.threshold)


def _difference(name, a: Outcomes | None, b: Outcomes | None, same) -> Difference:
    if a is None or b is None:
        return Difference(name, a and a.rate, b and b.rate, None, None)
    others = b.index if same else np.full(len(b.index), -1)  # the same number is another image in other data
    low, high = newcombe(a.flags, b.flags, a.index, others)
    return Difference(name, a.rate, b.rate, (100 * low, 100 * high), len(np.intersect1d(a.index, others)))
