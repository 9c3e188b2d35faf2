"""The front door: names, defaults and errors without a spec."""

import numpy as np
import pytest

import bsa
from bsa.errors import UsageError


def test_defaults_are_those_of_the_fragments(trained):
    with pytest.raises(UsageError, match=r'"pgd": /epsilon: expected a key "epsilon"'):
        bsa.attack("pgd", trained)
    with pytest.raises(UsageError, match=r'"step"; did you mean "steps"'):
        bsa.attack("pgd", trained, epsilon=0.1, step=3)
    with pytest.raises(UsageError, match=r'no attacks component named "pdg".*did you mean "pgd"'):
        bsa.attack("pdg", trained, epsilon=0.1)
    with pytest.raises(UsageError, match="madry_mnist"):
        bsa.build("madry", input_shape=(28, 28, 1), num_classes=10)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"starts": ["gray"]}, r'/starts/0.*did you mean "grey"'),
        ({"epsilon": 8}, "at most 1"),
        ({"epsilon": float("nan")}, "finite numbers"),
        ({"tau_factor": 1}, "a number below 1"),
        ({"mode": "least"}, "success, least_distortion"),
        ({"thresholds": ["eps"]}, "epsilon, scale"),
        ({"steps": "many"}, "a whole number"),
    ],
)
def test_values_are_checked_as_in_specs(trained, params, message):
    with pytest.raises(UsageError, match=message):
        bsa.attack("carlini_wagner_linf", trained, **{"epsilon": 0.1, **params})


def test_numpys_numbers_and_tuples_are_welcome(trained, digits):
    attack = bsa.attack("pgd", trained, epsilon=np.float32(0.1), thresholds=(0.1, 0.05), steps=np.int64(3))
    assert len(attack(digits.x[:5], digits.y[:5]).x) == 5
