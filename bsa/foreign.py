"""Files of foreign weights: where they are looked for, how they are fetched, and the sha256 that names them.

A network with foreign weights is stored under the content of their file, not under its place. No TensorFlow here.
"""

import hashlib
import os
import urllib.request
from pathlib import Path

import platformdirs

from bsa import store
from bsa.errors import WeightsError

BLOCK = 1 << 20  # bytes fetched at once
PATIENCE = 60  # seconds that a server may stay silent


def folder(weights_dir=None):
    """Where files are looked for by name: `weights_dir`, BSA_WEIGHTS_DIR, or else the folder of fetched ones."""
    return Path(weights_dir or os.environ.get("BSA_WEIGHTS_DIR") or _fetched()).expanduser()


def pinned(spec, weights_dir=None):
    """A resolved spec in which every block of weights has its "sha256", taken from the file where the spec has none.

    This is what `plan` needs. Raises WeightsError where a file without a stated sha256 is not found.
    """
    if "experiments" in spec:
        return spec | {"experiments": [pinned(each, weights_dir) for each in spec["experiments"]]}
    if "weights" in spec:
        spec = spec | {"weights": _pinned(spec["weights"], weights_dir)}
    networks = spec.get("networks", {})
    blocks = {k: n | {"weights": _pinned(n["weights"], weights_dir)} for k, n in networks.items() if "weights" in n}
    return spec | {"networks": networks | blocks} if blocks else spec


def _pinned(weights, weights_dir):
    if "sha256" in weights:
        return weights
    return weights | {"sha256": sha256(locate(weights, None, weights_dir))}


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
    """`path`, unless it is missing, an HTML page or not of the sha256 `expected`: then WeightsError."""
    path = Path(path)
    if not _is_there(path):
        raise WeightsError(f"no weights {path}: expected a file, a folder or a checkpoint's prefix there")
    if path.is_file():
        with open(path, "rb") as file:
            if file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
                raise WeightsError(
                    f"{path}: expected weights, found an HTML page: the link led to a page about the file, or to a "
                    "login, and not to the file itself"
                )
    found = sha256(path) if expected else None
    if found != expected:
        raise WeightsError(f"{path}: expected sha256 {expected}, found {found}")
    return path


def sha256(path):
    """The sha256 of a file's content; of a folder or a checkpoint's prefix, that of its files' names and sums."""
    path = Path(path)
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    inside = path.rglob("*") if path.is_dir() else path.parent.glob("*")
    start = "" if path.is_dir() else f"{path.name}."  # the files of a prefix differ in what follows its dot
    files = {f.relative_to(path if path.is_dir() else path.parent).as_posix(): f for f in inside if f.is_file()}
    lines = [f"{name.removeprefix(start)} {sha256(files[name])}\n" for name in sorted(files) if name.startswith(start)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_there(path):
    return path.exists() or path.with_name(f"{path.name}.index").is_file()


def _fetched():
    return Path(platformdirs.user_cache_dir("bsa")) / "weights"


def _fetch(url, expected, looked):
    """The file at `url`, from the user's cache or fetched into it under its sha256."""
    file = _fetched() / expected
    if file.is_file():
        return checked(file, expected)
    beside = file.with_name(f"{expected}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            store.write(beside, lambda out: [out.write(b) for b in iter(lambda: response.read(BLOCK), b"")])
        try:
            checked(beside, expected)
        except WeightsError as error:
            raise WeightsError(f"{url} gave something else: {error}") from None
        os.replace(beside, file)
    except (OSError, ValueError) as error:  # URLError is an OSError; a URL that is none a ValueError
        there = f"there is no {looked[0]}, and " if looked else ""
        name = looked[0] if looked else f"FOLDER/{url.rsplit('/', 1)[-1]}"
        raise WeightsError(
            f"cannot fetch weights: {there}{url} gave {type(error).__name__}: {error}. Fetch it by hand, save it as "
            f'{name} and name its folder with --weights-dir (and the file as "file" in the spec).'
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return file
