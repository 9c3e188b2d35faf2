"""Stored results outlive the code: these keys are those of stores that people have, and change only where bits do."""

import pytest

from bsa import spec
from bsa.engine import plan, run

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
TRAINED = {
    "name": "pinned",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 20},
    "attack": {"name": "pgd", "epsilon": 0.1},
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
}


def keys(kind, stages):
    return [stage.key[:16] for stage in stages if stage.kind == kind]


def test_those_of_the_quick_start():
    stages = run.planned(spec.load("quickstart"))
    assert keys("network", stages) == ["a002e545347abb42"]
    found = keys("attack", stages)
    assert len(found) == 14
    assert found[0] == "e7f657f143d86985"  # carlini_wagner_linf in (1, 0)
    assert found[13] == "78fcf0f42ab593d4"  # corner_descent in (0.7, 0.15)
    assert len(keys("control", stages)) == 12  # in every cell but (1, 0)


def test_those_of_the_same_cells_as_points_of_a_chain():
    """The paper's cells have one key whatever chain they are points of; other points have keys of their own."""
    short = {stage.key for stage in plan.stages(spec.resolve(TRAINED), DATA)}
    cells = [{}, {"scale": 0.9, "shift": 0.05}]
    value = {key: each for key, each in TRAINED.items() if key != "blind_spot"}
    long = value | {"transform": {"chain": ["scale_shift"], "cells": cells}}
    assert {stage.key for stage in plan.stages(spec.resolve(long), DATA)} == short
    twice = ["scale_shift", {"name": "scale_shift", "pixel_range": [0, 1]}]
    both = {"scale_shift.scale": 0.9, "scale_shift_2.scale": 0.5}
    other = value | {"transform": {"chain": twice, "cells": [both]}}
    assert keys("attack", plan.stages(spec.resolve(other), DATA)) == ["a6108d71572b20e7"]


def test_that_of_a_training_over_transformations():
    stages = plan.stages(spec.load("closing_mnist"), DATA)
    assert keys("network", stages)[-1] == "7e1b456d9f968ae2"  # after the released one


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("network", ["1700308247cb8d78"]),
        ("attack", ["f961e8b675298f03", "25ea824cf82a567c"]),
        ("measure", ["5ecb6c3b9fb353bf", "448c21a92cd73247"]),
        ("control", ["c3fc71ad4cb531e5"]),
    ],
)
def test_those_of_a_small_experiment(kind, expected):
    value = TRAINED | {"measures": [{"name": "accuracy"}]}
    assert keys(kind, plan.stages(spec.resolve(value), DATA)) == expected
