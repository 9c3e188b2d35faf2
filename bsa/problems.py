"""What is wrong with a spec: every problem at once, each with its place, what was expected and what was found.

These are the errors of jsonschema, translated; `meaning` has what a schema cannot say. No TensorFlow.
"""

import json
from typing import NamedTuple

import jsonschema

from bsa import components
from bsa.schema import combined


class Problem(NamedTuple):
    """One mistake: `pointer` is its JSON pointer (RFC 6901), "" for the whole document."""

    pointer: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self):
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.pointer or '/'}: expected {self.expected}, found {self.found}{hint}"


def pointer(path):
    """The JSON pointer of a path of keys and indices."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


def show(value):
    """A JSON value short enough for a message."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 60 else text[:57] + "..."


def of_schema(spec, frame):
    """The problems that a frame, "experiment" or "collection", finds in a parsed spec, in document order."""
    return of_part(spec, {"$ref": f"#/$defs/{frame}", "$defs": combined()["$defs"]})


def of_part(value, part):
    """The problems of a value under one schema."""
    errors = jsonschema.Draft202012Validator(part).iter_errors(value)
    return sorted({p for error in errors for p in _translate(error)}, key=lambda p: p.pointer)


TYPES = {"object": "an object", "array": "a list", "string": "a string", "integer": "a whole number",
         "number": "a number", "boolean": "true or false", "null": "null"}  # fmt: skip


def _translate(error):
    path, value, limit, keyword = list(error.absolute_path), error.instance, error.validator_value, error.validator
    if keyword == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in value:
            if key not in known:
                shared = key in error.schema.get("shared", ())
                hint = "the ensemble states it once for all" if shared else components.suggest(key, known)
                yield Problem(pointer([*path, key]), f"one of the keys {', '.join(known)}", f'"{key}"', hint)
        return
    if keyword == "required":
        for key in limit:
            if key not in value:
                yield Problem(pointer([*path, key]), f'a key "{key}"', "none", _similar_key(key, value))
        return
    yield Problem(pointer(path), _expectation(keyword, limit), _finding(keyword, value), _hint(keyword, value, limit))


def _similar_key(missing, value):
    near = components.suggest(missing, value)
    return f'"{missing}" is missing; {near}' if near else ""


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
        "minProperties": "at least one entry",
        "uniqueItems": "no repeated items",
        "const": show(limit),
        "pattern": f"a string that matches {limit}",
    }
    if keyword == "enum":
        return f"one of {', '.join(str(v) for v in limit)}"
    return sentences.get(keyword, f"{keyword} {show(limit)}")


def _finding(keyword, value):
    if keyword in ("minItems", "maxItems"):
        return f"{len(value)}: {show(value)}"
    return show(value)


def _hint(keyword, value, limit):
    if keyword == "enum" and isinstance(value, str):
        return components.suggest(value, limit)
    if keyword == "maximum" and limit == 1:
        return f"pixels are in [0, 1]: for {value:g} of 255 write {value / 255:.6g}"
    if (
        keyword == "type"
        and isinstance(value, str)
        and {"number", "integer"} & {*([limit] if isinstance(limit, str) else limit)}
    ):
        return "write it without quotes"
    return ""
