"""Images that are read on demand, for data sets that do not fit into memory as float32."""

from collections.abc import Callable
from typing import Any

import numpy as np

BLOCK = 64  # images read at once


class LazyImages:
    """Images (n, height, width, channels), float32 in [0, 1], read on demand.

    Indexing works as for an array: `x[3]` and `x[[3, 5]]` are arrays; a slice `x[:500]` is another `LazyImages`, and
    reads nothing yet. `numpy.asarray(x)` reads all images. `read(rows)` returns the images numbered `rows` (k,) as an
    array.
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
            raise ValueError("expected copy=None or True, since images are read from a file, found copy=False")
        return self._pixels(self._rows).astype(dtype or self.dtype, copy=False)

    def __reduce__(self) -> tuple:
        return np.asarray, (np.asarray(self),)  # the file may not exist where another process runs

    def copy(self) -> "LazyImages":
        """Itself: it holds no array that a copy would release."""
        return self

    def then(self, change: Callable, shape: tuple[int, ...] | None = None) -> "LazyImages":
        """Images changed as they are read: `change(x, rows)` gets the images x (k, ...) numbered `rows` (k,).

        It returns an array (k, *shape); `shape` is by default that of the images.
        """
        return LazyImages(
            lambda rows: change(self._read(rows), rows), self._rows, self.shape[1:] if shape is None else shape
        )

    def _pixels(self, rows):
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for at in range(0, len(rows), BLOCK):
            out[at : at + BLOCK] = self._read(rows[at : at + BLOCK])
        return out
