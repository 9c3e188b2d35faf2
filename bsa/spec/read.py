"""Read a spec: the object in a file, and what `--set` changes in it."""

import os
import sys
from pathlib import Path
from typing import Any

from bsa import catalog
from bsa.errors import UsageError, suggest
from bsa.spec import problems
from bsa.spec.problems import Problem, SpecError
from bsa.spec.text import DEEPEST, SURROGATE, decode


def read(path: str | os.PathLike, folder: str | os.PathLike = ".") -> tuple[str | Path, dict, list[Problem]]:
    """The file that `path` names, as seen from `folder` or among the specs that ship with bsa, and the object in it.

    Beside it stand the `Problem`s that the reader found, such as NaN. Raises UsageError where there is no such file,
    SpecError where it holds anything else than an object.
    """
    file: str | Path = "<stdin>"
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read() if sys.stdin else b""
        else:
            file = Path(folder) / path
            if file.is_dir():
                raise UsageError(f"cannot read {path}: expected a JSON file, found a folder")
            file = file if file.exists() else _shipped(Path(path))
            content = file.read_bytes()
        return file, *_object(content.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        raise SpecError(file, [Problem("", "text in UTF-8", f"a byte that is none at {error.start}")]) from None
    except OSError as error:
        raise UsageError(f"cannot read {str(path)[:200]}: {error.strerror}") from None


def _shipped(file):
    folder = catalog.shipped("specs")
    inside = folder / (file.name if file.suffix else f"{file.name}.json")
    if str(file.parent) not in (".", "specs") or not inside.is_file():
        known = sorted(p.stem for p in folder.glob("*.json"))
        near = suggest(file.stem, known)
        raise UsageError(f"no spec {file}: expected a JSON file, - or one of {', '.join(known)}. {near}")
    return inside


def parse(text: str, file: object = "<text>") -> dict[str, Any]:
    """The JSON object in `text`; syntax errors, repeated keys and numbers that are none raise SpecError."""
    value, odd = _object(text, file)
    if odd:
        raise SpecError(file, odd)
    return value


def _object(text, file):
    value, odd = decode(text, file)
    if not isinstance(value, dict):
        raise SpecError(file, [*odd, Problem("", "an object", problems.show(value))])
    return value, odd


def override(spec: dict, text: str) -> None:
    """Set `a.b.0.c=VALUE` in place; VALUE is JSON, or a plain string where it is not."""
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {text}: expected KEY=VALUE such as train.steps=2000, found no '='.")
    here, keys = spec, path.split(".")
    if len(keys) > DEEPEST:
        raise UsageError(f"--set {text[:60]}...: expected at most {DEEPEST} keys, found {len(keys)}.")
    if SURROGATE.search(text):
        raise UsageError(f"--set {problems.printable(text)}: expected whole characters, found half of one.")
    value = _value(raw, keys, text)
    for depth, key in enumerate(keys):
        key = _key(here, key, ".".join(keys[:depth]), text)
        if depth == len(keys) - 1:
            here[key] = value
        else:
            here = here[key] if isinstance(here, list) else here.setdefault(key, {})


def _value(raw, keys, text):
    """What stands behind an override's =."""
    try:
        value, odd = decode(raw, f"--set {text}")
    except SpecError as error:
        if "a syntax error" not in str(error):
            raise
        return raw  # a plain word needs no quotes
    if odd:
        place = problems.pointer(keys)
        raise SpecError(f"--set {text}", [p._replace(pointer=place + p.pointer) for p in odd])
    return value


def _key(here, key, place, text):
    """`key` as it indexes `here`, or a UsageError that says what stands there instead."""
    if isinstance(here, list):
        if not (key.isascii() and key.isdecimal()) or int(key) >= len(here):
            raise UsageError(f"--set {text}: expected an index from 0 to {len(here) - 1} after {place}., found {key}.")
        return int(key)
    if not isinstance(here, dict):
        raise UsageError(f"--set {text}: expected an object at {place}, found {problems.show(here)}.")
    return key
