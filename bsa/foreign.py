"""Files of foreign weights: where they are searched, how they are downloaded, and the sha256 that identifies them.

A network with foreign weights is stored under the content of their file, not under its path. No TensorFlow here.
"""

import contextlib
import http.client
import os
import platform
import time
import urllib.request
from pathlib import Path

import platformdirs

from bsa import catalog, signatures
from bsa.errors import WeightsError, one_line
from bsa.files import sha256

BLOCK = 1 << 20  # bytes fetched at once
PATIENCE = 60  # seconds that a server may stay silent
MOST = 2**32  # bytes of a fetched file: far more than any network of images
STALE = 86400  # seconds after which another machine's unfinished file is taken to be left over


def folder(weights_dir=None):
    """Where files are looked for by name: `weights_dir`, BSA_WEIGHTS_DIR, or else the folder of fetched ones."""
    return Path(weights_dir or os.environ.get("BSA_WEIGHTS_DIR") or _fetched()).expanduser()


def pinned(spec, weights_dir=None, tell=None):
    """A resolved spec in which all that is in files has its "sha256", taken from the file where the spec has none.

    This is what `plan` needs. `tell(line)` is told of each sum that the spec does not state: not every format has one
    of its own, so that nothing else shows a changed file. Raises WeightsError where such a file is not found.
    """
    if "experiments" in spec:
        return spec | {"experiments": [pinned(each, weights_dir, tell) for each in spec["experiments"]]}
    spec = spec | _blocks(spec, weights_dir, tell)
    networks = spec.get("networks", {})
    blocks = {name: network | _blocks(network, weights_dir, tell) for name, network in networks.items()}
    return spec | {"networks": blocks} if blocks else spec


def _blocks(network, weights_dir, tell):
    """The blocks of a network that name a file, with its sum: foreign weights, and a model that is one."""
    found = {}
    if "weights" in network:
        found["weights"] = _pinned(network["weights"], lambda origin: locate(origin, None, weights_dir), tell)
    if "model" in network and complete(network["model"]):
        found["model"] = _pinned(network["model"], whole, tell)
    return found


def complete(model):
    """Whether a model, as JSON, is a whole network that brings its weights: its fragment says "complete"."""
    name = model.get("name")
    return name in catalog.names("models") and bool(catalog.fragment("models", name).get("complete"))


def whole(origin):
    """The path of the network that `origin` states as its "file"; WeightsError where it is none."""
    path = Path(origin["file"]).expanduser()
    signatures.network(path)
    return path


def _pinned(block, place, tell):
    if "sha256" in block:
        return block
    file = place(block)
    found = sha256(file)
    if tell:
        tell(f'{file}: found sha256 {found}; state "sha256" in the spec, so that another file is noticed')
    return block | {"sha256": found}


def locate(origin, expected, weights_dir=None):
    """The path of the weights that `origin` states, fetched if need be, with the sha256 `expected` (None: any).

    `origin` has "file", a path that is absolute or below `folder(weights_dir)`, or "url", or both: then the file comes
    first. Raises WeightsError that says where was looked, or what the file is instead.
    """
    looked = []
    if "file" in origin:
        looked.append(folder(weights_dir) / Path(origin["file"]).expanduser())
        if _is_there(looked[0]):
            return checked(looked[0], expected)
    if "url" in origin:
        return _fetch(origin["url"], expected, looked)
    raise WeightsError(
        f"no weights {looked[0]}: expected a file, a folder or a checkpoint's prefix there. Name the folder of "
        "weights with --weights-dir or BSA_WEIGHTS_DIR, or give an absolute path."
    )


def checked(path, expected=None):
    """`path`, unless it is missing, no weights or not of the sha256 `expected`: then WeightsError."""
    path = Path(path)
    if not _is_there(path):
        raise WeightsError(f"no weights {path}: expected a file, a folder or a checkpoint's prefix there")
    if path.exists() and not path.is_dir():
        signatures.check(path, "weights")
    found = sha256(path) if expected else None
    if found != expected:
        raise WeightsError(f"{path}: expected sha256 {expected}, found {found}")
    return path


def _is_there(path):
    return path.exists() or path.with_name(f"{path.name}.index").is_file()


def _fetched():
    return Path(platformdirs.user_cache_dir("bsa")) / "weights"


def _fetch(url, expected, looked):
    """The file at `url`, from the user's cache or fetched into it under its sha256."""
    file = _fetched() / expected
    if file.is_file():
        return checked(file, expected)
    beside = file.with_name(f"{expected}.{platform.node()}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _tidy(file.parent)
        with urllib.request.urlopen(url, timeout=PATIENCE) as response, open(beside, "wb") as out:
            _copy(response, out, url)
        try:
            checked(beside, expected)
        except WeightsError as error:
            raise WeightsError(f"{url} gave something else: {error}") from None
        os.replace(beside, file)
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError
        there = f"there is no {looked[0]}, and " if looked else ""
        name = looked[0] if looked else f"FOLDER/{url.rsplit('/', 1)[-1]}"
        raise WeightsError(
            f"cannot fetch weights: {there}{url} gave {type(error).__name__}: {one_line(error)}. Fetch it by hand, "
            f'save it as {name} and name its folder with --weights-dir (and the file as "file" in the spec).'
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return file


def _copy(response, out, url):
    """What a server sends, as far as it says that it will and no further than `MOST`; written to the disk."""
    announced = response.headers.get("Content-Length")
    limit = min(int(announced), MOST) if announced else MOST
    if announced and int(announced) > MOST:
        raise WeightsError(f"{url}: expected at most {MOST} bytes of weights, found {announced} announced")
    size = 0
    while block := response.read(BLOCK):
        size += len(block)
        if size > limit:
            raise WeightsError(f"{url}: expected at most {limit} bytes of weights, found more")
        out.write(block)
    if announced and size < limit:
        raise WeightsError(f"{url}: expected {announced} bytes, found {size}: the connection broke off. Try again.")
    out.flush()
    os.fsync(out.fileno())


def _tidy(folder):
    """Delete what killed processes left of files that they were fetching."""
    for left in folder.glob("*.tmp"):
        *_, pid = left.name.removesuffix(".tmp").split(".")
        here = f".{platform.node()}.{pid}.tmp" in left.name
        with contextlib.suppress(OSError):
            if not _lives(pid) if here else time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def _lives(pid):
    """Whether a process of this machine has the number `pid`, as far as can be asked."""
    if os.name == "nt" or not pid.isdigit():
        return True  # Windows has no question that does not end it
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
