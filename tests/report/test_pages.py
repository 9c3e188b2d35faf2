"""What holds for the page of every report: it writes nothing, and every part says what it is."""

import numpy as np
import pytest

from bsa import catalog
from bsa.report import _sanity, write
from bsa.report.page import Data, Figure, Note, Page, Table

CHANGE = {
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "measures": [
        {"name": "nearest", "network": "robust", "k": [5]},
        {"name": "divergence", "network": "robust"},
    ],
    "sanity": {},
}
SMALL = {"examples": {"images": 2}}
INDEX = np.arange(20)


def content(place):
    if place["kind"] == "sanity":
        failed = {"check": "converged", "passed": False, "found": 0.2, "cell": None, "expected": "", "message": "no"}
        return {"checks": [failed], "failed": 1}
    if place["kind"] == "attack":
        return {"index": INDEX, "distance": np.where(INDEX % 2, 0.05, np.inf), "y": INDEX % 10}
    if place.get("measure") == "nearest":
        return {"distance": INDEX + 1.0}
    return {"kl": [0.1], "error": [0.01], "notes": []} if place["kind"] == "measure" else {}


@pytest.fixture
def page(made):
    """page(name): the page of a report, small and otherwise by the defaults of its fragment, or the sanity page."""

    def make(name):
        if name == "sanity":
            return _sanity.pages(made(CHANGE, content))
        results = made(CHANGE | {"report": [{"name": name, **SMALL.get(name, {})}]}, content)
        (report,) = results.spec.reports
        return catalog.find("report", name).pages(results, **report.params)

    return make


# What a search found is of another spec: see test_map.py.
NAMES = [name for name in catalog.names("report") if "explore" not in catalog.fragment("report", name).get("needs", ())]


@pytest.mark.parametrize("name", [*NAMES, "sanity"])
def test_every_part_has_a_title_and_files_of_its_own_which_the_page_does_not_write(page, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = page(name)
    assert isinstance(found, Page)
    assert found.title.startswith("made: ")
    assert found.parts
    for part in found.parts:
        assert (part.text if isinstance(part, Note) else part.title).strip()
        if isinstance(part, Table):
            assert part.rows
            assert {len(row) for row in part.rows} == {len(part.columns)}
            assert len({tuple(each) for each in part.records}) <= 1  # the same columns
            assert all(isinstance(value, str | int | float | None) for each in part.records for value in each.values())
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    out = tmp_path / "out"
    out.mkdir()
    for part in found.parts:
        write.part(part, out)
    suffixes = {Table: (".md", ".csv", ".tex"), Figure: (".png", ".svg"), Data: (".json",), Note: ()}
    wanted = [part.stem + suffix for part in found.parts for suffix in suffixes[type(part)]]
    assert sorted(path.name for path in out.iterdir()) == sorted(wanted)
    assert all(file.startswith(name) for file in wanted)
    assert all(path.suffix in write.SUFFIXES for path in out.iterdir())


def test_the_sanity_page_of_an_experiment_without_checks_is_empty(made):
    assert _sanity.pages(made({"measures": []}, content)).parts == []
