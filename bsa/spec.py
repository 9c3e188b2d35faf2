"""Read, check and resolve a spec: the JSON file that states one experiment, or a collection of them.

The resolved spec (comments stripped, defaults filled in) is what is hashed, run and stored. No TensorFlow here, so
that `bsa validate` takes a blink.
"""

import json
import sys
from pathlib import Path

from bsa import components, meaning, problems, schema
from bsa.errors import UsageError
from bsa.problems import Problem
from bsa.problems import SpecError as SpecError
from bsa.text import DEEPEST, SURROGATE, decode, numbers, strip
from bsa.text import canonical as canonical
from bsa.text import digest as digest


def load(path, overrides=()):
    """The resolved spec in a file (`-`: standard input), after overrides such as `train.steps=2000`.

    A bare name such as `quickstart`, or `specs/quickstart.json`, that is no file here is looked up among the specs
    that ship with bsa. In a collection the resolved experiments stand in place of their files. Raises SpecError with
    every problem at once, UsageError where there is no such file.
    """
    file, spec, odd = read(path)
    if "experiments" in spec:
        from bsa import collection  # which reads its experiments with this module

        return collection.resolve(spec, file, overrides, odd)
    for text in overrides:
        override(spec, text)
    return resolve(spec, file, odd)


def read(path, folder="."):
    """The file that `path` names, as seen from `folder` or among the specs that ship with bsa, and the object in it.

    Beside it stand the `Problem`s that the reader found, such as NaN. Raises UsageError where there is no such file,
    SpecError where it holds anything else than an object.
    """
    file = "<stdin>"
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
    folder = components.shipped("specs")
    inside = folder / (file.name if file.suffix else f"{file.name}.json")
    if str(file.parent) not in (".", "specs") or not inside.is_file():
        known = sorted(p.stem for p in folder.glob("*.json"))
        near = components.suggest(file.stem, known)
        raise UsageError(f"no spec {file}: expected a JSON file, - or one of {', '.join(known)}. {near}")
    return inside


def parse(text, file="<text>"):
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


def resolve(spec, file="<spec>", odd=()):
    """`spec` (a parsed dict) checked, without comments, with defaults filled in and 600.0 as 600.

    `odd` are the problems that its reader found. Raises SpecError with every problem at once.
    """
    spec = strip(spec)
    places = {p.pointer for p in odd}
    found = [*odd, *(p for p in problems.of_schema(spec, "experiment") if p.pointer not in places)]
    broken = {p.pointer.split("/")[1] if p.pointer else "" for p in found}
    sound = {k: v for k, v in spec.items() if k not in broken}
    filled = schema.fill(sound, {"$ref": "#/$defs/experiment"})
    found += meaning.problems(filled, broken)
    if found:
        raise SpecError(file, found)
    return numbers(filled)


def parameters(kind, name, given):
    """The parameters of a component for a library call: `given`, checked by its fragment, with defaults filled in.

    This is what `bsa.attack("pgd", model, epsilon=0.3)` shares with specs. Raises UsageError.
    """
    components.check_name(kind, name)
    part = components.fragment(kind, name) | {"additionalProperties": False, "$defs": schema.combined()["$defs"]}
    try:
        value = strip(json.loads(json.dumps(given, default=_plain, allow_nan=False))) | {"name": name}
    except ValueError as error:
        raise UsageError(f'{kind} "{name}": expected finite numbers ({error})') from None
    found = problems.of_part(value, part)
    if found:
        raise UsageError("\n".join(f'{kind} "{name}": {p}' for p in found))
    return {k: v for k, v in numbers(schema.fill(value, part)).items() if k != "name"}


def _plain(value):
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def override(spec, text):
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
