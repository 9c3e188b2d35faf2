"""Two runs compared: published intervals, and fields that differ."""

import numpy as np
import pytest

from bsa.criteria import newcombe
from bsa.engine.compare import ABSENT, changes


def outcomes(both, one, other, neither):
    """Outcomes of the same images, of which so many succeeded twice, once, and not at all."""
    a = np.repeat([True, True, False, False], [both, one, other, neither])
    b = np.repeat([True, False, True, False], [both, one, other, neither])
    return a, b


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe (1998), Statistics in Medicine 17:2635, Table III, method 10
        ((1, 7, 1, 12), 0.026, 0.507),  # Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850
    ],
)
def test_paired_intervals_are_the_published_ones(counts, low, high):
    a, b = outcomes(*counts)
    images = np.arange(len(a))
    digits = 5e-5 if high == 0.3404 else 5e-4
    assert newcombe(b, a, images, images) == pytest.approx((low, high), abs=digits)
    assert newcombe(a, b, images, images) == pytest.approx((-high, -low), abs=digits)


def test_unpaired_intervals_are_the_published_ones():
    a, b = np.arange(70) < 56, np.arange(80) < 48  # Newcombe (1998), Statistics in Medicine 17:873, Table II (a)
    assert newcombe(b, a, np.arange(80), np.arange(70) + 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_more_images_are_shared_the_narrower_the_interval():
    a, b = outcomes(60, 5, 3, 32)
    order = np.random.default_rng(0).permutation(len(a))
    a, b = a[order], b[order]
    widths = [np.diff(newcombe(a, b, np.arange(100), np.arange(100) + apart))[0] for apart in (0, 100)]
    own = np.arange(100) + np.where(np.arange(100) < 50, 0, 100)  # half of them are others
    assert widths[0] < np.diff(newcombe(a, b, np.arange(100), own))[0] < widths[1]


def test_no_images_tell_nothing():
    none, some = np.zeros(0, bool), np.ones(3, bool)
    assert newcombe(none, some, np.arange(0), np.arange(3)) == (-1, 1)


def test_changed_fields_have_their_place():
    a = {"seed": 0, "attack": [{"name": "pgd", "steps": 4}, {"name": "fmn"}], "cells": [[1, 0], [0.9, 0]], "x": True}
    b = {"seed": 1, "attack": [{"name": "pgd", "steps": 5}], "cells": [[1, 0]], "x": 1, "more": None}
    assert list(changes(a, b)) == [
        ("/seed", 0, 1),
        ("/attack/0/steps", 4, 5),
        ("/attack/1", {"name": "fmn"}, ABSENT),
        ("/cells", [[1, 0], [0.9, 0]], [[1, 0]]),
        ("/x", True, 1),
        ("/more", ABSENT, None),
    ]
    assert list(changes(a, a)) == []
