"""What is known of a point of the space after a probe."""

from collections.abc import Iterable
from typing import NamedTuple


class Probe(NamedTuple):
    """A point that was tried, on the search's own images."""

    point: dict[str, float]
    accuracy: float  # share of the moved images that are classified correctly
    success: float | None  # share of these that the quick attack breaks; None if accuracy was lost: not attacked
    size: float  # how far the point is from neutral, see `size`


def front(probes: Iterable[Probe]) -> list[Probe]:
    """The Pareto front: the probes that no other one beats in both accuracy and success, by falling accuracy."""
    found: list[Probe] = []
    attacked = [(probe, probe.success) for probe in probes if probe.success is not None]
    most = -1.0
    for probe, success in sorted(attacked, key=lambda each: (-each[0].accuracy, -each[1], each[0].size)):
        if success > most:
            found.append(probe)
            most = success
    return found
