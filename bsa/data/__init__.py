"""Data sets: `load(split=..., data_dir=...) -> Dataset` and `describe(...) -> dict`, one module each."""

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Images `x` (n, height, width, channels), float32 in [0, 1]; labels `y` (n,), int32.

    In file order, where that is known: each module says.
    """

    x: np.ndarray
    y: np.ndarray
    num_classes: int
