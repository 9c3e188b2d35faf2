"""Files of `torch.save` read without PyTorch and without executing anything: tensors, containers and plain values.

Such a file is a pickle, which may call whatever it names, and the raw bytes of the tensors. Here it may name only the
few things that tensors are made of, and gets inert stand-ins for them; anything else is refused. Both formats are
read: that of PyTorch up to 1.5 (pickles, then storages) and the zip archive since.
"""

import functools
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bsa import signatures, weights
from bsa.errors import WeightsError, one_line
from bsa.weights import _bounds

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "<i1",
          "Byte": "<u1", "Bool": "?", "BFloat16": "bfloat16"}  # fmt: skip
BROKEN = (*weights.BROKEN, pickle.UnpicklingError, ImportError, LookupError)


class Storage(NamedTuple):
    """A flat run of numbers in the file; `held[key]` is its bytes once they are found."""

    dtype: str
    key: str
    count: int
    held: dict


class Tensor(NamedTuple):
    """A view of a storage: `size` and `stride` in elements, one number a dimension."""

    storage: Storage
    offset: int
    size: tuple
    stride: tuple


def read(path):
    """What `torch.save` wrote to `path`: containers and plain values, tensors as `Tensor`. See `array`.

    Raises WeightsError for a file that is none or is damaged, and for one that names anything but tensors.
    """
    path = Path(path)
    signatures.check(path, "a file of torch.save", ("torch", "zip", "pickle"))
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    except EOFError as error:
        what = f"the beginning of one, a truncated download ({one_line(error)}): {signatures.AGAIN}"
        raise WeightsError(f"{path}: expected a file of torch.save, found {what}") from None
    except BROKEN as error:
        what = f"another or a damaged one ({one_line(error)}): {signatures.AGAIN}"
        raise WeightsError(f"{path}: expected a file of torch.save, found {what}") from None


def array(tensor, name, path):
    """The numbers of a `Tensor` as an array of its shape; WeightsError, with its name, if it leaves its storage."""
    (dtype, key, count, held), offset, size, stride = tensor
    whole = all(type(n) is int and n >= 0 for n in (offset, *size, *stride)) and len(size) == len(stride)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if whole else -1
    if not whole or 0 in size or last >= count:
        raise WeightsError(f'{path}: "{name}": expected numbers within its storage of {count}, found some beyond')
    try:
        flat = np.frombuffer(held[key](), _stored(dtype), count)
    except BROKEN as error:
        raise WeightsError(f'{path}: "{name}": expected {count} numbers, found {one_line(error)}') from None
    flat = weights.bfloat16(flat) if dtype == "bfloat16" else flat
    steps = [s * flat.itemsize if n > 1 else 0 for n, s in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(flat[offset:], size, steps, writeable=False).copy()


def _stored(dtype):
    return np.dtype("<u2" if dtype == "bfloat16" else dtype)


class _Named(NamedTuple):
    """A stand-in for something that a pickle names: `make` is called with the arguments it would be called with."""

    make: object

    def __call__(self, *arguments):
        return self.make(*arguments)


class _Dict(dict):
    """A stand-in for an OrderedDict; what PyTorch hangs on one beside its entries is let go."""

    __slots__ = ()

    def __setstate__(self, state):
        pass


def _tensor(storage, offset, size, stride, *_):
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return Tensor(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor, *_):
    return tensor


OTHERS = ("complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
ADMITTED = {
    ("collections", "OrderedDict"): _Named(_Dict),
    ("torch._utils", "_rebuild_tensor"): _Named(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Named(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Named(_parameter),
    **{("torch", f"{name}Storage"): dtype for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Admits what tensors are made of. The stand-ins are immutable: a pickle cannot change what it gets."""

    def __init__(self, file, path, held):
        _bounds.check(file)
        super().__init__(file, encoding="utf-8")
        self.path, self.held, self.seen = path, held, {}

    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            why = "only tensors are read from a PyTorch file, and nothing in it is executed. Save the network's "
            why += "state_dict() alone."
            if module == "torch" and (name.endswith("Storage") or name in OTHERS):
                why = "numbers of this type are not read. Save the state_dict() of the network in float32."
            raise WeightsError(f"{self.path}: refused: it names {module}.{name}; {why}")
        return ADMITTED[module, name]

    def persistent_load(self, pid):
        kind, dtype, key, _, count, *view = pid
        known = kind == "storage" and type(key) is str and dtype in DTYPES.values()
        if not known or type(count) is not int or count < 0 or any(view):
            raise pickle.UnpicklingError("a reference that is no storage")
        return self.seen.setdefault(key, Storage(dtype, key, count, self.held))


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        mains = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(mains) != 1 or any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise zipfile.BadZipFile("a zip that torch.save did not write")
        if archive.getinfo(mains[0]).file_size > _bounds.MOST:
            raise zipfile.BadZipFile(f"a pickle of over {_bounds.MOST} bytes")
        before = mains[0].removesuffix("data.pkl")
        if f"{before}byteorder" in names and archive.read(f"{before}byteorder") != b"little":
            raise zipfile.BadZipFile("numbers that are not little-endian")
        data = f"{before}data/"
        held = {n.removeprefix(data): functools.partial(_member, path, n) for n in names if n.startswith(data)}
        return _Unpickler(io.BytesIO(archive.read(mains[0])), path, held).load()


def _member(path, name):
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def _read_legacy(path):
    """Pickles of magic number, protocol, system, content and keys; then each storage: its count and its numbers."""
    whole, held = path.read_bytes(), {}
    file = io.BytesIO(whole)
    for expected in (MAGIC, PROTOCOL):
        if _Unpickler(file, path, held).load() != expected:
            raise pickle.UnpicklingError("a pickle that torch.save did not write")
    _Unpickler(file, path, held).load()  # the writer's system: numbers are little-endian wherever they were written
    content = _Unpickler(file, path, held)
    read, keys, at = content.load(), _Unpickler(file, path, held).load(), file.tell()
    for key in keys:
        if type(key) is not str:
            raise pickle.UnpicklingError("a storage without a name")
        (count,) = struct.unpack_from("<q", whole, at)
        end = at + 8 + count * _stored(content.seen[key].dtype).itemsize
        if count < 0 or end > len(whole):
            raise EOFError(f"a file that ends before the {count} numbers of storage {key}")
        held[key] = functools.partial(memoryview(whole).__getitem__, slice(at + 8, end))
        at = end
    return read
