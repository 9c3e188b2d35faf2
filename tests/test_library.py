"""The front door: names, defaults and errors without a spec."""

import pytest

import bsa
from bsa.errors import UsageError


def test_defaults_are_those_of_the_fragments(trained):
    with pytest.raises(UsageError, match='attacks "pgd" needs epsilon'):
        bsa.attack("pgd", trained)
    with pytest.raises(UsageError, match=r'no parameter "step".*did you mean "steps"'):
        bsa.attack("pgd", trained, epsilon=0.1, step=3)
    with pytest.raises(UsageError, match=r'no attacks component named "pdg".*did you mean "pgd"'):
        bsa.attack("pdg", trained, epsilon=0.1)
    with pytest.raises(UsageError, match="madry_mnist"):
        bsa.build("madry", input_shape=(28, 28, 1), num_classes=10)
