"""Arrays in NumPy files, .npz and .npy: their headers, and rows of them on demand."""

import itertools
import struct
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from bsa import signatures
from bsa.errors import DataError, one_line

SMALL = 2**28  # bytes of an array that is read whole
FILES = "an .npz file of numpy.savez, or a pair of .npy files [images, labels]"


class Header(NamedTuple):
    """What a file says of an array; in an .npy its `name` is ""."""

    file: Path
    name: str
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.file}, {self.name}" if self.name else str(self.file)

    def __str__(self) -> str:
        return f"{self.name or self.file.name} {self.dtype} {self.shape}"


def headers(file: Path) -> dict[str, Header]:
    """The arrays of an .npz, or the one of an .npy, by name. DataError if the file is neither."""
    kind = _kind(file)
    if kind == "npy":
        with open(file, "rb") as content:
            return {"": _header(file, "", content)}
    with zipfile.ZipFile(file) as archive:
        found = {}
        for info in archive.infolist():
            with archive.open(info) as content:
                found[info.filename.removesuffix(".npy")] = _header(file, info.filename.removesuffix(".npy"), content)
    return found


def _kind(file):
    """ "npy" or "npz"; otherwise a DataError that says what the file is."""
    if not file.exists():
        raise DataError(f"no file {file}: expected {FILES}; a path is absolute, or from the current folder")
    try:
        kind = signatures.kind(file)
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from None
    if kind not in ("npy", "npz"):
        what = signatures.KINDS[kind][0] if kind else "a file of another kind"
        what = 'a folder: that is data "folder"' if kind == "folder" else what
        what += f": {signatures.KINDS[kind][1]}" if kind in signatures.NEVER else ""
        raise DataError(f"{file}: expected {FILES}, found {what}")
    return kind


def _header(file, name, content):
    try:
        version = np.lib.format.read_magic(content)
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
        return Header(file, name, *read(content))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        what = f"{file}, {name}" if name else file
        raise DataError(f"{what}: expected a NumPy array, found {one_line(error)}") from None


def whole(header: Header) -> np.ndarray:
    """The array, in memory. DataError if it holds Python objects or cannot be read."""
    if header.dtype.hasobject:
        raise DataError(
            f"{header.place}: expected an array of numbers, found one of Python objects, which could execute "
            "any code: save it with a dtype, such as numpy.asarray(x, 'uint8')"
        )
    try:
        loaded = np.load(header.file, allow_pickle=False)
        if not header.name:
            return loaded
        with loaded:
            return loaded[header.name]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise DataError(f"{header.file}: cannot be read to its end: {one_line(error)}. Copy it here again") from None


def reader(header: Header) -> Callable:
    """`read(rows) -> array`: the rows numbered `rows` (k,); large arrays are read on demand."""
    size = int(np.prod(header.shape)) * header.dtype.itemsize
    if size <= SMALL or header.fortran or header.dtype.hasobject:
        return whole(header).__getitem__
    content, begin = _opened(header)
    return rows(content, begin, header.shape, header.dtype, str(header.file))


def rows(content: IO, begin: int, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Callable:
    """`read(rows) -> array` for an array whose bytes start at `begin` in an open file; `name` is the file's."""
    return _Rows(content, begin, shape, dtype, name).read


def _opened(header):
    """An open file that holds the array uncompressed, and the position where the array begins."""
    if not header.name:
        content: IO = open(header.file, "rb")  # noqa: SIM115 - open as long as the images are asked for
        at = 0
    else:
        with zipfile.ZipFile(header.file) as archive:
            info = archive.getinfo(f"{header.name}.npy")
            if info.compress_type == zipfile.ZIP_STORED:
                content = open(header.file, "rb")  # noqa: SIM115
                content.seek(info.header_offset)
                at = info.header_offset + 30 + sum(struct.unpack("<HH", content.read(30)[26:]))  # as zips are made
            else:
                content, at = _unpacked(archive.open(info)), 0
    content.seek(at)
    _header(header.file, header.name, content)
    return content, content.tell()


def _unpacked(packed):
    """The content of a member of a zip, in an unnamed file that ends with the process."""
    content = tempfile.TemporaryFile()  # noqa: SIM115
    with packed:
        while block := packed.read(2**24):
            content.write(block)
    return content


class _Rows:
    """The rows of an array in an open file. The file has one position, so reading holds a lock."""

    def __init__(self, content: IO, begin: int, shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
        self._content, self._begin, self._name, self._lock = content, begin, name, threading.Lock()
        self._shape, self._dtype, self._size = shape[1:], dtype, int(np.prod(shape[1:])) * dtype.itemsize

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The rows (k,), in that order; adjacent ones are read at once."""
        out = np.empty((len(rows), *self._shape), self._dtype)
        view = memoryview(out.reshape(-1).view(np.uint8))
        begins = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1), len(rows)]
        for begin, end in itertools.pairwise(begins):
            self._fill(view[begin * self._size : end * self._size], int(rows[begin]))
        return out

    def _fill(self, view, row):
        with self._lock:
            self._content.seek(self._begin + row * self._size)
            done = 0
            while done < len(view) and (count := self._content.readinto(view[done:])):
                done += count
        if done < len(view):
            raise DataError(f"{self._name}: expected more images, found its end. Copy it here again")
