"""What is known of a point of the space after it was tried."""

from collections.abc import Iterable
from typing import NamedTuple


class Probe(NamedTuple):
    """A point that was tried, on the search's own images."""

    point: dict[str, float]
    accuracy: float  # share of the moved images that are classified correctly
    success: float | None  # share of these that the quick attack breaks; None where accuracy was lost, and none made
    size: float  # how far the point is from neutral, see `size`


def front(probes: Iterable[Probe]) -> list[Probe]:
    """The probes that no other one beats in both accuracy and success, by falling accuracy."""
    found: list[Probe] = []
    for probe in sorted((p for p in probes if p.success is not None), key=lambda p: (-p.accuracy, -p.success, p.size)):
        if not found or probe.success > found[-1].success:
            found.append(probe)
    return found
