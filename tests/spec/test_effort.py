"""Efforts name values of an attack's fields; what a spec states beside one takes the place of its values."""

import inspect
import json
import re

import pytest

from bsa import catalog, spec
from bsa.catalog import shipped
from bsa.errors import UsageError

PARTS = {name: catalog.fragment("attacks", name) for name in catalog.names("attacks")}
OF = {name: part["efforts"] for name, part in PARTS.items() if "efforts" in part}
EFFORTS = ("quick", "standard", "thorough")
ASKED = {"name", "network", "label", "images", "epsilon", "thresholds", "effort", "comment"}


def parameters(name, **given):
    return spec.parameters("attacks", name, {"epsilon": 0.1, **given})


def test_which_attacks_have_them():
    assert set(OF) == {"apgd", "carlini_wagner_linf", "corner_descent", "fmn", "pgd", "square"}


@pytest.mark.parametrize("name", OF)
def test_each_effort_is_of_values_that_the_schema_takes_and_the_default_is_standard(name):
    quick, standard, thorough = (parameters(name, effort=effort) for effort in EFFORTS)
    assert parameters(name) == standard
    assert "effort" not in standard
    assert quick.keys() == standard.keys() == thorough.keys()
    cost = [catalog.find("attacks", name).passes(**params) for params in (quick, standard, thorough)]
    assert cost == sorted(cost)
    assert len(set(cost)) == 3
    for params in (quick, standard, thorough):  # what was resolved is a spec again, and states all
        assert spec.parameters("attacks", name, params) == params


def test_what_is_stated_takes_the_place_of_the_efforts_value_alone():
    quick = parameters("corner_descent", effort="quick")
    own = parameters("corner_descent", effort="quick", leg={"steps": 7}, give_up={"near": None})
    assert own["leg"] == quick["leg"] | {"steps": 7}
    assert own["give_up"] == quick["give_up"] | {"near": None}
    assert own["resume"] == quick["resume"]


def test_an_effort_beside_all_that_it_names_is_refused_as_it_would_change_nothing():
    for name in OF:
        with pytest.raises(UsageError, match=r'/effort: .*found "thorough" beside all of them'):
            spec.parameters("attacks", name, parameters(name) | {"effort": "thorough"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"leg": {"starts": "grey"}}, '/leg/starts: expected "measured", or a list, found "grey"'),
        ({"leg": {"rules": "adam"}}, '/leg/rules: expected one of measured, leading, or a list, found "adam"'),
        ({"resume": {"squares": "600"}}, '/resume/squares: expected "measured", or a whole number, found "600"'),
        ({"give_up": {"close": "0.1"}}, '/give_up/close: expected "measured", or a list or null, found "0.1"'),
    ],
)
def test_what_may_be_measured_may_be_stated_and_the_sentence_says_how(given, expected):
    with pytest.raises(UsageError, match=re.escape(expected)):
        parameters("corner_descent", **given)


def test_a_stated_field_that_does_not_go_with_its_effort_is_told_before_anything_is_trained():
    base = {"name": "one", "data": {"name": "digits"}, "model": {"name": "wong_small"}}
    base |= {"train": {"name": "natural", "steps": 1}}
    attack = {"name": "carlini_wagner_linf", "epsilon": 0.1, "effort": "thorough", "leg": {"constant": 1}}
    with pytest.raises(spec.SpecError, match=r"/attack/leg/constant: expected at most constant_max, 0\.1.*found 1"):
        spec.resolve(base | {"attack": attack})


def test_members_of_an_ensemble_and_attacks_of_a_search_have_them_too():
    members = parameters("ensemble", attacks=[{"name": "pgd", "effort": "quick"}])["attacks"]
    assert members[0]["steps"] == OF["pgd"]["quick"]["steps"]
    search = spec.parameters("exploration", "explore", {"epsilon": 0.1})
    assert search["attack"]["leg"]["steps"] == OF["corner_descent"]["quick"]["leg"]["steps"]


@pytest.mark.parametrize("name", catalog.names("attacks"))
def test_an_attack_takes_at_most_eight_arguments(name):
    assert len(inspect.signature(catalog.find("attacks", name).make).parameters) <= 8


def test_no_shipped_spec_has_a_parameter_of_a_search_beside_its_effort():
    for file in sorted(shipped("specs").glob("*.json")):
        given = json.loads(file.read_text(encoding="utf-8")).get("attack", [])
        for attack in given if isinstance(given, list) else [given]:
            assert attack.keys() <= ASKED, f"{file.name}: {sorted(attack.keys() - ASKED)}"


def test_a_field_of_an_older_spec_is_refused_with_its_new_place():
    for name, old, new in (
        ("corner_descent", {"later_steps": 5}, "later_steps is leg.later_steps now"),
        ("corner_descent", {"returns": 5}, "returns is resume.times now"),
        ("carlini_wagner_linf", {"again": 0.1}, "again is resume.within now"),
        ("spatial", {"worst": 2}, "worst is moves.worst now"),
        ("pgd", {"jit_compile": True}, "jit_compile is no parameter of an attack but of a run, --jit-compile"),
    ):
        with pytest.raises(UsageError, match=new):
            parameters(name, **old)
