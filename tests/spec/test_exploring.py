"""Searches in a spec: named spaces are stated in full, and what cannot be searched is told with its place."""

import json

import jsonschema
import pytest

from bsa import catalog, spec
from bsa.exploration import free, narrowed
from bsa.spec import SpecError, chained, schema
from bsa.spec.exploring import explored
from bsa.spec.space import spaces

BASE = {
    "name": "searched",
    "data": {"name": "digits"},
    "networks": {name: {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 1}} for name in "ab"},
}
SEARCH = {"epsilon": 0.1, "chain": ["scale_shift"], "network": "a"}


def resolved(*searches):
    return spec.resolve(BASE | {"explore": list(searches)})


def test_searches_are_of_networks_and_have_names():
    one, other = explored(resolved(SEARCH, {"epsilon": "8/255", "label": "both", "network": ["a", "b"]}))
    assert (one.label, one.networks, other.label, other.networks) == ("explore", ("a",), "both", ("a", "b"))
    assert one.component.params["attack"]["name"] == "corner_descent"
    assert other.component.params["epsilon"] == 8 / 255
    assert not {"network", "label", "name"} & one.component.params.keys()


@pytest.mark.parametrize("name", spaces())
def test_a_named_space_is_a_chain_and_ranges_of_it(name):
    space = spaces()[name]
    assert set(space) == {"title", "description", "chain", "ranges"}
    assert space["title"] == name
    made = chained(space["chain"])
    assert sorted(free(narrowed(made.space, space["ranges"]))) == sorted(space["ranges"])  # all of it is stated
    assert made.problem({}) is None


def test_ranges_beside_a_named_space_take_the_place_of_its_own():
    (found,) = resolved({"epsilon": 0.1, "space": "natural", "ranges": {"scale": [0.9, 1]}, "network": "a"})["explore"]
    assert found["ranges"] == spaces()["natural"]["ranges"] | {"scale": [0.9, 1]}
    assert "space" not in found
    again = spec.resolve(BASE | {"explore": [found]})
    assert again["explore"] == [found]  # what is stated in full stays as it is


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"chain": ["scale_shft"]}, "/explore/0/chain/0", ['did you mean "scale_shift"?']),
        ({"space": "natural"}, "/explore/0/space", ['either "space" or "chain"', "both"]),
        ({"space": "unknown"}, "/explore/0/space", ["natural"]),
        ({"ranges": {"degrees": [0, 1]}}, "/explore/0/ranges", ["ranges of scale, shift", "degrees"]),
        ({"ranges": {"scale": [1, 0.9]}}, "/explore/0/ranges", ["within [-1, 1] of scale", "[1, 0.9]"]),
        ({"ranges": {"scale": [0.9]}}, "/explore/0/ranges/scale", ["2"]),
        ({"ranges": {"scale": 0.9, "shift": 0}}, "/explore/0/ranges", ["at least one range", "numbers alone"]),
        ({"epsilon": 8}, "/explore/0/epsilon", ["at most 1"]),
        ({"probes": 0}, "/explore/0/probes", ["at least 1"]),
        ({"sampler": "bayes"}, "/explore/0/sampler", ["tpe, cma_es, grid, random"]),
        ({"network": "c"}, "/explore/0/network", ["one of the networks a, b"]),
        ({"attack": {"name": "pgd", "epsilon": 0.1}}, "/explore/0/attack/epsilon", []),
        (
            {"attack": {"name": "corner_descent", "effort": "quick", "give_up": {"glance": 99}}},
            "/explore/0/attack/give_up/glance",
            ["at most the 20 steps"],
        ),
        ({"step": 3}, "/explore/0/step", ["step"]),
    ],
)
def test_what_cannot_be_searched_is_told_with_its_place(change, pointer, words):
    with pytest.raises(SpecError) as caught:
        resolved(SEARCH | change)
    (problem,) = caught.value.problems
    assert problem.pointer == pointer
    assert [word for word in words if word not in str(problem)] == []


def test_two_searches_of_one_name_and_a_report_without_one_are_told():
    with pytest.raises(SpecError, match=r"/explore/1/label: expected a label of its own for each search"):
        resolved(SEARCH, SEARCH)


def test_the_schema_names_what_there_is():
    part = schema.combined()["$defs"]
    assert part["space"]["enum"] == list(spaces())
    jsonschema.Draft202012Validator.check_schema(part["explore"])
    fragment = json.loads((catalog.shipped("schemas") / "exploration" / "explore.json").read_text())
    assert fragment["properties"]["space"]["default"] in spaces()
