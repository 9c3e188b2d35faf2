"""The table of checks that every measure must pass."""

import numbers
from typing import Any

import numpy as np

import bsa
from bsa.testing._shared import digits, expect, expect_equal, told, trained


class Measuring:
    """A measure by its name and parameters."""

    def __init__(self, name: str, **params: Any) -> None:
        self.name, self.params = name, params
        self.found = self.measure()

    def measure(self) -> dict:
        """What it says of the shared network on 100 digits, with the training digits to look at."""
        x, y, _ = digits()
        return bsa.measure(self.name, trained(), x[:100], y[:100], training=digits("train"), **self.params)


def check_measure(name: str, **params: Any) -> None:
    """Check a measure by its name, with parameters as in a spec; AssertionError says what is wrong."""
    told("measures", name, MEASURE, Measuring(name, **params))


def it_gives_arrays_and_numbers(measuring: Measuring) -> None:
    """A dict: arrays are stored, the rest stands in the record."""
    found = measuring.found
    expect(isinstance(found, dict) and found, f"expected a dict of arrays and numbers, found {type(found).__name__}")
    for name, value in found.items():
        sound = isinstance(value, np.ndarray | numbers.Number | str | list | tuple | dict) or value is None
        expect(sound, f"expected an array, a number or text as {name}, found {type(value).__name__}")
        expect(not (isinstance(value, np.ndarray) and value.dtype == object), f"expected numbers in {name}")


def it_says_the_same_every_time(measuring: Measuring) -> None:
    """To the bit."""
    expect_equal(measuring.measure(), measuring.found, "expected the same at every call, found something else")


MEASURE = (it_gives_arrays_and_numbers, it_says_the_same_every_time)
