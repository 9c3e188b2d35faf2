"""Losses on logits, against NumPy."""

import numpy as np

from bsa.ops import losses


def test_margin_and_cross_entropy():
    logits = np.float32([[3, 1, 2], [0, 5, 5], [1, 4, -2]])
    y = np.int32([0, 1, 0])
    np.testing.assert_allclose(losses.margin(logits, y), [1, 0, -3])
    expected = np.log(np.exp(logits).sum(-1)) - logits[np.arange(3), y]
    np.testing.assert_allclose(losses.cross_entropy(logits, y), expected, rtol=1e-6)
