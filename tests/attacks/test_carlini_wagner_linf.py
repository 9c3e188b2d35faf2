"""The attack against a closed form: on a linear network the least L-inf distortion is known."""

import keras
import numpy as np
import pytest

import bsa
from bsa.attacks import logits


@pytest.fixture(scope="module")
def linear():
    """Three classes on 4x4 images, weights of both signs, and 12 images well inside [0, 1]."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32)])
    x = rng.uniform(0.4, 0.6, (12, 4, 4, 1)).astype(np.float32)
    return model, x, logits(model, x).argmax(-1)


def least(model, x, y):
    """min over j != y of margin / ||w_y - w_j||_1, the least distortion where the box does not bind."""
    weights = model.get_weights()[0].astype(np.float64)
    scores = x.reshape(len(x), -1) @ weights
    out = []
    for row, own in enumerate(y):
        others = [j for j in range(weights.shape[1]) if j != own]
        margins = [(scores[row, own] - scores[row, j]) / np.abs(weights[:, own] - weights[:, j]).sum() for j in others]
        out.append(min(margins))
    return np.array(out)


def test_least_distortion_of_a_linear_network(linear):
    model, x, y = linear
    expected = least(model, x, y)
    assert expected.max() < 0.4  # otherwise the box would bind and the closed form would not hold
    found = bsa.attack("carlini_wagner_linf", model, epsilon=0.3, mode="least_distortion")(x, y)
    assert found.success.all()
    assert (found.distance >= expected * (1 - 1e-4)).all()  # never below the truth, float32 aside
    np.testing.assert_allclose(found.distance, expected, rtol=0.02)


def test_success_mode_stops_at_the_smallest_threshold(linear):
    model, x, y = linear
    radius = float(np.median(least(model, x, y)))
    found = bsa.attack("carlini_wagner_linf", model, epsilon=0.4, thresholds=["epsilon", radius])(x, y)
    fell = least(model, x, y) < 0.95 * radius
    stood = least(model, x, y) > radius + 1e-5
    assert fell.sum() >= 3
    assert (found.distance[fell] <= radius + 1e-6).all()
    assert (found.distance[stood] > radius).all()


def test_starts_come_in_order_and_only_for_what_is_left(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.1, "steps": 50}
    grey = bsa.attack("carlini_wagner_linf", trained, starts=["grey"], **params)(x, y, index=index)
    both = bsa.attack("carlini_wagner_linf", trained, starts=["grey", "noise"], **params)(x, y, index=index)
    assert set(both.start) <= {"", "grey", "noise"}
    np.testing.assert_array_equal(both.success | grey.success, both.success)
    np.testing.assert_array_equal(both.passes[grey.success], grey.passes[grey.success])
    assert (both.passes[~grey.success] > grey.passes[~grey.success]).all()
