"""Weights as plain arrays in a NumPy `.npz` file, in Keras's layout."""

import numpy as np

from bsa.errors import WeightsError
from bsa.weights import BROKEN, count, put, shapes, shown

ROOM = 2**16  # bytes, for the names and shapes of arrays


def load(model, path):
    """Put the arrays of `path` into `model`.

    Where the names in the file are those of the model's weights, such as `conv1/kernel`, they are put by name;
    otherwise by order, in which case a name that both know must stand at its place. Raises WeightsError for another
    number of arrays, other shapes, arrays of Python objects (never unpickled), or a file that is no `.npz`.
    """
    arrays, wanted = _read(model, path), list(shapes(model))
    if set(arrays) == set(wanted):
        arrays = {name: arrays[name] for name in wanted}
    for name, place in zip(arrays, wanted, strict=False):
        if name != place and name in wanted:
            raise WeightsError(
                f"{path}: expected the arrays {shown(wanted)}, or others in that order, found {shown(arrays)}: "
                f"{name} is not at its place"
            )
    put(model, list(arrays.items()), path)


def _read(model, path):
    """The arrays by name; none is unpacked where there are too many of them, or larger ones than weights may be."""
    try:
        with np.load(path, allow_pickle=False) as file:
            count(model, file.files, path)
            size, most = sum(entry.file_size for entry in file.zip.infolist()), ROOM + 8 * model.count_params()
            if size > most:
                raise WeightsError(f"{path}: expected at most {most} bytes for {model.name}, found {size}")
            return {name: file[name] for name in file.files}
    except BROKEN as error:
        raise WeightsError(f"{path}: expected an .npz file of plain arrays, found {error}") from None
