"""Files that are complete or absent, checksums that detect damage, errors of the disk in a sentence. No TensorFlow."""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bsa.errors import StoreError

WORK = "work"  # the folder in a `.part` for what a killed run goes on from; it is not part of the artefact
LOG = "tensorboard"  # the folder of a training's log for people, which no result is read from: it has no sums
TEMPORARY = ".tmp"  # how the name of a file that is being written ends; such a file is nobody's result
SUM = hashlib.sha256().digest_size  # bytes at the end of a kept file
ADVICE = "Finished stages are stored: once this is solved, the same command goes on."


@contextlib.contextmanager
def told(what: str, advice: str = ADVICE) -> Iterator[None]:
    """Turns an OSError (a full disk, another user's file, a missing folder) into a StoreError of one sentence.

    `what` could not be done: "write results/a.json". Errors of a connection pass: they are no fault of the disk.
    """
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        raise StoreError(f"cannot {what}: {reason(error)}. {advice}") from error


def reason(error: OSError) -> str:
    """What an OSError says: "No space left on device"; NumPy's and HDF5's own have no `strerror`."""
    return error.strerror or " ".join(str(error).split()) or type(error).__name__


def write(path: Path, writer: Callable) -> None:
    """Write a file that is either whole or absent: `writer(file)` to a neighbour, fsync, rename.

    The neighbour's name is no other writer's, and it is removed where the writing fails. StoreError where the disk does
    not take it.
    """
    path = Path(path)
    beside = path.with_name(f".{os.getpid()}_{secrets.token_hex(6)}{TEMPORARY}")
    with told(f"write {path}"):
        try:
            with open(beside, "xb") as file:
                writer(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any, default: Callable | None = None) -> None:
    """Write a JSON file, whole or absent, for people to read; `default` is json.dumps's."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=default) + "\n"
    write(path, lambda file: file.write(text.encode()))


def clean(folder: Path, deep: bool = True) -> None:
    """Remove what killed writers left in a folder, and below it if `deep`; for whoever works there alone."""
    for left in [*(folder.rglob if deep else folder.glob)(f"*{TEMPORARY}")]:
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def keep(path: Path, arrays: dict[str, Any]) -> None:
    """Keep a dict of arrays for a later run: an `.npz` file that ends in the sha256 of its name and content."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    content = packed.getbuffer()

    def writer(file):
        file.write(content)
        file.write(_sum(path, content))

    write(path, writer)


def recall(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays that `keep` put into a file, or None if there is none.

    A file that is damaged, or of a bsa without checksums, is removed and reported on standard error; its work is done
    again. StoreError if it can be neither read nor removed.
    """
    path = Path(path)
    with told(f"read {path}"):
        if not path.is_file():
            return None
        try:
            content = memoryview(path.read_bytes())
        except PermissionError:
            raise
        except OSError:
            content = memoryview(b"")  # a bad block
        if len(content) > SUM and _sum(path, content[:-SUM]) == content[-SUM:]:
            with np.load(io.BytesIO(content[:-SUM]), allow_pickle=False) as saved:
                return dict(saved)
        path.unlink(missing_ok=True)
    print(f"{path} is damaged: removed, its work is done again", file=sys.stderr, flush=True)
    return None


def _sum(path, content):
    found = hashlib.sha256(Path(path).name.encode() + b"\n")
    found.update(content)
    return found.digest()


def _of_file(file):
    """The sha256 of a file's content, in hexadecimal."""
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, by the time that this returns."""
    folder = path.is_dir()
    if os.name == "nt" and folder:
        return  # Windows cannot sync a folder
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prefix(path: str | os.PathLike) -> Path:
    """The prefix of the checkpoint that a file at `path` is of (`.index`, `.data-00000-of-00001`), or `path` itself."""
    path = Path(path)
    part = re.fullmatch(r"(.+)\.(?:index|data-\d{5}-of-\d{5})", path.name)
    return path.with_name(part[1]) if part and path.with_name(f"{part[1]}.index").is_file() else path


def sha256(path: str | os.PathLike) -> str:
    """The sha256 of a file's content; of a folder or a checkpoint's prefix, that of its files' names and sums.

    A file of a checkpoint stands for all of them, as it does where they are read.
    """
    path = prefix(path)
    if path.is_file():
        return _of_file(path)
    inside = path.rglob("*") if path.is_dir() else path.parent.glob("*")
    start = "" if path.is_dir() else f"{path.name}."  # the files of a prefix differ in what follows its dot
    files = {f.relative_to(path if path.is_dir() else path.parent).as_posix(): f for f in inside if f.is_file()}
    lines = [
        f"{name.removeprefix(start)} {_of_file(files[name])}\n" for name in sorted(files) if name.startswith(start)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
