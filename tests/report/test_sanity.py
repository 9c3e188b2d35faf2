"""Checks of a store that was filled by hand: an attack beside the others of its spec, and every check's verdict."""

import json

import numpy as np
import pytest

from bsa.checks import Check
from bsa.checks._check import skipped
from bsa.report import _sanity, render

WEAK, STRONG = ({"name": name, "network": "robust", "epsilon": 0.1} for name in ("pgd", "corner_descent"))
CELLS = {"blind_spot": {"cells": [[1, 0], [0.9, 0]]}}
CHECKS = [
    Check("converged", True, 0.0, "", "the steps are enough"),
    Check("gain of starts", None, {"image": 0.5}, None, "each after those before it"),
    skipped("giving up", "the attack gives up no image early"),
]


@pytest.fixture
def beside(made):
    """beside(more, first=0, **change): pgd breaks 10 of 40 images, corner_descent `more` more in the second cell."""

    def fill(more, first=0, **change):
        def content(place):
            if place["kind"] == "sanity":
                return {"checks": [c._asdict() for c in CHECKS], "failed": 0}
            if place["kind"] != "attack":
                return {}
            strong = place["label"] == "corner_descent"
            index = np.arange(40) + (first if strong else 0)
            broken = 10 + more * (strong and not place["cell"].original)
            return {"index": index, "distance": np.where(np.arange(40) < broken, 0.1, np.inf), "y": index}

        given = {"sanity": {}, "measures": [], "attack": [WEAK, STRONG], **CELLS}
        return made(given | change, content)

    return fill


@pytest.mark.parametrize(("more", "failed"), [(0, 0), (3, 0), (4, 1), (30, 1)])
def test_an_attack_that_finds_far_less_than_another_fails(beside, more, failed):
    results = beside(more)
    assert results.failed == failed
    (weak, checks), (_, others) = results.sanity
    assert weak.place["label"] == "pgd"
    last = checks[-1]
    assert (last["check"], last["passed"], last["cell"]) == ("strongest of the spec", not failed, 1)
    assert last["found"]["other"] - last["found"]["success"] == pytest.approx(more / 40)
    assert all(check["passed"] is not False for check in others)
    warnings = _sanity.lines(results)[1:]
    assert len(warnings) == failed
    assert all(f"cell (0.9, 0): strongest of the spec: on the same images corner_descent breaks {more / 0.4:.1f} points"
               in line for line in warnings)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attack": WEAK}, "not judged: no other attack of the spec attacks this network"),
        ({"first": 40}, "not judged: no other attack of the spec has the same images and thresholds"),
        ({"attack": [WEAK, STRONG | {"epsilon": 0.2}]}, "has the same images and thresholds"),
    ],
)
def test_what_cannot_be_compared_is_not_judged(beside, change, message):
    checks = [check for _, checks in beside(0, **change).sanity for check in checks if "strong" in check["check"]]
    assert all(check["passed"] is None and message in check["message"] for check in checks)
    assert len(checks) in (2, 4)


def test_every_check_has_a_verdict(beside, tmp_path):
    results = beside(4)
    list(render(results, tmp_path))
    rows = {line.split(" | ")[0].strip("| "): line for line in (tmp_path / "sanity.md").read_text().splitlines()}
    assert (
        rows["converged"] == "| converged | passed | passed | Are the steps enough: do twice as many break no more? |"
    )
    assert rows["gain of starts"].startswith("| gain of starts | for information | for information | How many")
    assert rows["giving up"].count("not judged: the attack gives up no image early") == 2
    assert rows["strongest of the spec"].startswith(
        "| strongest of the spec | passed in (1, 0); failed in (0.9, 0) | passed | Does"
    )
    assert rows["(0.9, 0): gain of corner_descent"] == "| (0.9, 0): gain of corner_descent | +10.0 |  |  |"
    saved = json.loads((tmp_path / "sanity.json").read_text())["attacks"][0]["checks"]
    assert [check["cell"] for check in saved if check["passed"] is False] == [[0.9, 0]]
    assert "1 failed, 2 not judged" in _sanity.lines(results)[0]
