"""Named starts: what they are, and that they do not depend on the batch."""

import numpy as np
import pytest

from bsa.search import starts as named

X = np.random.default_rng(0).random((6, 4, 4, 1), np.float32)
INDEX = np.array([3, 14, 15, 92, 65, 35])


@pytest.mark.parametrize("name", ["uniform", "noise", "grey", "corner", "white", "black", "image"])
def test_an_image_has_its_start_whatever_its_batch(name):
    whole = named.points(name, X, INDEX, seed=7, restart=1, radius=0.1)
    alone = [named.points(name, X[i : i + 1], INDEX[i : i + 1], seed=7, restart=1, radius=0.1)[0] for i in range(6)]
    np.testing.assert_array_equal(whole, alone)
    assert whole.dtype == np.float32
    assert whole.min() >= 0
    assert whole.max() <= 1


@pytest.mark.parametrize("name", ["uniform", "noise"])
def test_random_starts_differ_by_seed_restart_and_image(name):
    same = np.repeat(X[:1], 2, axis=0)
    a, b = named.points(name, same, np.array([0, 1]), seed=0)
    c = named.points(name, same[:1], np.array([0]), seed=1)[0]
    d = named.points(name, same[:1], np.array([0]), seed=0, restart=1)[0]
    assert all((a != other).any() for other in (b, c, d))


def test_a_solid_start_projects_onto_the_corner_towards_its_colour():
    corner = named.project(named.points("grey", X, INDEX, seed=0), X, 0.1)
    np.testing.assert_allclose(corner, X + np.clip(0.5 - X, -0.1, 0.1), atol=1e-7)
    np.testing.assert_array_equal(named.points("corner", X, INDEX, seed=0, radius=0.1), corner)


def test_noise_has_the_papers_standard_deviation():
    x = np.full((1, 200, 200, 1), 0.5, np.float32)
    drawn = named.points("noise", x, np.array([0]), seed=0) - x
    # clipped at 2.5 standard deviations, a normal of 0.2 keeps 0.1985 of it; 40,000 draws give it within 0.5 %
    assert abs(drawn.std() - 0.1985) < 0.003
