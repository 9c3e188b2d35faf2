"""Read, check and resolve a spec: the JSON file that states one experiment, or a collection of them.

The resolved spec (comments stripped, defaults filled in) is what is hashed, run and stored. No TensorFlow here, so
that `bsa validate` takes a blink.
"""

import hashlib
import json
import math
import sys
from pathlib import Path

from bsa import components, meaning, problems, schema
from bsa.errors import BsaError, UsageError
from bsa.problems import Problem

LARGEST = 2**53  # integers beyond are not exact in every JSON reader


class SpecError(BsaError):
    """A spec that cannot be used. `file` names it, `problems` lists every `Problem` found."""

    def __init__(self, file, found):
        self.file, self.problems = str(file), list(found)
        super().__init__("\n".join(f"{self.file}: {p}" for p in self.problems))


def load(path, overrides=()):
    """The resolved spec in a file (`-`: standard input), after overrides such as `train.steps=2000`.

    A bare name such as `quickstart`, or `specs/quickstart.json`, that is no file here is looked up among the specs
    that ship with bsa. In a collection the resolved experiments stand in place of their files. Raises SpecError with
    every problem at once, UsageError where there is no such file.
    """
    file, spec = read(path)
    if "experiments" in spec:
        from bsa import collection  # which reads its experiments with this module

        return collection.resolve(spec, file, overrides)
    for text in overrides:
        override(spec, text)
    return resolve(spec, file)


def read(path, folder="."):
    """The file that `path` names, as seen from `folder` or among the specs that ship with bsa, and the object in it.

    Raises UsageError where there is none, SpecError where it holds anything else.
    """
    if str(path) == "-":
        return "<stdin>", parse(sys.stdin.read(), "<stdin>")
    file = Path(folder) / path
    try:
        if not file.is_file():
            file = _shipped(Path(path))
        return file, parse(file.read_text(encoding="utf-8"), file)
    except UnicodeDecodeError as error:
        raise SpecError(file, [Problem("", "text in UTF-8", f"a byte that is none at {error.start}")]) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


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
    value = _decode(text, file)
    if not isinstance(value, dict):
        raise SpecError(file, [Problem("", "an object", problems.show(value))])
    return value


def _decode(text, file):
    """Any JSON value, read strictly."""
    repeated = []

    def pairs(items):
        keys, made = [k for k, _ in items], dict(items)
        repeated.extend((made, k) for k in sorted({k for k in keys if keys.count(k) > 1}))
        return made

    def number(word):
        value = float(word)
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise SpecError(file, [Problem("", f"JSON numbers up to {LARGEST}", problems.show(word))])
        return value if any(sign in word for sign in ".eE") else int(word)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=number, parse_int=number, parse_float=number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SpecError(file, [Problem("", "JSON", f"a syntax error at {place}: {error.msg}")]) from None
    except RecursionError:
        raise SpecError(file, [Problem("", "JSON of reasonable depth", "hundreds of nested brackets")]) from None
    if repeated:
        found = [Problem(_place(value, made, k), "every key once", f'"{k}" more than once') for made, k in repeated]
        raise SpecError(file, found)
    return value


def _place(value, made, key, path=()):
    """The pointer of `key` in the very object `made`, somewhere in `value`; "" where it was overwritten itself."""
    if value is made:
        return problems.pointer([*path, key])
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_place(child, made, key, (*path, name)) for name, child in children)
    return next((place for place in found if place), "")


def strip(value):
    """`value` without its comments."""
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if k != "comment" or not isinstance(v, str)}
    return [strip(v) for v in value] if isinstance(value, list) else value


def resolve(spec, file="<spec>"):
    """`spec` (a parsed dict) checked, without comments, with defaults filled in and 600.0 as 600.

    Raises SpecError with every problem at once.
    """
    spec = strip(spec)
    found = problems.of_schema(spec, "experiment")
    broken = {p.pointer.split("/")[1] if p.pointer else "" for p in found}
    sound = {k: v for k, v in spec.items() if k not in broken}
    filled = schema.fill(sound, {"$ref": "#/$defs/experiment"})
    found += meaning.problems(filled, broken)
    if found:
        raise SpecError(file, found)
    return _numbers(filled)


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
    return {k: v for k, v in _numbers(schema.fill(value, part)).items() if k != "name"}


def _plain(value):
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def override(spec, text):
    """Set `a.b.0.c=VALUE` in place; VALUE is JSON, or a plain string where it is not."""
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {text}: expected KEY=VALUE such as train.steps=2000, found no '='.")
    try:
        value = _decode(raw, f"--set {text}")
    except SpecError as error:
        if "a syntax error" not in str(error):
            raise
        value = raw  # a plain word needs no quotes
    here, keys = spec, path.split(".")
    for depth, key in enumerate(keys):
        key = _key(here, key, ".".join(keys[:depth]), text)
        if depth == len(keys) - 1:
            here[key] = value
        else:
            here = here[key] if isinstance(here, list) else here.setdefault(key, {})


def _key(here, key, place, text):
    """`key` as it indexes `here`, or a UsageError that says what stands there instead."""
    if isinstance(here, list):
        if not (key.isascii() and key.isdecimal()) or int(key) >= len(here):
            raise UsageError(f"--set {text}: expected an index from 0 to {len(here) - 1} after {place}., found {key}.")
        return int(key)
    if not isinstance(here, dict):
        raise UsageError(f"--set {text}: expected an object at {place}, found {problems.show(here)}.")
    return key


def canonical(value):
    """The one text of a JSON value: sorted keys, no spaces, 1.0 written as 1. Equal values have equal texts."""
    return json.dumps(_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _numbers(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    return [_numbers(v) for v in value] if isinstance(value, (list, tuple)) else value


def digest(value):
    """sha256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
