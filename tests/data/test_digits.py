"""The digits that ship with scikit-learn."""

import numpy as np
import pytest

import bsa
from bsa.data import digits


def test_real_digits_in_file_order():
    train, test = (bsa.load("digits", split=s) for s in ("train", "test"))
    assert (len(train.x), len(test.x)) == (1297, 500)
    assert train.y[:10].tolist() == list(range(10))
    assert train.x.dtype == np.float32
    assert (train.x.min(), train.x.max()) == (0, 1)


def test_enlarging_is_linear_interpolation_with_half_pixel_centres():
    ramp = np.broadcast_to(np.arange(8.0), (1, 8, 8))
    large = digits.enlarge(ramp, 28)[0]
    at = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    np.testing.assert_allclose(large, np.broadcast_to(at, (28, 28)), atol=1e-12)
    np.testing.assert_allclose(digits.enlarge(np.ones((2, 8, 8)), 28), 1, atol=1e-12)


def test_an_unknown_split_is_an_error():
    with pytest.raises(ValueError, match="train"):
        bsa.load("digits", split="validation")
