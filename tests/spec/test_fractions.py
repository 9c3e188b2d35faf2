"""Fractions such as "8/255" wherever pixels are meant: the number that they give, to the bit and to the key."""

import json

import jsonschema
import pytest

from bsa import criteria, spec
from bsa.engine import plan
from bsa.errors import UsageError
from bsa.spec import schema

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}


def experiment(epsilon, threshold, step):
    """A spec that has pixels in places of every kind: attack, thresholds, ensemble, training, certificate."""
    pgd = {"name": "pgd", "epsilon": epsilon, "thresholds": ["epsilon", threshold], "step_size": step}
    both = {"name": "ensemble", "epsilon": epsilon, "attacks": [{"name": "pgd", "step_size": step}]}
    return {
        "name": "fractions",
        "data": {"name": "digits"},
        "model": {"name": "wong_small"},
        "train": {"name": "adversarial", "steps": 1, "epsilon": epsilon, "step_size": step},
        "attack": [pgd, both],
        "certify": {"name": "outer_polytope", "epsilon": epsilon, "thresholds": [threshold]},
    }


def test_a_fraction_and_its_number_are_one_spec_with_one_set_of_keys():
    written = spec.resolve(experiment("8/255", "4/255", "2.5/255"))
    number = spec.resolve(experiment(8 / 255, 4 / 255, 2.5 / 255))
    assert written.resolved == number.resolved
    assert written["attack"][0]["epsilon"] == 8 / 255
    assert [s.key for s in plan.stages(written, DATA)] == [s.key for s in plan.stages(number, DATA)]


def test_set_and_library_take_them_too():
    given = experiment(0.1, 0.05, 0.01)
    spec.override(given, "train.epsilon=8/255")
    assert spec.resolve(given)["train"]["epsilon"] == 8 / 255
    assert spec.parameters("attacks", "pgd", {"epsilon": "8/255"})["epsilon"] == 8 / 255
    assert criteria.thresholds(["4/255", "epsilon"], 0.1) == [0.1, 4 / 255]


@pytest.mark.parametrize("epsilon", ["8/0", "0/255", "300/255", "8/255/2", "eight/255", "-8/255", "8/255\n", True])
def test_what_is_no_radius_is_refused_with_what_was_expected(epsilon):
    with pytest.raises(UsageError, match="expected a number"):
        spec.parameters("attacks", "pgd", {"epsilon": epsilon})
    with pytest.raises(spec.SpecError) as caught:
        spec.resolve(experiment(epsilon, 0.05, 0.01))
    assert {p.pointer for p in caught.value.problems} >= {"/attack/0/epsilon", "/train/epsilon", "/certify/epsilon"}


def test_where_no_pixels_are_meant_a_fraction_is_a_string():
    with pytest.raises(UsageError, match="steps: expected a whole number"):
        spec.parameters("attacks", "pgd", {"epsilon": 0.1, "steps": "8/2"})


def test_editors_take_what_bsa_takes():
    combined = schema.combined()
    assert combined["$defs"]["pixels"]["pattern"] == f"^{criteria.FRACTION.pattern}$"
    jsonschema.Draft202012Validator(combined).validate(json.loads(json.dumps(experiment("8/255", "4/255", "2/255"))))


@pytest.mark.parametrize("epsilon", [4 / 255, 8 / 255, 0.3])
def test_where_nothing_is_scaled_the_stricter_threshold_is_the_same_one(epsilon):
    named = ["epsilon", "scale*epsilon"]
    assert criteria.thresholds(named, epsilon, 1) == criteria.thresholds(named, epsilon, -1) == [epsilon]
    assert len(criteria.thresholds(named, epsilon, 0.9)) == 2
