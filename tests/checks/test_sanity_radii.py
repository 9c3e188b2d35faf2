"""Radii and pixels on the scale of [0, 1], and success that must grow with the radius."""

import numpy as np
import pytest

from bsa.checks import _attack, sanity


@pytest.mark.parametrize(
    ("epsilon", "threshold", "message"),
    [(0.1, 0.002, "a radius of 0.002"), (0.6, 0.6, "same solid grey"), (0.1, 0.9, "within a radius of 0.9")],
)
def test_radii_on_the_wrong_scale(epsilon, threshold, message, attacked_images):
    x, y, index = attacked_images
    first, second = sanity.scale({"epsilon": epsilon}, [sanity.Sample(None, x, y, index, [epsilon, threshold])], {})
    assert not first.passed
    assert message in first.message
    assert second.passed


def test_images_divided_by_255_twice(attacked_images):
    x, y, index = attacked_images
    first, second = sanity.scale({"epsilon": 0.1}, [sanity.Sample(2, x / 255, y, index, [0.1])], {})
    assert first.passed
    assert not second.passed
    assert second.cell == 2


class _Distances:
    def __init__(self, distance):
        self.distance = distance


def test_a_fall_over_two_radii_is_seen():
    """Fewer fall from each radius to the next, none of the steps large enough to be noticed alone."""
    counts = {0.05: 100, 0.1: 99, 0.2: 98, 1.0: 96}
    subject = sanity.Subject(None, {"epsilon": 0.1}, None, None, None)
    tries = _attack.Tries(subject, *[np.zeros(100)] * 3, 0, None)
    found = {r: np.where(np.arange(100) < count, 0, np.inf) for r, count in counts.items()}
    tries.own, tries.base = None, _Distances(found[0.1])
    tries._run = lambda attack, radius: _Distances(found[radius])
    room, whole = tries.curve()
    assert not room.passed
    assert not whole.passed
