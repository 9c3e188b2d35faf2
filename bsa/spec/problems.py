"""What is wrong with a spec: every problem at once, each with its place, what was expected and what was found.

These are the errors of jsonschema, translated; `checks` has what a schema cannot say. No TensorFlow.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import jsonschema

from bsa import catalog, errors
from bsa.errors import BsaError
from bsa.spec.schema import combined

MOST = 100  # problems that are told of one spec: nobody reads more, and each costs time


class Problem(NamedTuple):
    """One mistake: `pointer` is its JSON pointer (RFC 6901), "" for the whole document."""

    pointer: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.pointer or '/'}: expected {self.expected}, found {self.found}{hint}"


class SpecError(BsaError):
    """A spec that cannot be used. `file` names it, `problems` lists every `Problem` found, up to `MOST`."""

    def __init__(self, file: object, found: Iterable[Problem]) -> None:
        self.file, self.problems = str(file), list(found)
        if len(self.problems) > MOST:
            rest = Problem("", f"at most {MOST} problems", "more, which are shown once these are fixed")
            self.problems[MOST:] = [rest]
        super().__init__("\n".join(f"{self.file}: {p}" for p in self.problems))


def printable(text: str) -> str:
    """`text` with lone surrogates, which no terminal can show, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def pointer(path: Iterable) -> str:
    """The JSON pointer of a path of keys and indices."""
    return printable("".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path))


def show(value: Any) -> str:
    """A JSON value short enough for a message."""
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else text[:57] + "..."


def of_schema(spec: Any, frame: str) -> list[Problem]:
    """The problems that a frame, "experiment" or "collection", finds in a parsed spec, in document order."""
    return of_part(spec, {"$ref": f"#/$defs/{frame}", "$defs": combined()["$defs"]})


def of_part(value: Any, part: dict) -> list[Problem]:
    """The problems of a value under one schema; those beyond the first `MOST` are not looked for."""
    errors = Validator(part).iter_errors(value)
    found = itertools.islice((p for error in errors for p in _translate(error)), MOST + 1)
    return sorted(set(found), key=lambda p: p.pointer)


def _unique(validator, wanted, items, part):
    """As jsonschema's own, in linear time: its comparison of all pairs takes hours for a long list."""
    if wanted and isinstance(items, list) and len({_hashable(item) for item in items}) < len(items):
        yield jsonschema.ValidationError("repeated items")


def _hashable(value):
    """What equals that of another JSON value where the two are equal: 1 is 1.0 and not true."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(child)) for key, child in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else (type(value) is bool, value)


def _pattern(validator, pattern, value, part):
    """As jsonschema's own, but a $ is the end, as in the standard: Python's matches before a last newline, too."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield jsonschema.ValidationError("no match")


def _if(validator, condition, value, part):
    """As jsonschema's own; an error of "then" knows the types that "else" takes, which are allowed as well."""
    for error in jsonschema.Draft202012Validator.VALIDATORS["if"](validator, condition, value, part):
        if error.schema is part.get("then"):
            error.otherwise = part.get("else", {}).get("type")
        yield error


def _efforts(validator, efforts, value, part):
    """An effort is for values that are not stated: beside all of them it would change nothing, in silence."""
    if isinstance(value, dict) and "effort" in value and all(_states(value, each) for each in efforts.values()):
        yield jsonschema.ValidationError("nothing is left to the effort")


def _states(value, fields):
    """Whether an object states all `fields` of a set, at every depth."""
    if not isinstance(fields, dict):
        return True
    return isinstance(value, dict) and all(key in value and _states(value[key], each) for key, each in fields.items())


def _is_number(checker, value):
    """As jsonschema's own, but NaN and infinity, which a dict of Python's may hold, are none."""
    known = jsonschema.Draft202012Validator.TYPE_CHECKER.is_type(value, "number")
    return known and not (isinstance(value, float) and not math.isfinite(value))


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"uniqueItems": _unique, "pattern": _pattern, "if": _if, "efforts": _efforts},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)


TYPES = {"object": "an object", "array": "a list", "string": "a string", "integer": "a whole number",
         "number": "a number", "boolean": "true or false", "null": "null"}  # fmt: skip


def _translate(error):
    path, value, limit, keyword = list(error.absolute_path), error.instance, error.validator_value, error.validator
    if keyword == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in value:
            if key not in known:
                hint = _elsewhere(key, error.schema) or _suggested(key, known, error.schema)
                yield Problem(pointer([*path, key]), f"one of the keys {', '.join(known)}", show(key), hint)
        return
    if keyword == "required":
        others = [key for key in value if key not in error.schema.get("properties", {})]
        for key in limit:
            if key not in value:
                yield Problem(pointer([*path, key]), f'a key "{key}"', "none", _similar_key(key, others))
        return
    if keyword == "efforts":
        expected = "an effort to which some of its fields are left"
        yield Problem(pointer([*path, "effort"]), expected, f"{show(value['effort'])} beside all of them")
        return
    if keyword in ("type", "pattern") and error.schema.get("type") == ["number", "string"]:  # pixels
        expected, hint = 'a number, or a fraction such as "8/255"', _hint("type", value, "number")
        yield Problem(pointer(path), expected, show(value), hint)
        return
    if keyword in ("const", "enum") and getattr(error, "otherwise", None):
        expected = f"{_expectation(keyword, limit)}, or {_expectation('type', error.otherwise)}"
        yield Problem(pointer(path), expected, show(value), _hint(keyword, value, limit))
        return
    yield Problem(pointer(path), _expectation(keyword, limit), _finding(keyword, value), _hint(keyword, value, limit))


def _elsewhere(key, part):
    """Where a field stands that an object of the schema `part` does not have, and once had."""
    if key in part.get("shared", ()):
        return "the ensemble states it once for all"
    return f"{key} is {part['moved'][key]} now" if key in part.get("moved", {}) else ""


def _suggested(key, known, part):
    """The field that a misspelt one may mean: of an object of the schema `part`, or of where it once had some."""
    moved = part.get("moved", {})
    near = errors.nearest(key, [*known, *moved])
    return f'did you mean "{moved.get(near, near)}"?' if near else ""


def _similar_key(missing, others):
    near = errors.nearest(missing, others)
    return f'"{missing}" is missing, and there is {show(near)}: did you mean "{missing}"?' if near else ""


def _expectation(keyword, limit):
    if keyword == "type":
        limit = limit if isinstance(limit, list) else [limit]
        return " or ".join(TYPES[t] for t in limit)
    sentences = {
        "minimum": f"a number of at least {limit}",
        "maximum": f"a number of at most {limit}",
        "exclusiveMinimum": f"a number above {limit}",
        "exclusiveMaximum": f"a number below {limit}",
        "minItems": f"at least {limit} items",
        "maxItems": f"at most {limit} items",
        "minLength": "a string that is not empty",
        "maxLength": f"a string of at most {limit} letters",
        "minProperties": "at least one entry",
        "uniqueItems": "no repeated items",
        "const": show(limit),
        "pattern": f"a string that matches {limit}",
    }
    if keyword == "enum":
        return f"one of {', '.join(str(v) for v in limit)}"
    return sentences.get(keyword, f"{keyword} {show(limit)}")


def _finding(keyword, value):
    if keyword in ("minItems", "maxItems", "maxLength"):
        return f"{len(value)}: {show(value)}"
    return show(value)


def _hint(keyword, value, limit):
    if keyword == "enum" and isinstance(value, str):
        return catalog.trouble(value) or errors.suggest(value, limit)
    if keyword == "maximum" and limit == 1:
        return f"pixels are in [0, 1]: for {value:g} of 255 write {value / 255:.6g}"
    if keyword == "type" and isinstance(value, str):
        kinds = {*([limit] if isinstance(limit, str) else limit)}
        return _number_in(value, whole="number" not in kinds) if kinds & {"number", "integer"} else ""
    return ""


NUMBER = re.compile(r"\s*([+-]?)\s*(\d*[.,]?\d*(?:[eE][+-]?\d+)?)\s*(?:/\s*(\d+\.?\d*)|(%))?\s*")


def _number_in(word, whole):
    """How to write the number that a string holds, as people write one: 8/255, .1, 0,1 or 10 %."""
    found = NUMBER.fullmatch(word[:60])
    try:
        sign, above, below, percent = found.groups()
        value = float(sign + above.replace(",", ".")) / (100 if percent else float(below or 1))
    except (AttributeError, ArithmeticError, ValueError):
        return ""
    if not math.isfinite(value) or (whole and value % 1):
        return ""
    value = int(value) if value % 1 == 0 and abs(value) < 2**53 else value
    return f"write {value!r} without quotes" if repr(value) == word else f"write {value!r}"
