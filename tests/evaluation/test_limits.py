"""Limits of rates: what is read of them, and when a run is beyond one."""

import types

import pytest

from bsa import spec
from bsa.engine.rates import Rate
from bsa.errors import UsageError
from bsa.evaluation import _limits

SPEC = spec.resolve({
    "name": "limited",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 1},
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "attack": [{"name": "pgd", "epsilon": 0.1}, {"name": "square", "label": "the other", "epsilon": 0.1}],
    "measures": [{"name": "accuracy"}],
})  # fmt: skip


def test_a_limit_is_read_with_its_cell_and_its_attack():
    found = _limits.limit("success@0.90,.05@the other >= 40", SPEC, over=True)
    assert found[1:] == (True, "success", "0.9,0.05", "the other", 40, True)
    assert _limits.limit("accuracy>95.5", SPEC, over=False)[1:] == (False, "accuracy", None, None, 95.5, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("success", "found no >"),
        ("success<40", "found no >"),
        ("sucess>40", 'did you mean "success"'),
        ("success>0.4x", "a percentage from 0 to 100"),
        ("success>400", "a percentage from 0 to 100"),
        ("success@0.7,0>40", "a cell, then an attack, out of 1,0, 0.9,0.05, pgd, the other, found '0.7,0'"),
        ("success@apgd>40", "found 'apgd'"),
        ("success@1,0@0.9,0.05>40", "found '0.9,0.05'"),
        ("accuracy@pgd>95", "found 'pgd'"),
        ("certified_error>5", "expected a spec that gives certified_error"),
    ],
)
def test_what_is_no_limit_is_told_in_a_sentence(text, message):
    with pytest.raises(UsageError) as caught:
        _limits.limit(text, SPEC, over=True)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def beyond(monkeypatch, text, over, *found, images=100):
    """What is said of a limit where the rates found are (metric, cell number, label, threshold, count)."""
    made = [Rate("main", SPEC.cells[n], metric, label, at, count, images) for metric, n, label, at, count in found]
    monkeypatch.setattr(_limits, "rates", lambda results: made)
    one = types.SimpleNamespace(spec=SPEC)
    return _limits.passed([_limits.limit(text, SPEC, over=over)], types.SimpleNamespace(experiments=[one]))


FOUND = (
    *(("accuracy", 0, "", None, 97), ("accuracy", 1, "", None, 95)),
    *(("success", 0, "pgd", 0.1, 40), ("success", 1, "pgd", 0.1, 41), ("success", 1, "pgd", 0.05, 30)),
    *(("success", 0, "the other", 0.1, 12), ("success", 1, "the other", 0.1, 60)),
)


@pytest.mark.parametrize(
    ("text", "over", "count"),
    [("success>40", True, 2), ("success>=40", True, 3), ("success@1,0>40", True, 0), ("success@pgd>40", True, 1),
     ("success@0.9,0.05@pgd>40", True, 1), ("success>60", True, 0), ("accuracy>95", False, 1),
     ("accuracy>=95", False, 0), ("accuracy@1,0>95", False, 0), ("success>20", False, 1)],
)  # fmt: skip
def test_a_run_is_beyond_a_limit_in_the_cells_that_it_speaks_of(monkeypatch, text, over, count):
    said = beyond(monkeypatch, text, over, *FOUND)
    assert len(said) == count
    assert all(sentence.startswith(f"--fail-{'over' if over else 'under'} {text}: ") for sentence in said)


def test_what_is_not_known_is_within_no_limit(monkeypatch):
    for over in (True, False):  # a rate of no images is no number
        assert len(beyond(monkeypatch, "success>40", over, ("success", 0, "pgd", 0.1, 0), images=0)) == 1
