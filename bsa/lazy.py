"""Images that are read as they are asked for, for sets that do not fit into memory as float32."""

from collections.abc import Callable
from typing import Any

import numpy as np

BLOCK = 64  # images that are read at once


class LazyImages:
    """Images (n, height, width, channels), float32 in [0, 1], of which only what is asked for is in memory.

    It is indexed as an array is: `x[3]` and `x[[3, 5]]` are arrays, a slice `x[:500]` is another `LazyImages` and reads
    nothing yet. `numpy.asarray(x)` reads all of them. `read(rows)` gives the images numbered `rows` (k,) as an array.
    """

    dtype = np.dtype(np.float32)
    ndim = 4

    def __init__(self, read: Callable, rows: np.ndarray, shape: tuple[int, ...]) -> None:
        self._read, self._rows, self.shape = read, rows, (len(rows), *shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> Any:
        rows = self._rows[key]
        if isinstance(key, slice):
            return LazyImages(self._read, rows, self.shape[1:])
        return self._pixels(np.atleast_1d(rows)).reshape(*np.shape(rows), *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("expected that images may be copied, as they are read from a file, found copy=False")
        return self._pixels(self._rows).astype(dtype or self.dtype, copy=False)

    def __reduce__(self) -> tuple:
        return np.asarray, (np.asarray(self),)  # to another process they travel as an array

    def copy(self) -> "LazyImages":
        """Itself: no array is held that a copy would let go of."""
        return self

    def then(self, change: Callable, shape: tuple[int, ...] | None = None) -> "LazyImages":
        """What `change(x, rows)` makes of the images x (k, ...) numbered `rows` (k,), as they are read.

        That is an array (k, *shape), by default of images of the same shape.
        """
        return LazyImages(
            lambda rows: change(self._read(rows), rows), self._rows, self.shape[1:] if shape is None else shape
        )

    def _pixels(self, rows):
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for at in range(0, len(rows), BLOCK):
            out[at : at + BLOCK] = self._read(rows[at : at + BLOCK])
        return out
