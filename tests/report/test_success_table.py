"""The table's numbers."""

import pytest

from bsa.criteria import wilson


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe (1998), Table I, method 3: the score interval without continuity correction
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(count, n, low, high):
    assert wilson(count, n) == pytest.approx((low, high), abs=5e-5)


def test_no_images_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
