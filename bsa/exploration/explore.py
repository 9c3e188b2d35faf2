"""The search for points of a chain that keep accuracy and break the network: ask and tell.

Most probes look for the point that breaks most, by a sampler. The last quarter of them (or all of the rest, once a
probe broke every image) look for a milder point than the mildest one that breaks half (`_milder`). A grid only goes
through all its points.
"""

from collections.abc import Mapping
from typing import Any

from bsa.exploration._milder import Milder
from bsa.exploration._probe import Probe
from bsa.exploration._samplers import LEARN, sampler
from bsa.exploration._space import Point, Problem, free
from bsa.transforms import Range

HALF = 0.5  # the success that counts as enough for the mildest point
LAST = 4  # one of so many probes is kept for it


def make(
    space: Mapping[str, Range],
    *,
    budget: int,
    seed: int,
    accuracy: float,
    keep_accuracy: float,
    sampler: str,
    problem: Problem = lambda point: None,
) -> "Exploration":
    """The search in a `space` of at most `budget` probes.

    Args:
        space: ranges by name.
        budget: the number of probes, at most.
        seed: equal seeds and probes give equal points.
        accuracy: on the original images, a share in [0, 1].
        keep_accuracy: how many points of it may be lost.
        sampler: "tpe", "cma_es", "grid" or "random".
        problem: `problem(point)` says why a point is not allowed, or None.

    Raises:
        ValueError: nothing can move in the space, or its centre is not allowed.
        UsageError: Optuna is missing.
    """
    if not free(space):
        raise ValueError("expected at least one parameter with a range to search, found none")
    return Exploration(dict(space), problem, budget, seed, accuracy, keep_accuracy, sampler)


class Exploration:
    """A search: `ask` for points, try them, `tell` the probes in the same order.

    Equal seeds and probes give equal points. So a killed search continues: it is told again the probes that were kept.
    """

    def __init__(
        self,
        space: dict[str, Range],
        problem: Problem,
        budget: int,
        seed: int,
        accuracy: float,
        keep_accuracy: float,
        name: str,
    ) -> None:
        self.space, self.accuracy, self.left = space, accuracy, budget
        self.least, self.probes = accuracy - keep_accuracy / 100, list[Probe]()
        self._learns, self._whole = name in LEARN, name == "grid"
        self._sampler, self._milder = sampler(name, space, problem, budget, seed), Milder(space, problem)
        self._open: list[tuple[Point, Any]] = []
        self._last = 0 if self._whole else budget // LAST

    def ask(self, count: int = 1) -> list[Point]:
        """The next points to try, at most `count`; none where the search is at its end."""
        count, last = min(count, self.left), self.left <= self._last or self._all_broken()
        if not last:
            count = min(count, self.left - self._last)
        points, asks = [], self._sampler
        if last and self.mildest and not self._whole:
            points, asks = self._milder.ask(self.mildest.point, count), self._milder
        elif count:
            points = [point for point in (self._sampler.ask() for _ in range(count)) if point is not None]
        self._open = [(point, asks) for point in points]
        self.left -= len(points)
        return points

    def tell(self, probe: Probe) -> None:
        """What was found at the next of the points that were asked for."""
        point, asked = self._open.pop(0)
        if probe.point != point:
            raise ValueError(f"expected the probe of {point}, which was asked for next, found that of {probe.point}")
        self.probes.append(probe)
        asked.tell(self.mild(probe) if asked is self._milder else self._value(probe))

    def kept(self, accuracy: float) -> bool:
        """Whether an accuracy, a share, is as good as is asked for; where it is not, no attack need be made."""
        return accuracy >= self.least - 1e-9

    def mild(self, probe: Probe) -> bool:
        """Whether a probe keeps accuracy and breaks half."""
        return self.kept(probe.accuracy) and probe.success is not None and probe.success >= HALF

    @property
    def most(self) -> Probe | None:
        """The probe that keeps accuracy and breaks most, the mildest of equals; None where none keeps accuracy."""
        kept = [probe for probe in self.probes if self.kept(probe.accuracy) and probe.success is not None]
        return min(kept, key=lambda probe: (-(probe.success or 0.0), probe.size), default=None)

    @property
    def mildest(self) -> Probe | None:
        """The mildest probe that keeps accuracy and breaks half; None where none does."""
        return min(filter(self.mild, self.probes), key=lambda probe: probe.size, default=None)

    def _all_broken(self):
        return self._learns and any(self.mild(probe) and probe.success == 1 for probe in self.probes)

    def _value(self, probe):
        """What the sampler is to raise: success, or where accuracy is lost, how much of it, below 0."""
        return probe.success if probe.success is not None else min(probe.accuracy - self.least, 0.0)
