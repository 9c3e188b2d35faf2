"""Data sets: `load(split=..., data_dir=..., **params) -> Dataset` and `describe(...) -> dict`, one module each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bsa.data._named import named as named
from bsa.lazy import LazyImages as LazyImages


class _Fields(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    num_classes: int


class Dataset(_Fields):
    """Images `x` (n, height, width, channels), float32 in [0, 1]; labels `y` (n,), int32. Unpacks as x, y, num_classes.

    In file order, where that is known: each module says. For data sets too large for memory `x` is a `LazyImages`,
    indexed like an array. `class_names` (num_classes,) are the names of the classes, () if they are not known.
    """

    class_names: tuple[str, ...] = ()

    def __new__(cls, x: np.ndarray, y: np.ndarray, num_classes: int, class_names: Sequence[str] = ()) -> "Dataset":
        made = super().__new__(cls, x, y, num_classes)
        made.class_names = tuple(class_names)
        return made
