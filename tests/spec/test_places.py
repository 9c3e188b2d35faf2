"""Places in a JSON text: at the line and column of a pointer, Python's own reader finds the value that it names."""

import json

import pytest

from bsa import catalog
from bsa.spec import places
from bsa.spec.problems import pointer

ODD = '{"a/b~c": [1, {"": "}],:\\"[{"}, []],\r\n\t"\\u0041" :\n-1.5e3, "z":{"é\\\\":null\n}\n,"last" : true}\n'


def values(value, path=()):
    """Pairs (pointer, value) of all that stands in a JSON value."""
    yield pointer(path), value
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from values(child, (*path, key))


@pytest.mark.parametrize("text", [ODD, "[[], 7]", '"word"', *(
    path.read_text(encoding="utf-8") for path in sorted(catalog.shipped("specs").glob("*.json"))
)])  # fmt: skip
def test_at_the_place_of_a_pointer_stands_its_value(text):
    wanted = list(values(json.loads(text)))
    lines = text.split("\n")
    for (_, value), (line, column) in zip(wanted, places(text, [name for name, _ in wanted]), strict=True):
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert json.JSONDecoder().raw_decode(rest)[0] == value


def test_what_is_not_there_has_the_place_of_what_holds_it():
    text = '{\n "data": {"name": "digits"},\n "networks": [\n  {"model": 1}]\n}'
    assert places(text, ["/seed", "/networks/0/train", "/networks/3/model", "/data/name/x"]) == [
        (1, 1), (4, 3), (3, 14), (2, 19),
    ]  # fmt: skip


def test_of_repeated_keys_it_is_the_last():
    assert places('{"a": 1,\n "a": 2}', ["/a"]) == [(2, 7)]


def test_of_what_is_no_json_it_is_the_mistake():
    assert places('{\n "a": 1,\n "b" 2}', [""]) == [(3, 6)]
    assert places("\ufeff[1,]", ["", ""]) == [(1, 4), (1, 4)]
    assert places("", [""]) == [(1, 1)]


def test_texts_of_any_depth_are_answered():
    assert places("[" * 100_000, [""]) == [(1, 1)]
    assert places("[" * 300 + "]" * 300, ["/0" * 299]) == [(1, 33)]  # beyond 32 levels no reader asks
