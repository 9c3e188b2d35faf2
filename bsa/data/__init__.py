"""Data sets: `load(split=..., data_dir=...) -> Dataset` and `describe(...) -> dict`, one module each.

`images`, `labels` and `pair` take what people have, and give what bsa computes with, or say what is wrong with it.
"""

from typing import NamedTuple

import numpy as np

from bsa.data._given import images as images
from bsa.data._given import labels as labels
from bsa.data._given import pair as pair


class Dataset(NamedTuple):
    """Images `x` (n, height, width, channels), float32 in [0, 1]; labels `y` (n,), int32.

    In file order, where that is known: each module says.
    """

    x: np.ndarray
    y: np.ndarray
    num_classes: int
