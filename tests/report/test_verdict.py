"""The verdict: sentences that say what was counted, which cell is the worst, and whether to trust it."""

import types

import numpy as np
import pytest

from bsa.engine.rates import rates
from bsa.report import _verdict

CELLS = {(1, 0): 0.2, (0.9, 0): 0.5, (0.9, 0.05): 0.3}  # the share of 100 images that break
ONE = {
    "networks": {"main": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 1}}},
    "attack": {"name": "pgd", "epsilon": "8/255", "thresholds": ["epsilon", "4/255"], "images": 100},
    "blind_spot": {"cells": [list(cell) for cell in CELLS]},
    "measures": [{"name": "accuracy"}],
    "sanity": {},
}


def check(name, passed, message, cell=None):
    return {"check": name, "passed": passed, "found": None, "expected": None, "message": message, "cell": cell}


@pytest.fixture
def evaluated(made):
    """evaluated(*checks): results of ONE, in which every attack was checked with these results."""

    def content(place, checks):
        if place["kind"] == "sanity":
            return {"checks": list(checks), "failed": 0}
        if place["kind"] == "measure":
            return {"accuracy": 0.9, "images": 150}
        if place["kind"] != "attack":
            return {}
        broken = np.arange(100) < 100 * CELLS[tuple(place["cell"].given)]
        return {"index": np.arange(100), "distance": np.where(broken, 8 / 255, np.inf), "y": np.zeros(100, int)}

    return lambda *checks, **change: made(ONE | change, lambda place: content(place, checks))


def test_rates_are_those_that_were_counted(evaluated):
    found = [r for r in rates(evaluated()) if r.metric == "success" and r.threshold == 8 / 255]
    assert {tuple(r.cell.given): r.percent for r in found} == {c: 100 * s for c, s in CELLS.items()}
    assert all(r.interval[0] < r.percent < r.interval[1] for r in found)


def test_it_says_how_many_break_as_they_are_and_in_the_worst_cell(evaluated):
    said = " ".join(_verdict.sentences(evaluated(check("converged", True, "enough"))))
    assert "Accuracy is 90.0 % [84.2-93.8] of 150 images" in said
    assert "at most 8/255 a pixel turn 20.0 % [13.3-28.9] of 100" in said
    assert "The worst cell tried is (0.9, 0), where accuracy is 90.0 %: 50.0 % [40.4-59.6] break there (pgd)." in said


@pytest.mark.parametrize(
    ("radius", "both", "ball", "words"),
    [
        (0.2, 9, 15, "75.0 % [53.1-88.8] break within 0.2, a larger ball that contains the cell's; of the same"),
        (0.2, 9, 15, "explains it; the cell may be no blind spot."),
        (0.2, 5, 6, "the attack finds more in the cell."),
        (None, 0, 0, "cannot be decided"),
    ],
)
def test_it_says_whether_the_worst_cell_is_more_than_a_larger_ball(made, radius, both, ball, words):
    counts = {"both": both, "cell": 10 - both, "ball": ball - both, "neither": 10 - ball + both}
    first = {"threshold": 8 / 255, "radius": radius, **(counts if radius else {})}

    def content(place):
        if place["kind"] == "control":
            return {"rho": {"mean": 0.1, "largest": 0.1}, "images": 20, "balls": [first], "notes": []}
        if place["kind"] == "attack":
            broken = np.arange(100) < 100 * CELLS[tuple(place["cell"].given)]
            return {"index": np.arange(100), "distance": np.where(broken, 0.01, np.inf), "y": np.zeros(100, int)}
        return {"accuracy": 0.9, "images": 150} if place["kind"] == "measure" else {}

    assert words in " ".join(_verdict.sentences(made(ONE | {"control": {}, "sanity": False}, content)))


def test_where_the_images_as_they_are_break_as_often_nothing_is_explained(made):
    first = {"threshold": 8 / 255, "radius": 0.2, "both": 20, "cell": 0, "ball": 0, "neither": 0}

    def content(place):
        if place["kind"] == "control":
            return {"rho": {"mean": 0.1, "largest": 0.1}, "images": 20, "balls": [first], "notes": []}
        if place["kind"] == "attack":
            return {"index": np.arange(100), "distance": np.full(100, 0.01), "y": np.zeros(100, int)}
        return {"accuracy": 0.9, "images": 150} if place["kind"] == "measure" else {}

    said = " ".join(_verdict.sentences(made(ONE | {"control": {}, "sanity": False}, content)))
    assert "no blind spot was found. Most images break already as they are" in said
    assert "explains" not in said


def test_sound_checks_are_said_to_be_so(evaluated):
    *_, said = _verdict.sentences(evaluated(check("converged", True, "enough"), check("other", None, "none")))
    assert said.startswith("The attack can be trusted: all ")


def test_failed_checks_are_told_with_what_to_do(evaluated):
    failed = check("converged", False, "not converged: raise steps", cell=1)
    *_, first, second = _verdict.sentences(evaluated(check("logits", True, "are"), failed))
    assert first.startswith("Do not trust these rates yet: 1 of ")
    assert second == "pgd, cell (0.9, 0): converged: not converged: raise steps."


def test_too_few_images_are_no_trust(evaluated):
    few = check("converged", None, "not judged, too few images: 8 of at least 30")
    assert _verdict.sentences(evaluated(few))[-1].startswith("Whether the attack can be trusted is open: 1 ")


def test_checks_that_could_not_be_made_are_no_trust():
    check = {"check": "other", "passed": None, "message": "not judged: the outputs differ", "cell": None}
    checked = types.SimpleNamespace(place={}), [check]
    results = types.SimpleNamespace(spec=types.SimpleNamespace(attacks=["pgd"]), sanity=[checked])
    assert list(_verdict.trust(results)) == [
        ("Whether the attack can be trusted is open: none of the checks could be made.", True)
    ]


def test_without_checks_it_says_so(evaluated):
    assert _verdict.sentences(evaluated(sanity=False))[-1].startswith("The attack was not checked")


@pytest.mark.parametrize(
    ("value", "text"), [(8 / 255, "8/255"), (0.1, "0.1"), (0.2, "0.2"), (0.123456, "0.123456"), (1, "1")]
)
def test_radii_read_as_people_write_them(value, text):
    assert _verdict.radius(value) == text
