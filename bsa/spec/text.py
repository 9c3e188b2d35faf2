"""JSON texts: read strictly, written in one canonical form. No TensorFlow."""

import collections
import hashlib
import json
import math
import re
from typing import Any

from bsa.spec import problems
from bsa.spec.problems import Problem, SpecError

LARGEST = 2**53  # integers beyond are not exact in every JSON reader
DEEPEST = 32  # a spec needs 8; recursion ends at some hundreds
SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character: no file, terminal or table can hold it


class Unreadable(float):
    """A number of a text that is none, such as NaN or 1e999: itself not a number, `word` is how it is written."""

    word = ""


def decode(text, file):
    """Any JSON value, read strictly, and the `Problem`s of what the reader had to guess.

    Repeated keys, numbers that are none, and halves of characters are such problems; the first of them gives its last
    value, a number NaN. SpecError where `text` is no JSON at all, or is nested too deeply.
    """
    repeated = {}

    def pairs(items):
        made = dict(items)
        if len(made) < len(items):
            counts = collections.Counter(key for key, _ in items)
            repeated[id(made)] = sorted(key for key, count in counts.items() if count > 1)
            kept.append(made)  # alive, so that no other object takes its id
        return made

    kept = []
    try:
        value = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=pairs, parse_constant=_number, parse_int=_number,
            parse_float=_number,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SpecError(file, [Problem("", "JSON", f"a syntax error at {place}: {error.msg}")]) from None
    except RecursionError:
        raise SpecError(file, [_deep()]) from None
    found = list(_odd(value, repeated, file))
    there = {problem.found for problem in found}
    for keys in repeated.values():  # of an object that a later one of its own name took the place of
        lost = [f"{problems.show(key)} more than once" for key in keys]
        found += [Problem("", "every key once", words) for words in lost if words not in there]
    return value, found


def _number(word):
    value = float(word)
    if not math.isfinite(value) or abs(value) > LARGEST:
        odd = Unreadable("nan")
        odd.word = word
        return odd
    return value if any(sign in word for sign in ".eE") else int(word)


def _odd(value, repeated, file):
    """The problems of a parsed value, in document order; SpecError where it is nested too deeply."""
    left = [((), value)]
    while left:
        path, here = left.pop()
        if len(path) > DEEPEST:
            raise SpecError(file, [_deep(path)])
        if isinstance(here, Unreadable):
            yield Problem(problems.pointer(path), f"JSON numbers up to {LARGEST}", problems.show(here.word))
        elif isinstance(here, str) and SURROGATE.search(here):
            yield Problem(problems.pointer(path), "whole characters", f"half of one in {problems.show(here)}")
        elif isinstance(here, dict):
            for key in repeated.get(id(here), ()):
                yield Problem(problems.pointer([*path, key]), "every key once", f"{problems.show(key)} more than once")
            for key in here:
                if SURROGATE.search(key):
                    at = problems.pointer([*path, key])
                    yield Problem(at, "keys of whole characters", f"half of one in {problems.show(key)}")
            left += [((*path, key), child) for key, child in reversed(here.items())]
        elif isinstance(here, list):
            left += [((*path, i), here[i]) for i in reversed(range(len(here)))]


def _deep(path=()):
    """What is said of a value that is nested too deeply; its place is that of what holds it at the top."""
    return Problem(
        problems.pointer(path[:1]), f"JSON of reasonable depth, {DEEPEST} levels at most", "more nested brackets"
    )


def strip(value: Any) -> Any:
    """`value` without its comments."""
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if k != "comment" or not isinstance(v, str)}
    return [strip(v) for v in value] if isinstance(value, list) else value


def canonical(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no spaces, 1.0 written as 1. Equal values have equal texts."""
    return json.dumps(numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def numbers(value: Any) -> Any:
    """`value` with 600.0 as 600, at every depth."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items()}
    return [numbers(v) for v in value] if isinstance(value, (list, tuple)) else value


def digest(value: Any) -> str:
    """sha256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
