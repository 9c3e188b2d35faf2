"""What takes long to compute from large files, such as their sha256: computed once, kept in the user's cache folder."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from bsa import files
from bsa.errors import StoreError

LARGE = 2**26  # bytes; smaller files are read again each time
SETTLED = 2 * 10**9  # nanoseconds since the last change: a file at work may change again within a tick of its clock


def remembered(what: str, paths: Sequence[Path], find: Callable[[], Any]) -> Any:
    """The result of `find()`, a JSON value; for large files it is computed once for each state of them.

    `what` names the result. A state is the files' paths, sizes and modification times (`mtime_ns`).
    """
    states = [(str(path.absolute()), *_state(path)) for path in paths]
    if sum(size for _, size, _ in states) < LARGE:
        return find()
    name = hashlib.sha256(json.dumps([what, [path for path, _, _ in states]]).encode()).hexdigest()
    state = hashlib.sha256(json.dumps(states).encode()).hexdigest()
    file = Path(platformdirs.user_cache_dir("bsa")) / "data" / f"{name}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["state"] == state:
            return kept["found"]
    found = find()
    if time.time_ns() - max(changed for _, _, changed in states) > SETTLED:
        with contextlib.suppress(OSError, StoreError):  # the cache only saves time
            file.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(file, {"what": what, "state": state, "found": found})
    return found


def sha256(path: Path) -> str:
    """The sha256 of a file's content."""
    return remembered("sha256", [path], lambda: files.sha256(path))


def _state(path):
    found = path.stat()
    return found.st_size, found.st_mtime_ns
