"""Artefact folders: work in `<key>.part`, committed by renaming, so that a folder without that suffix is complete.

A committed folder holds the stage's files and `record.json` with the sha256 of each and of itself. Its key is that of
what the record says was computed, so that a folder under another name is detected. Work files of a killed run stay in
`.part`, and the next run continues from them. Locks prevent two runs from working on one stage, and are released when
their process ends.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

import filelock
import platformdirs

from bsa.errors import StoreError
from bsa.files import LOG, WORK, clean, sha256, sync, told, write_json
from bsa.spec import digest

RECORD = "record.json"
HASHED = ("kind", "component", "params", "needs")  # of a record: what its key is of
EXPECTED = {  # of the files of each kind, one of these
    "network": ("network.keras", "network.json"),
    "measure": ("measure.npz",),
    "attack": ("attack.npz",),
    "certify": ("certify.npz",),
    "control": ("control.npz",),
    "explore": ("explore.json",),
}
# what a record holds that was written before records had a sum of their own
UNSUMMED = {*HASHED, "key", "title", "metrics", "versions", "seconds", "peak_memory_bytes", "files"}


def default_root():
    """The default store: BSA_STORE, or bsa's folder in the user's cache."""
    return Path(os.environ.get("BSA_STORE") or Path(platformdirs.user_cache_dir("bsa")) / "store")


def key_of(record):
    """The key of a stage, from its record or any dict with its kind, component, params and needs."""
    return digest({name: record[name] for name in HASHED})


@contextlib.contextmanager
def held(file, waiting=lambda: None):
    """A lock file, held; where another process holds it, calls `waiting` and waits. It dies with its process."""
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Store:
    """A folder of artefacts under the keys of their stages."""

    def __init__(self, root=None):
        self.root = Path(root) if root else default_root()

    def __contains__(self, key):
        with self._reading():
            return (self.path(key) / RECORD).is_file()

    def path(self, key):
        """The folder of a committed artefact."""
        return self.root / key

    def part(self, key):
        """The folder in which a stage works until it commits."""
        return self.root / f"{key}.part"

    def lock(self, key):
        """The file whose lock a process holds that works on a key."""
        return self.root / f"{key}.lock"

    def record(self, key):
        """The record of a committed artefact, all of it checked: StoreError where it is damaged or another's.

        Its own sha256, its key and the files of its kind, and their sha256. A record from before records had a sum of
        their own is read without the first: of it the metrics, versions and seconds are taken on trust.
        """
        folder = self.path(key)
        again = f"Delete the folder {folder} and run again: only this stage is redone."
        with self._reading():
            try:
                record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
                wrong = _problem(record, key)
            except (ValueError, RecursionError) as error:
                wrong = f"{error}"
            if wrong:
                raise StoreError(f"{folder / RECORD} is damaged: {wrong}. {again}")
            for name, expected in record["files"].items():
                if name.startswith(f"{LOG}/"):
                    continue
                file = folder / name
                found = sha256(file) if file.is_file() else "no file"
                if found != expected:
                    raise StoreError(f"{file} is damaged: expected sha256 {expected}, found {found}. {again}")
        if (folder / WORK).is_dir():
            shutil.rmtree(folder / WORK, ignore_errors=True)  # of a run that was killed as it committed
        return record

    def _reading(self):
        return told(f"read the store {self.root}", "Name another with --store.")

    @contextlib.contextmanager
    def begin(self, key, waiting=lambda: None):
        """Work on a key alone: yields its `.part` folder, which holds what an interrupted run left there.

        Where another process works on the same key, calls `waiting` and waits for it.
        """
        with contextlib.ExitStack() as locks:
            with told(f"write to the store {self.root}", "Name another with --store."):
                self.root.mkdir(parents=True, exist_ok=True)
                locks.enter_context(held(self.lock(key), waiting))
                while key not in self and not self._prepared(key, locks, waiting):
                    pass
                locks.callback(self._leave, key)
            yield self.part(key)

    def _leave(self, key):
        """No lock file stays of a key that is stored, or that nothing was done for, as of a run that was refused.

        It is deleted while it is held: who waits for it, or makes another, finds the artefact, or locks the `.part`.
        """
        part = self.part(key)
        with contextlib.suppress(OSError):
            if part.is_dir() and not any(file for file in part.rglob("*") if not file.is_dir()):
                shutil.rmtree(part)
            if not part.is_dir():
                self.lock(key).unlink(missing_ok=True)

    def _prepared(self, key, locks, waiting):
        """Whether the `.part` of a key is there, this process's alone, and without what killed writers left."""
        shutil.rmtree(self.path(key), ignore_errors=True)  # no artefact: it has no record
        part = self.part(key)
        (part / WORK).mkdir(parents=True, exist_ok=True)
        handle = locks.enter_context(part_held(part, waiting))
        if handle is not None and not (part.is_dir() and os.path.samestat(os.fstat(handle), os.stat(part))):
            return False  # who held it has committed it, or it was deleted
        clean(part)
        return True

    def commit(self, key, record):
        """Seal the `.part` folder of a key: add `record.json` with the sha256 of every file, sync, rename."""
        part = self.part(key)
        with told(f"write {self.path(key)}"):
            clean(part)
            names = {f.relative_to(part).as_posix(): f for f in sorted(part.rglob("*")) if f.is_file()}
            files = {n: f for n, f in names.items() if n != RECORD and not n.startswith((f"{WORK}/", f"{LOG}/"))}
            sums = {name: sha256(file) for name, file in files.items()}
            for file in files.values():
                sync(file)
            record = json.loads(json.dumps(record | {"files": sums}, allow_nan=False))
            write_json(part / RECORD, record | {"sha256": digest(record)})
            sync(part)
            os.replace(part, self.path(key))
            sync(self.root)
            shutil.rmtree(self.path(key) / WORK, ignore_errors=True)


@contextlib.contextmanager
def part_held(folder, waiting=None):
    """A folder, locked itself and open: a lock file may be deleted while it is held. None where the system cannot.

    Where another process holds it, calls `waiting` and waits; without, BlockingIOError.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                raise
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # NFS locks files alone
            pass
        yield handle
    finally:
        os.close(handle)


def _problem(record, key):
    """What is wrong with a parsed record of the folder `key`, or None."""
    if not isinstance(record, dict):
        return f"expected an object, found {type(record).__name__}"
    missing = [name for name in (*HASHED, "key", "metrics", "files") if name not in record]
    if missing:
        return f'expected "{missing[0]}" in it, found none'
    content = {name: value for name, value in record.items() if name != "sha256"}
    if content.keys() == record.keys():
        if unknown := record.keys() - UNSUMMED:
            return f'expected its own "sha256" beside {", ".join(sorted(unknown))}, found none'
    elif digest(content) != record["sha256"]:
        return f"expected sha256 {record['sha256']} of its content, found {digest(content)}"
    if record["key"] != key:
        return f"expected the record of {key}, found that of {record['key']}: was the folder renamed?"
    if key_of(record) != key:
        return f"expected what it says was computed to have the key {key}, found {key_of(record)}"
    if not isinstance(record["files"], dict) or not isinstance(record["metrics"], dict):
        return 'expected objects as its "files" and "metrics", found something else'
    expected = EXPECTED.get(record["kind"], ())
    if expected and not set(expected) & set(record["files"]):
        return f"expected {' or '.join(expected)} among its files, found none"
    return None
