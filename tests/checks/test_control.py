"""The control of a cell in closed form: where the larger ball ends, and which images it shares with the cell."""

import numpy as np
import pytest

from bsa.checks import control


def test_a_ball_is_as_much_larger_as_the_images_moved_until_grey_is_in_it():
    float32 = 0.05000001  # by so much did 0 move to 0.05
    assert control.balls([0.3, 0.27], float32) == [(0.3, 0.35), (0.27, 0.32)]
    assert control.balls([0.3, 0.15], 0.2) == [(0.3, None), (0.15, 0.35)]  # 0.5 says nothing


@pytest.mark.parametrize(("radius", "counts"), [(0.2, (2, 1, 1, 1)), (0.3, (3, 0, 2, 0)), (0.1, (0, 3, 0, 2))])
def test_every_image_is_in_one_of_four_pairs(radius, counts):
    cell = np.array([0.1, 0.05, 0.1, np.inf, np.inf])
    around = np.array([0.2, 0.15, 0.3, 0.2, 0.3])
    found = control.pairs(control.Ball(0.1, radius), cell, around)
    assert tuple(found[name] for name in ("both", "cell", "ball", "neither")) == counts
    assert (found["threshold"], found["radius"]) == (0.1, radius)


def test_where_it_says_nothing_nothing_is_counted():
    assert control.pairs(control.Ball(0.3, None), np.zeros(3), np.full(3, np.inf)) == {"threshold": 0.3, "radius": None}
