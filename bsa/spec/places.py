"""Lines and columns in a JSON text: where the values are that pointers name. No TensorFlow."""

import json
import re
from collections.abc import Iterable

from bsa.spec.problems import pointer
from bsa.spec.text import DEEPEST

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')


def places(text: str, pointers: Iterable[str]) -> list[tuple[int, int]]:
    """The (line, column), both from 1, of the value at each JSON pointer; of a key that is not there, of its object.

    Where `text` is no JSON, the place of the first syntax error, for all of them.
    """
    text, pointers = text.removeprefix("\ufeff"), list(pointers)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return [(error.lineno, error.colno)] * len(pointers)
    except RecursionError:  # nested by the thousand
        return [(1, 1)] * len(pointers)
    starts = _starts(text)
    return [_place(text, starts, name) for name in pointers]


def _starts(text):
    """The offset at which each value of a JSON text begins, by its pointer; the last of those with one key."""
    found, path = {}, []  # `path`: of what is open, the number or the key of what comes next, None where a key does
    for token in TOKEN.finditer(text):
        word = token[0]
        if word == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif word in "]}":
            path.pop()
        elif path and path[-1] is None:
            path[-1] = json.loads(word)
        elif word != ":":
            if len(path) <= DEEPEST:
                found[pointer(path)] = token.start()
            path += [0] * (word == "[") + [None] * (word == "{")
    return found


def _place(text, starts, name):
    while name not in starts:
        name = name.rpartition("/")[0]
    start = starts[name]
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
