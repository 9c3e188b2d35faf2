"""Artefact folders: work in `<key>.part`, commit by rename, so that a folder that exists is whole.

A committed folder holds the stage's files and `record.json` with the sha256 of each. Work files of a killed run stay
in `.part` and the next run goes on from them; a lock file keeps two runs off one stage and dies with its process.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import filelock
import platformdirs

from bsa.errors import StoreError

RECORD = "record.json"
WORK = "work"  # the folder in a `.part` for what a killed run goes on from; it is not part of the artefact


def default_root():
    """The store used where none is named: BSA_STORE, or bsa's folder among the user's caches."""
    return Path(os.environ.get("BSA_STORE") or Path(platformdirs.user_cache_dir("bsa")) / "store")


def write(path, writer):
    """Write a file that is either whole or absent: `writer(file)` to a neighbour, fsync, rename."""
    path = Path(path)
    beside = path.with_name(path.name + ".tmp")
    with open(beside, "wb") as file:
        writer(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_json(path, value):
    """Write a JSON file, whole or absent, for people to read."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write(path, lambda file: file.write(text.encode()))


class Store:
    """A folder of artefacts under the keys of their stages."""

    def __init__(self, root=None):
        self.root = Path(root) if root else default_root()

    def __contains__(self, key):
        return (self.path(key) / RECORD).is_file()

    def path(self, key):
        """The folder of a committed artefact."""
        return self.root / key

    def part(self, key):
        """The folder in which a stage works until it commits."""
        return self.root / f"{key}.part"

    def record(self, key):
        """The record of a committed artefact, its files checked against their sha256; StoreError if they differ."""
        folder = self.path(key)
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(
                f"{folder / RECORD} is damaged ({error}). Delete the folder {folder} and run again."
            ) from None
        for name, expected in record["files"].items():
            file = folder / name
            found = _sha256(file) if file.is_file() else "no file"
            if found != expected:
                raise StoreError(
                    f"{file} is damaged: expected sha256 {expected}, found {found}. "
                    f"Delete the folder {folder} and run again: only this stage is redone."
                )
        return record

    @contextlib.contextmanager
    def begin(self, key, waiting=lambda: None):
        """Work on a key alone: yields its `.part` folder, which holds what an interrupted run left there.

        Where another process works on the same key, calls `waiting` and waits for it.
        """
        lock = filelock.FileLock(self.root / f"{key}.lock")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except filelock.Timeout:
            waiting()
            lock.acquire()
        except OSError as error:
            raise StoreError(f"cannot write to the store {self.root}: {error}. Name another with --store.") from error
        try:
            if key not in self:
                shutil.rmtree(self.path(key), ignore_errors=True)  # no artefact: it has no record
                (self.part(key) / WORK).mkdir(parents=True, exist_ok=True)
            yield self.part(key)
        finally:
            lock.release()

    def commit(self, key, record):
        """Seal the `.part` folder of a key: add `record.json` with the sha256 of every file, sync, rename."""
        part = self.part(key)
        names = {f.relative_to(part).as_posix(): f for f in part.rglob("*") if f.is_file()}
        files = {n: f for n, f in sorted(names.items()) if n != RECORD and not n.startswith(f"{WORK}/")}
        sums = {name: _sha256(file) for name, file in files.items()}
        for file in files.values():
            _sync(file)
        write_json(part / RECORD, record | {"files": sums})
        _sync(part)
        os.replace(part, self.path(key))
        _sync(self.root)
        shutil.rmtree(self.path(key) / WORK, ignore_errors=True)


def _sync(path):
    folder = path.is_dir()
    if os.name == "nt" and folder:
        return  # Windows cannot sync a folder
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(file):
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
