"""From images and labels in files to a `Dataset`: its order, and what is kept in memory."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bsa import files
from bsa.data import Dataset, _remembered
from bsa.errors import DataError
from bsa.lazy import LazyImages
from bsa.ops import seeds

MOST = 2**30  # bytes of float32 images that are kept in memory


def dataset(
    read: Callable,
    shape: Sequence[int],
    y: np.ndarray,
    num_classes: int,
    class_names: Sequence[str] = (),
) -> Dataset:
    """A `Dataset` of images read by `read(rows) -> (k, *shape)`, float32 in [0, 1], with labels `y` (n,) int32.

    Labels that are sorted by class are shuffled with their images, the same each time: the first images are attacked,
    and they would all be of one class. Small data sets are read at once; for large ones `x` is a `LazyImages`.

    Args:
        read: returns the images of some rows.
        shape: of one image.
        y: the labels.
        num_classes: the number of classes.
        class_names: their names, if they are known.
    """
    order = np.arange(len(y))
    if len(y) > 2 and (np.diff(y) >= 0).all() and y[0] != y[-1]:
        order = seeds.generator(0, "order of images", 0).permutation(len(y))
    x = LazyImages(lambda rows: read(order[rows]), np.arange(len(y)), tuple(shape))
    small = 4 * int(np.prod(x.shape)) <= MOST
    return Dataset(np.asarray(x) if small else x, y[order].astype(np.int32), num_classes, tuple(class_names))


def check_split(split: str) -> None:
    """ValueError unless `split` is "train" or "test"."""
    if split not in ("train", "test"):
        raise ValueError(f'expected split "train" or "test", found "{split}"')


def state(key: str, value: str) -> str:
    """How to state a parameter of the data, in a spec and on the command line."""
    return f'state "{key}": {value} in "data" (--set data.{key}={value.replace(", ", ",")})'


def no_training(name: str, value: str) -> DataError:
    """The error for missing training images; `value` is what "train" may be."""
    return DataError(
        f'data "{name}": expected training images, which training and some measures need, found none: '
        f"{state('train', value)}"
    )


def sum_of(paths: Sequence[Path]) -> str:
    """The sha256 over the names and contents of files; for large files it is computed once."""

    def find():
        lines = [f"{files.sha256(path)} {path.name}\n" for path in paths]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    return _remembered.remembered("sha256 of files", paths, find)
