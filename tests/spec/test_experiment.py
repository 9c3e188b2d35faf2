"""The resolved spec answers all that is asked of it, and is JSON that says the same when it is read again."""

import dataclasses
import json

import pytest
from click.testing import CliRunner

from bsa import catalog, spec
from bsa.cli import commands
from bsa.engine import plan

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
CASCADE = {
    "name": "cascade",
    "seed": 3,
    "data": {"name": "digits"},
    "networks": {
        "first": {"model": {"name": "wong_small"}, "train": {"name": "outer_polytope", "steps": 2, "epsilon": 0.1}},
        "second": {
            "model": {"name": "wong_small"},
            "train": {"name": "outer_polytope", "steps": 2, "epsilon": 0.1, "projections": 50},
            "after": ["first"],
        },
        "released": {"model": {"name": "wong_small"}, "weights": {"name": "wong_kolter", "file": "a.pth", "index": 1}},
    },
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "certify": {"name": "outer_polytope", "network": "second", "after": ["first"], "epsilon": 0.1, "label": "both"},
    "attack": {"name": "pgd", "network": ["first", "released"], "epsilon": 0.1, "images": 7, "steps": 5,
               "thresholds": ["scale*epsilon", 0.2, "epsilon"]},
    "measures": [{"name": "accuracy", "network": "first", "images": 9}],
    "sanity": {"queries": 20},
    "reported": {"source": "Table 9", "network": "first", "rows": [{"cell": [0.9, 0.05], "accuracy": 98}]},
}  # fmt: skip
SHORT = {"name": "short", "data": {"name": "digits"}, "model": {"name": "wong_small"}}
SHORT |= {"train": {"name": "natural", "steps": 2}, "attack": {"name": "pgd", "epsilon": 0.1}}


def test_networks_say_what_they_are_of():
    experiment = spec.resolve(CASCADE)
    first, second, released = experiment.networks.values()
    assert (first.train.name, first.weights, first.after, first.certificate) == ("outer_polytope", None, (), None)
    assert second.after == ("first",)
    assert second.certificate.name == "outer_polytope"
    assert second.certificate.params["projections"] == 50
    assert second.certificate.params["slopes"] == "parallel"  # the default of its training, not of a certificate
    assert (released.train, released.weights.params, released.sha256) == (None, {"index": 1}, None)
    assert released.origin == {"file": "a.pth"}


def test_the_short_form_is_one_network_called_main_which_all_are_for():
    experiment = spec.resolve(SHORT)
    assert list(experiment.networks) == ["main"]
    assert experiment.attacks[0].networks == ("main",)
    assert experiment.experiments == (experiment,)
    assert [report.name for report in experiment.reports] == ["success_table"]


def test_what_a_table_asks_stands_apart_from_the_parameters():
    experiment = spec.resolve(CASCADE)
    (attack,), (certificate,), (measure,) = experiment.attacks, experiment.certificates, experiment.measures
    assert (attack.label, attack.networks, attack.images) == ("pgd", ("first", "released"), 7)
    assert not {"name", "network", "label", "images", "thresholds"} & set(attack.component.params)
    assert (certificate.label, certificate.networks, certificate.after) == ("both", ("second",), ("first",))
    assert not {"name", "network", "label", "after", "thresholds"} & set(certificate.component.params)
    assert (measure.component, measure.networks) == (("accuracy", {"images": 9}), ("first",))


def test_thresholds_are_numbers_of_every_cell():
    experiment = spec.resolve(CASCADE)
    original, moved = experiment.cells
    assert (str(moved), moved.given, moved.original, original.original) == ("(0.9, 0.05)", [0.9, 0.05], False, True)
    assert experiment.attacks[0].thresholds == {original: [0.2, 0.1], moved: [0.2, 0.1, 0.09]}
    assert experiment.certificates[0].thresholds == {original: [0.1], moved: [0.1]}


def test_what_sanity_compares_with_has_all_its_parameters():
    (attack,) = spec.resolve(CASCADE).attacks
    given = {"epsilon": 0.1, "queries": 20}
    assert attack.black_box == ("square", spec.parameters("attacks", "square", given))
    assert attack.reference == (
        "corner_descent",
        spec.parameters("attacks", "corner_descent", {"epsilon": 0.1, "effort": "quick"}),
    )
    unchecked = spec.resolve(CASCADE | {"sanity": False})
    assert unchecked.sanity is None
    assert unchecked.attacks[0][-2:] == (None, None)


def test_published_numbers_are_of_one_network_and_cell():
    experiment = spec.resolve(CASCADE)
    original, moved = experiment.cells
    assert experiment.reported.row("first", moved)["accuracy"] == 98
    assert experiment.reported.row("first", original) == experiment.reported.row("second", moved) == {}
    short = spec.resolve(SHORT)
    assert (short.reported.source, short.reported.row("main", original)) == ("", {})


def test_it_is_frozen_and_a_change_makes_another():
    experiment = spec.resolve(SHORT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.resolved = {}
    with pytest.raises(TypeError):
        experiment["seed"] = 1
    changed = experiment | {"seed": 1}
    assert (type(changed), changed.seed, experiment.seed) == (spec.Experiment, 1, 0)
    assert changed != experiment == spec.resolve(SHORT)


def printed(*words):
    done = CliRunner().invoke(commands.main, ["plan", *words, "--resolved"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def stages(resolved):
    return plan.stages(resolved, DATA)


def test_what_the_plan_prints_as_resolved_is_the_same_spec(tmp_path):
    file = tmp_path / "again.json"
    file.write_text(json.dumps(printed("quickstart", "--set", "attack.0.images=5", "--seed", "2")))
    given, again = spec.load("quickstart", ["attack.0.images=5", "seed=2"]), spec.load(file)
    assert stages(again) == stages(given)
    assert (again, again.reports) == (given, given.reports)
    assert printed(str(file)) == again.resolved  # nothing is left to fill in


@pytest.mark.parametrize("file", sorted(catalog.shipped("specs").glob("*.json")), ids=lambda path: path.stem)
def test_every_spec_that_ships_is_the_same_when_its_resolved_form_is_read(file):
    for experiment in spec.load(file).experiments:
        assert spec.resolve(experiment.resolved) == experiment


def test_a_collection_is_printed_with_its_experiments(tmp_path):
    nearest = {"measures": [{"name": "nearest", "k": [5]}]}
    (tmp_path / "one.json").write_text(json.dumps(SHORT | nearest | {"name": "one"}))
    (tmp_path / "two.json").write_text(json.dumps(SHORT | nearest | {"name": "two", "strategy": "mirrored"}))
    both = {"name": "both", "experiments": ["one.json", "two.json"], "report": [{"name": "distance_table"}]}
    (tmp_path / "both.json").write_text(json.dumps(both))
    collection = spec.load(tmp_path / "both.json")
    assert [each.name for each in collection.experiments] == ["one", "two"]
    assert collection.strategy == "mirrored"
    found = printed(str(tmp_path / "both.json"))
    assert [stages(spec.resolve(each)) for each in found["experiments"]] == [stages(e) for e in collection.experiments]
