"""What is known of a point after it was measured on images that the search did not use."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bsa.criteria import wilson
from bsa.exploration._probe import Probe


class Measured(NamedTuple):
    """Accuracy and success at a point, as counts; by another attack and on other images than in the search."""

    images: int  # on which accuracy is counted
    correct: int
    attacked: int  # of them, the first that are classified correctly at the point
    broken: dict[float, int]  # by threshold, in [0, 1] pixels, the largest first
    largest: float  # how far the attacked images moved: max |x' - x|
    mean: float
    clipped: float  # mean share of pixel values that were clipped
    control: tuple[float, int, int] | None  # (threshold + largest, broken around the originals within it, attacked)
    notes: tuple[str, ...] = ()

    @property
    def success(self) -> float:
        """The share that breaks within the largest threshold."""
        return next(iter(self.broken.values())) / self.attacked

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `success` (Wilson)."""
        return wilson(next(iter(self.broken.values())), self.attacked)

    @property
    def accuracy(self) -> float:
        """The share of images that are classified correctly at the point."""
        return self.correct / self.images

    def json(self) -> dict[str, Any]:
        """As JSON has it: thresholds stand beside counts, as no key is a number there."""
        broken = [{"threshold": radius, "count": count} for radius, count in self.broken.items()]
        control = self.control and dict(zip(("radius", "count", "images"), self.control, strict=True))
        return self._asdict() | {"broken": broken, "control": control, "notes": list(self.notes)}


class Found(NamedTuple):
    """A point that a search found."""

    probe: Probe  # what the search saw of it, on its own images
    unseen: Measured


class Explored(NamedTuple):
    """What a search found, and everything that it tried."""

    most: Found | None  # the point that keeps accuracy and breaks most
    mildest: Found | None  # the mildest point that keeps accuracy and breaks half
    original: Measured  # the original images, measured likewise
    probes: Sequence[Probe]
    accuracy: float  # on the search's original images, a share
