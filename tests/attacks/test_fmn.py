"""FMN: the least distortion of a linear network, from the image and from solid colours."""

import keras
import numpy as np
import pytest

import bsa
from bsa.networks import logits


def boundaries(model, x, y):
    """Distances of images to the boundary with each other class of a linear network, (n, classes); inf at y."""
    weights = model.get_weights()[0].astype(np.float64)
    scores = x.reshape(len(x), -1) @ weights
    gaps, ways = scores[np.arange(len(x)), y][:, None] - scores, np.abs(weights.T[y][:, None] - weights.T).sum(-1)
    return np.where(ways > 0, gaps / np.maximum(ways, 1e-9), np.inf)


@pytest.mark.parametrize("start", ["image", "white", "noise"])
def test_least_distortion_of_a_linear_network(linear, start):
    """It descends to the boundary with one class; another may be closer, which no gradient there tells."""
    model, x, y, least = linear
    found = bsa.attack("fmn", model, epsilon=0.4, starts=[start])(x, y)
    assert found.success.all()
    assert (found.distance >= least * (1 - 1e-4)).all()  # never below the truth, float32 aside
    reached = logits(model, found.x).argmax(-1)
    # gamma ends at a thousandth; a pixel of small weight may be half a thousandth short of its corner
    np.testing.assert_allclose(found.distance, boundaries(model, x, y)[np.arange(len(x)), reached], rtol=0.005)
    assert (found.distance < 1.02 * least).sum() >= 9
    assert set(found.start) == {start}


def test_a_start_of_another_class_leads_to_the_boundary():
    """The network tells bright from dark: on the way to white a dark image crosses its boundary at mean 1/2."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.set_weights([np.tile(np.float32([[0, 1]]), (16, 1)), np.float32([8, 0])])
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.2, 0.4, (6, 4, 4, 1)), rng.uniform(0.6, 0.8, (6, 4, 4, 1))]).astype(np.float32)
    y = np.repeat([0, 1], 6)
    found = bsa.attack("fmn", model, epsilon=0.4, starts=["white"], steps=1)(x, y)
    np.testing.assert_array_equal(found.passes, np.where(y == 0, 11, 1) + 2)
    # ten halvings of a way of at most 0.8
    np.testing.assert_allclose(found.distance[:6], 0.5 - x[:6].mean((1, 2, 3)), atol=0.8 / 2**10)


def test_success_is_a_distance_within_the_largest_threshold(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = bsa.attack("fmn", model, epsilon=radius, thresholds=["epsilon", radius / 2])(x, y)
    assert np.isfinite(found.distance).all()
    np.testing.assert_array_equal(found.success, found.distance <= radius + 1e-6)
    assert 3 <= found.success.sum() <= 9


def test_the_next_start_is_for_what_is_not_within_the_smallest_threshold(linear):
    model, x, y, least = linear
    radii = np.quantile(least, [0.8, 0.4])
    params = {"epsilon": float(radii[0]), "thresholds": radii, "steps": 50}
    one = bsa.attack("fmn", model, starts=["image"], **params)(x, y)
    two = bsa.attack("fmn", model, starts=["image", "grey"], **params)(x, y)
    near = one.distance <= radii[1]
    assert 0 < near.sum() < len(x)
    np.testing.assert_array_equal(two.passes[near], one.passes[near])
    assert (two.passes[~near] > one.passes[~near]).all()
    assert (two.distance <= one.distance).all()
