"""Losses on logits, against NumPy."""

import numpy as np

from bsa.ops import losses


def test_margin_and_cross_entropy():
    logits = np.float32([[3, 1, 2], [0, 5, 5], [1, 4, -2]])
    y = np.int32([0, 1, 0])
    np.testing.assert_allclose(losses.margin(logits, y), [1, 0, -3])
    expected = np.log(np.exp(logits).sum(-1)) - logits[np.arange(3), y]
    np.testing.assert_allclose(losses.cross_entropy(logits, y), expected, rtol=1e-6)


def difference_of_logits_ratio(z, label, target=None):
    """Croce and Hein (2020), sections 4.1 and 4.2, of one image's logits, in float64."""
    largest = np.sort(z)[::-1]
    if target is None:
        return -(z[label] - np.delete(z, label).max()) / (largest[0] - largest[2])
    return -(z[label] - z[target]) / (largest[0] - (largest[2] + largest[3]) / 2)


def test_ratios_of_logits():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(50, 6)), rng.integers(0, 6, 50)
    target = (y + rng.integers(1, 6, 50)) % 6
    plain = [difference_of_logits_ratio(z, label) for z, label in zip(logits, y, strict=True)]
    targeted = [difference_of_logits_ratio(*row) for row in zip(logits, y, target, strict=True)]
    for scale, shift in [(1, 0), (1000, -7), (0.01, 3)]:  # a ratio sees neither scale nor shift
        z = np.float32(scale * logits + shift)
        tolerance = {"rtol": 1e-3, "atol": 1e-4}  # logits of 0.01 beside a shift of 3: float32 keeps four digits
        np.testing.assert_allclose(losses.dlr(z, y), plain, **tolerance)
        np.testing.assert_allclose(losses.targeted_dlr(z, y, target), targeted, **tolerance)
    wrong = logits.argmax(-1) != y
    np.testing.assert_array_equal(losses.dlr(np.float32(logits), y) > 0, wrong)


def test_equal_logits_have_finite_ratios():
    z, y = np.ones((1, 5), np.float32), np.int32([0])
    assert losses.dlr(z, y) == losses.targeted_dlr(z, y, y + 1) == 0


def test_the_likeliest_other_classes():
    logits = np.float32([[3, 1, 2, 0], [0, 5, 4, 7]])
    np.testing.assert_array_equal(losses.likeliest(logits, np.int32([0, 2]), 3), [[2, 1, 3], [3, 1, 0]])
