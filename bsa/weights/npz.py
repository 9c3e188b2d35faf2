"""Weights as plain arrays in a NumPy `.npz` file, in Keras's layout."""

import math
import zipfile

import numpy as np

from bsa import signatures
from bsa.errors import WeightsError, one_line
from bsa.weights import BROKEN, bfloat16, count, put, shapes, shown

ROOM = 2**16  # bytes, for the names and shapes of arrays


def load(model, path):
    """Put the arrays of `path` into `model`.

    By name, if the names in the file are those of the model's weights, such as `conv1/kernel`; otherwise by order, in
    which case a name of the model must be at its place. Two-byte numbers without a type are bfloat16, as NumPy saves
    those of ml_dtypes. Raises WeightsError for another number of arrays, other shapes, arrays of Python objects
    (never unpickled), or a file that is no `.npz`.
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
    expected = "an .npz file of plain arrays"
    signatures.check(path, expected, ("npz", "zip"))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            count(model, list(entries), path)
            size, most = sum(entry.file_size for entry in entries.values()), ROOM + 8 * model.count_params()
            if size > most:
                raise WeightsError(f"{path}: expected at most {most} bytes for {model.name}, found {size}")
            return {name: _array(archive, entry, name, path) for name, entry in entries.items()}
    except BROKEN as error:
        raise WeightsError(f"{path}: expected {expected}, found {one_line(error)}: {signatures.AGAIN}") from None


def _array(archive, entry, name, path):
    """One array, read once its header is known to promise no more than the file holds."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns, kind = header(file)
        if kind.hasobject:
            found = "Python objects, which are never read, as that could execute anything: save arrays of numbers"
            raise WeightsError(f'{path}: "{name}": expected plain arrays, found {found}')
        promised, there = math.prod(shape) * kind.itemsize, entry.file_size - file.tell()
        if promised != there:
            raise WeightsError(f'{path}: "{name}": expected {promised} bytes for the shape {shape}, found {there}')
        flat = np.frombuffer(file.read(), kind)
    return (bfloat16(flat) if kind.str[1:] == "V2" else flat).reshape(shape, order="F" if columns else "C")
