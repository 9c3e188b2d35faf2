"""The attack against a closed form: on a linear network the least L-inf distortion is known."""

import numpy as np

import bsa


def test_least_distortion_of_a_linear_network(linear):
    model, x, y, expected = linear
    found = bsa.attack("carlini_wagner_linf", model, epsilon=0.3, mode="least_distortion")(x, y)
    assert found.success.all()
    assert (found.distance >= expected * (1 - 1e-4)).all()  # never below the truth, float32 aside
    np.testing.assert_allclose(found.distance, expected, rtol=0.02)


def test_success_mode_stops_at_the_smallest_threshold(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = bsa.attack("carlini_wagner_linf", model, epsilon=0.4, thresholds=["epsilon", radius])(x, y)
    fell = least < 0.95 * radius
    stood = least > radius + 1e-5
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
