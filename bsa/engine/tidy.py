"""What a store holds, what of it a spec reaches, and how it is deleted: nothing that a running process works on.

A killed run's `.part` is what the next one goes on from; a `.lock` without a process is left over.
"""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import filelock

from bsa.engine.store import RECORD, Store, part_held
from bsa.files import told

STORED, BEGUN, LEFT = "stored", "begun", "left over"
STALE = 7  # days after which what was begun, and not changed since, is taken to be given up
NAME = re.compile(r"([0-9a-f]{64})(\.part|\.lock)?")


class Entry(NamedTuple):
    """All that a store holds of one key."""

    key: str
    state: str  # "stored", "begun" (a `.part` without what it is to become) or "left over" (a lock, no artefact)
    kind: str  # of its stage; "" where no record says so
    title: str
    bytes: int
    changed: float  # seconds since 1970
    running: bool  # a process is at work on it
    needs: tuple[str, ...]  # keys of the stages before it

    @property
    def days(self) -> float:
        """Days since it was changed last."""
        return (time.time() - self.changed) / 86400


def entries(store: Store) -> list[Entry]:
    """What the store holds, the latest first; a folder that is none, or other files in it, are no entries."""
    with told(f"read the store {store.root}", "Name another with --store."):
        names = [file.name for file in store.root.iterdir()] if store.root.is_dir() else []
    keys = {found[1] for name in names if (found := NAME.fullmatch(name))}
    return sorted((_entry(store, key) for key in keys), key=lambda entry: (-entry.changed, entry.key))


def _entry(store, key):
    folder, part = store.path(key), store.part(key)
    record = _record(folder)
    state = STORED if record is not None else BEGUN if part.is_dir() else LEFT
    size, changed = _measured([folder, part])  # a lock file has no bytes, and whoever tries it changes its date
    record = record or {}
    kind, title = (str(record.get(name) or "") for name in ("kind", "title"))
    needs = tuple(need for need in record.get("needs", ()) if isinstance(need, str))
    return Entry(key, state, kind, title, size, changed, not free(store, key), needs)


def _record(folder):
    """The record in a folder, unchecked: of a damaged one an empty dict, None where there is none."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _measured(places: Iterable[Path]) -> tuple[int, float]:
    """The bytes of files, also those in folders, and when the last of them was changed."""
    size, changed = 0, 0.0
    for place in places:
        for file in [place, *(place.rglob("*") if place.is_dir() else ())]:
            with contextlib.suppress(OSError):  # deleted meanwhile
                found = file.lstat()
                changed = max(changed, found.st_mtime)
                size += 0 if file.is_dir() else found.st_size
    return size, changed


def free(store: Store, key: str) -> bool:
    """Whether no process works on a key now."""
    with _alone(store, key) as alone:
        return alone


@contextlib.contextmanager
def _alone(store, key):
    """Whether the key is this process's alone, for as long as the block lasts: both of its locks, without waiting."""
    lock, part = store.lock(key), store.part(key)
    with contextlib.ExitStack() as locks:
        try:
            if lock.exists():
                locks.enter_context(filelock.FileLock(lock).acquire(timeout=0))
            if part.is_dir():
                locks.enter_context(part_held(part))
        except (filelock.Timeout, BlockingIOError):
            yield False
            return
        yield True


def reached(found: Iterable[Entry], keys: Iterable[str]) -> set[str]:
    """Those keys, and all that they were computed from."""
    needs = {entry.key: entry.needs for entry in found}
    left, seen = list(keys), set()
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            left += needs.get(key, ())
    return seen


def chosen(found: Iterable[Entry], keys: set[str] | None, kind: str | None, days: float | None) -> list[Entry]:
    """Entries of these keys, of stages of this kind, and not changed for so many days; None: of any."""
    return [
        entry
        for entry in found
        if (keys is None or entry.key in keys)
        and (kind is None or entry.kind == kind)
        and (days is None or entry.days >= days)
    ]


def garbage(found: list[Entry], keys: Iterable[str], days: float | None) -> list[Entry]:
    """What nobody needs who needs `keys`: what these do not reach, and what is left over.

    Without keys nothing that is stored is garbage, and of what was begun that which was not changed for `STALE` days.
    With `days`, none that was changed later. While a run is at work in the store, nothing that is stored: it may need
    any of it.
    """
    kept = reached(found, keys)
    least = {STORED: 0 if kept else float("inf"), BEGUN: 0 if kept else STALE, LEFT: 0}
    if any(entry.running for entry in found):
        least[STORED] = float("inf")
    left = [e for e in found if e.key not in kept or e.state == LEFT]
    return [e for e in left if not e.running and e.days >= max(least[e.state], (e.state != LEFT and days) or 0)]


def unlock(store: Store, found: Iterable[Entry]) -> int:
    """Delete the lock files of stored artefacts, which earlier versions left there; returns how many."""
    count = 0
    for entry in found:
        with _alone(store, entry.key) as alone:
            if alone and entry.state == STORED and store.lock(entry.key).exists():
                store.lock(entry.key).unlink(missing_ok=True)
                count += 1
    return count


def remove(store: Store, entry: Entry) -> bool:
    """Delete all that there is of a key; False where a process works on it: then nothing is touched.

    The record goes first: whatever kills this, what is left is no artefact, and the next run begins anew.
    """
    with told(f"delete {store.path(entry.key)}"), _alone(store, entry.key) as alone:
        if alone:
            (store.path(entry.key) / RECORD).unlink(missing_ok=True)
            for folder in (store.path(entry.key), store.part(entry.key)):
                if folder.is_dir():
                    shutil.rmtree(folder)
            store.lock(entry.key).unlink(missing_ok=True)  # while it is held: nobody takes it for one in use
        return alone
