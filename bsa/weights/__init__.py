"""Foreign weights: `load(model, path, *, ...)` puts those of a file into `model`, one module per format.

Nothing in a file is ever executed. Raises WeightsError that names the tensor, what was expected and what was found.
"""

import struct
import zipfile
import zlib

import numpy as np

from bsa.errors import WeightsError

# what the readers of zips and arrays raise for damaged, encrypted and oversized files
BROKEN = (OSError, EOFError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError,
          struct.error, zipfile.BadZipFile, zlib.error)  # fmt: skip


def put(model, found, file):
    """Put `found`, pairs (name in the file, array in Keras's layout), into the weights of `model`, one by one.

    Raises WeightsError, and leaves the model as it was, where number, shapes or values do not fit.
    """
    count(model, [name for name, _ in found], file)
    for (name, array), (path, shape) in zip(found, shapes(model).items(), strict=True):
        fits(name, array.shape, path, shape, file)
        if array.dtype.kind not in "fiub":
            raise WeightsError(f'{file}: "{name}" for {path}: expected real numbers, found {array.dtype}')
        if not np.isfinite(_float32(array)).all():
            raise WeightsError(f'{file}: "{name}" for {path}: expected finite numbers in float32, found others')
        if path.endswith("variance") and (array < 0).any():
            raise WeightsError(f'{file}: "{name}" for {path}: expected no negative variance, found {array.min():g}')
    model.set_weights([_float32(array) for _, array in found])


def bfloat16(raw):
    """The numbers of a bfloat16 array as float32; it comes as any type of 2 bytes, little-endian, as NumPy has none."""
    return (raw.view("<u2").astype("<u4") << 16).view("<f4")


def _float32(array):
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def shapes(model):
    """The weights of a model in their order: name such as "conv1/kernel" -> shape."""
    return {weight.path.removeprefix(f"{model.name}/"): tuple(weight.shape) for weight in model.weights}


def count(model, names, file):
    """Raise WeightsError unless the tensors `names` of a file are as many as the weights of `model`."""
    if len(names) != len(model.weights):
        raise WeightsError(
            f"{file}: expected {len(model.weights)} tensors for {model.name} ({shown(shapes(model))}), "
            f"found {len(names)} ({shown(names)})"
        )


def fits(name, found, path, expected, file):
    """Raise WeightsError unless the tensor `name` of a file has the shape `expected` of the weight `path`."""
    if tuple(found) != expected:
        raise WeightsError(f'{file}: "{name}" for {path}: expected the shape {expected}, found {tuple(found)}')


def shown(names, most=12):
    """Names as a list short enough for a message."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
