"""Hostile and sloppy specs: every problem has a place, no reader fails, and no length of a spec makes it slow."""

import itertools
import json

import pytest

from bsa import spec
from bsa.engine import plan
from bsa.errors import UsageError
from bsa.spec import schema, text
from bsa.spec.problems import MOST

GOOD = {
    "name": "good",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "adversarial", "steps": 10, "epsilon": 0.1},
    "attack": {"name": "pgd", "epsilon": 0.1},
}
DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}


@pytest.fixture
def told(tmp_path):
    """`told(text, *overrides)` is what is said of a spec's text, a Problem by its pointer."""

    def load(content, *overrides):
        file = tmp_path / "s.json"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(spec.SpecError) as caught:
            spec.load(file, overrides)
        str(caught.value).encode()  # can be printed
        return {problem.pointer: problem for problem in caught.value.problems}

    return load


def with_attack(**fields):
    return json.dumps(GOOD | {"attack": GOOD["attack"] | fields})


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    file = tmp_path / "bom.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert spec.load(file) == spec.resolve(GOOD)


def test_numbers_that_are_none_have_a_place_and_hide_no_other_problem(told):
    broken = '{"name": "n", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "seed": 1, "seed": 2, '
    broken += '"train": {"name": "natural", "steps": 1e17, "startz": 1}, "attack": {"name": "pgd", "epsilon": NaN}, '
    found = told(broken + '"blind_spot": {"cells": [[1.1, 0]]}}')
    assert set(found) == {"/train/steps", "/train/startz", "/attack/epsilon", "/blind_spot/cells/0", "/seed"}
    assert found["/attack/epsilon"].found == '"NaN"'
    assert found["/train/steps"].found == '"1e17"'
    assert "/train/steps" in told(json.dumps(GOOD), "train.steps=1e17")


@pytest.mark.parametrize(
    ("written", "hint"),
    [("8/ 255", "write 0.03137254901960784"), (".1", "write 0.1"), ("0,1", "write 0.1"), ("3 %", "write 0.03"),
     ("0.1", "write 0.1 without quotes"), ("1/0", ""), ("1e999", ""), ("small", ""), ("", "")],
)  # fmt: skip
def test_a_number_as_people_write_it_is_refused_with_the_number(told, written, hint):
    assert told(with_attack(epsilon=written))["/attack/epsilon"].hint == hint
    if "quotes" not in hint:  # there are none to leave out
        assert told(json.dumps(GOOD), f"attack.epsilon={written}")["/attack/epsilon"].hint == hint


def test_whole_numbers_are_not_told_to_be_fractions(told):
    assert told(with_attack(steps="8/255"))["/attack/steps"].hint == ""
    assert told(with_attack(steps="4/2"))["/attack/steps"].hint == "write 2"


def test_an_abbreviation_is_understood(told):
    found = told(json.dumps(GOOD | {"attack": {"name": "pgd", "eps": 0.1}}))
    assert found["/attack/eps"].hint == 'did you mean "epsilon"?'
    assert found["/attack/epsilon"].hint.endswith('there is "eps": did you mean "epsilon"?')


HALF = "\ud83d"


@pytest.mark.parametrize(
    ("field", "pointer"),
    [({"description": HALF}, "/description"), ({f"a{HALF}": 1}, r"/a\ud83d"),
     ({"reported": {"source": HALF, "rows": []}}, "/reported/source"), ({"comment": HALF}, "/comment")],
)  # fmt: skip
def test_half_of_a_character_is_refused_when_the_spec_is_read(told, field, pointer):
    assert "half of one" in told(json.dumps(GOOD | field))[pointer].found


def test_half_of_a_character_is_refused_on_the_command_line(told):
    assert "/description" in told(json.dumps(GOOD), r'description="\ud83d"')
    for word in (f"description={HALF}", f"{HALF}=1"):
        with pytest.raises(UsageError, match="half of one") as caught:
            spec.override({}, word)
        str(caught.value).encode()


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [40, 500, 100_000])
def test_deep_nesting_is_an_answer_wherever_it_stands(told, tmp_path, depth):
    good = json.dumps(GOOD)
    assert any("depth" in p.expected for p in told(good[:-1] + f', "x": {nested(depth)}}}').values())
    assert any("depth" in p.expected for p in told(good, f"x={nested(depth)}").values())
    (tmp_path / "member.json").write_text(good[:-1] + f', "x": {nested(depth)}}}')
    many = {"name": "many", "experiments": ["member.json", "none.json"], "report": [{"name": "distance_table"}]}
    assert set(told(json.dumps(many))) == {"/experiments/0", "/experiments/1"}
    with pytest.raises(UsageError, match="at most 32 keys"):
        spec.override({}, ".".join(["a"] * depth) + "=1")


def test_thresholds_that_round_to_nothing_are_refused_and_not_dropped(told):
    for at in (["scale*epsilon"], ["epsilon", "scale*epsilon"], ["epsilon"], [1e-13]):
        assert "/attack/epsilon" in told(with_attack(epsilon=1e-13, thresholds=at))
    tiny = spec.resolve(GOOD | {"attack": GOOD["attack"] | {"epsilon": 1e-12}})
    assert plan.stages(tiny, DATA)


@pytest.mark.parametrize("word", ["a\n", "a" * 101])
def test_names_and_labels_end_where_they_seem_to(told, word):
    assert told(json.dumps(GOOD | {"name": word}))["/name"]
    assert told(with_attack(label=word))["/attack/label"]
    network = {"model": GOOD["model"], "train": GOOD["train"]}
    named = {key: GOOD[key] for key in ("name", "data", "attack")} | {"networks": {word: network}}
    assert "/networks" in told(json.dumps(named))


def integers(part, path=""):
    """The places and schemas of whole numbers in a schema."""
    for key, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "type" and "integer" in (child if isinstance(child, list) else [child]):
            yield path, part
        yield from integers(child, f"{path}/{key}")


def test_every_whole_number_has_a_bound():
    found = dict(integers(schema.combined()["$defs"]))
    assert len(found) > 50
    assert [place for place, part in found.items() if "maximum" not in part] == []


def chained(count, after):
    train = GOOD["train"] | {"name": "outer_polytope"}
    links = {f"n{i}": {"model": GOOD["model"], "train": train, "after": after(i)} for i in range(count)}
    return {key: GOOD[key] for key in ("name", "data")} | {"networks": links}


LONG = {
    "unknown keys": GOOD | {"train": GOOD["train"] | {f"k{i}": 1 for i in range(20_000)}},
    "cells of which some are wrong": GOOD | {"blind_spot": {"cells": [[0.5, i / 1e6] for i in range(9_000)] + ["x"]}},
    "equal attacks": GOOD | {"attack": [GOOD["attack"]] * 2_000},
    "networks behind one another": chained(400, lambda i: [f"n{(i + 1) % 400}"]),
}


@pytest.mark.parametrize("name", LONG)
def test_long_specs_are_answered_with_so_many_problems_and_no_more(told, name):
    """No clock: what took quadratic time took hours here, and a test that takes so long is noticed."""
    assert 1 <= len(told(json.dumps(LONG[name]))) <= MOST + 1


@pytest.mark.parametrize("step", [1, -1])
def test_many_networks_behind_one_another_are_planned_in_order(step):
    count = 400
    names = [f"n{i}" for i in range(count)]
    value = chained(count, lambda i: names[i - step :][:1] if 0 <= i - step < count else [])
    for network in value["networks"].values():
        network["after"] or network.pop("after")
    stages = plan.stages(spec.resolve(value), DATA)
    assert [bool(stage.needs) for stage in stages] == [False] + [True] * (count - 1)
    assert all(stage.needs == (before.key,) for before, stage in itertools.pairwise(stages))


def test_networks_that_stand_behind_all_others_are_planned_once_each():
    value = chained(24, lambda i: [f"n{j}" for j in range(i)])  # 2^24 visits where each looks at all before it
    del value["networks"]["n0"]["after"]
    assert len(plan.stages(spec.resolve(value), DATA)) == 24


def test_equal_items_are_found_however_their_numbers_are_written(told):
    assert "/blind_spot/cells" in told(json.dumps(GOOD | {"blind_spot": {"cells": [[1, 0], [1.0, 0.0]]}}))
    assert text.canonical([1.0, True]) == "[1,true]"
