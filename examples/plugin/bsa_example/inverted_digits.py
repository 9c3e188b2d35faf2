"""scikit-learn's digits as ink on paper: dark strokes on a light ground."""

import numpy as np

from bsa.data import Dataset, digits


def describe(*, ink, data_dir=None):
    """What enters the keys of stages, and the shapes that a network needs."""
    return digits.describe() | {"fingerprint": f"inverted digits, ink {ink:g}"}


def load(*, split, ink, data_dir=None):
    """The "train" or "test" part as a `Dataset`: a stroke is as dark as `ink`, 1 for black."""
    x, y, classes = digits.load(split=split)
    return Dataset(1 - np.float32(ink) * x, y, classes)
