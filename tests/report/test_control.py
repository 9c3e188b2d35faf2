"""The control in tables: a column for people, rates for programs, and nothing where there is none."""

import csv
import io

import numpy as np
import pytest

from bsa import catalog
from bsa.report import _control, success_table
from bsa.report.page import Figure, Note, Table
from bsa.report.write import csv as written

INDEX = np.arange(40)
PGD = {"name": "pgd", "network": "robust", "epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"]}
PAPER = {"blind_spot": {"cells": [[1, 0], [0.9, 0], [0.7, 0.15]]}, "attack": PGD, "measures": [], "control": {}}
CHAIN = ["scale_shift", {"name": "scale_shift", "pixel_range": [0, 1]}]
POINTS = [{}, {"scale_shift.scale": 0.9}, {"scale_shift.scale": 0.7, "scale_shift_2.scale": 0.5}]
MOVED = {"transform": {"chain": CHAIN, "cells": POINTS}}
COUNTS = {"both": 9, "cell": 1, "ball": 6, "neither": 4}


def content(place):
    if place["kind"] == "attack":
        return {"index": INDEX, "distance": np.where(INDEX < 10, 0.05, np.inf), "y": INDEX % 10}
    if place["kind"] == "control":
        first, *others = place["thresholds"]
        far = "0.7" in f"{place['cell']}"
        counts = {"radius": None} if far else {"radius": first + 0.05, **COUNTS}
        balls = [{"threshold": first, **counts}, *({"threshold": t, "radius": t + 0.05, **COUNTS} for t in others)]
        return {"rho": {"mean": 0.04, "largest": 0.05}, "images": 20, "balls": balls, "notes": ["a note"]}
    return {"distance": INDEX + 1.0} if place.get("measure") else {}


def table(results):
    return next(part for part in success_table.pages(results).parts if isinstance(part, Table) and part.records)


def test_the_column_stands_beside_its_attack(made):
    found = table(made(PAPER, content))
    assert found.columns == ["scale, shift", "accuracy", "rho", "threshold", "pgd", "larger ball"]
    assert found.grouped == 3
    assert [(row[0], row[2], row[3], row[5]) for row in found.rows] == [
        ("1, 0", "", "0.1", ""),
        ("0.9, 0", "0.05", "0.1", "75.00 [53.1-88.8]"),
        ("", "", "0.09", "75.00 [53.1-88.8]"),
        ("0.7, 0.15", "0.05", "0.1", "-"),
        ("", "", "0.07", "75.00 [53.1-88.8]"),
    ]
    notes = "\n".join(found.notes)
    assert "It was measured on 20 images per cell" in notes
    assert "the control says nothing" in notes
    assert "a note" in found.notes


def test_several_attacks_are_told_apart(made):
    found = table(made(PAPER | {"attack": [PGD, PGD | {"label": "longer", "steps": 9}]}, content))
    assert found.columns[4:] == ["pgd", "larger ball, pgd", "longer", "larger ball, longer"]


def test_programs_read_the_rates_and_the_pairs(made):
    rows = list(csv.DictReader(io.StringIO(written.table(table(made(PAPER, content))))))
    here = {row["quantity"]: row["count"] for row in rows if (row["scale"], row["threshold"]) == ("0.9", "0.09")}
    assert here == {
        "success": "10",
        "success in the larger ball": "15",
        "broken in the cell and in the larger ball": "9",
        "broken in the cell alone": "1",
        "broken in the larger ball alone": "6",
        "broken in neither": "4",
    }
    far = [row["quantity"] for row in rows if (row["scale"], row["threshold"]) == ("0.7", "0.1")]
    assert far == ["success"]


def test_the_pairs_of_a_cell_stand_beside_its_name(made):
    (found,) = (part for part in _control.pages(made(PAPER, content)).parts if isinstance(part, Table))
    rows = list(csv.DictReader(io.StringIO(written.table(found))))
    assert [row["cell"] for row in rows] == ["(0.9, 0)", "(0.9, 0)", "(0.7, 0.15)", "(0.7, 0.15)"]
    assert [row["broken in the cell alone"] for row in rows] == ["1", "1", "", "1"]


def test_without_a_control_nothing_of_it_is_there(made):
    results = made(PAPER | {"control": False}, content)
    assert table(results).columns == ["scale, shift", "accuracy", "threshold", "pgd"]
    assert not any("rho" in note for note in table(results).notes)
    assert _control.pages(results).parts == []


def test_its_own_table_has_a_line_for_each_threshold_and_the_page_counts(made):
    results = made(PAPER, content)
    shown, data, note = _control.pages(results).parts
    assert shown.apart
    assert [len(row) for row in shown.rows] == [len(shown.columns)] * 4
    assert shown.rows[0][2:] == ["(0.9, 0)", "20", "0.04", "0.05", "0.1", "0.15",
                                 "50.00 [29.9-70.1]", "75.00 [53.1-88.8]", "9", "1", "6", "4"]  # fmt: skip
    assert shown.rows[2][7:] == ["-"] * 7
    assert isinstance(note, Note)
    assert "in 1 of 1 attacked cells" in note.text
    assert "for 1 more it says nothing" in note.text
    first = data.value["controls"][0]
    assert (first["cell"], first["balls"][0]["success"]["percent"], first["balls"][0]["pairs"]) == (
        [0.9, 0],
        75,
        COUNTS,
    )


@pytest.mark.parametrize(
    "name", ["success_table", "distance_histogram", "distance_shift", "distance_table", "examples"]
)
def test_a_report_takes_cells_of_any_chain(made, name):
    few = {"resamples": 1000}
    small = {"examples": {"images": 2}, "distance_histogram": few, "distance_shift": few}
    measures = [{"name": "nearest", "network": "robust", "k": [5]}]
    report = {"report": [{"name": name, **small.get(name, {})}]}
    results = made(MOVED | {"attack": PGD, "control": {}, "measures": measures} | report, content)
    (asked,) = results.spec.reports
    page = catalog.find("report", name).pages(results, **asked.params)
    stems = [part.stem for part in page.parts if isinstance(part, Figure)]
    assert len({*stems}) == len(stems)
    if name == "success_table":
        found = table(results)
        assert [row[0] for row in found.rows if row[0]] == [f"{cell}" for cell in results.spec.cells]
        names = ["scale_shift.scale", "scale_shift.shift", "scale_shift_2.scale", "scale_shift_2.shift"]
        assert list(found.records[-1])[:4] == names
    if name.startswith("distance_") and name != "distance_table":
        assert any("scale_shift.scale_0.7_scale_shift_2.scale_0.5" in stem for stem in stems)


def test_clipped_pixels_are_told_below_the_table(made):
    def clipped(place):
        share = {"clipped": 0.031} if place["kind"] == "measure" and not place["cell"].original else {}
        found = {"correct": np.ones(4, bool)} if place["kind"] == "measure" else content(place)
        return found | share

    measures = [{"name": "accuracy", "network": "robust"}]
    found = table(made(MOVED | {"attack": PGD, "measures": measures}, clipped))
    (note,) = (note for note in found.notes if "clipped" in note)
    assert note.startswith("Pixel values that were clipped to [0, 1]: 3.1 % in scale_shift.scale 0.9, 3.1 % in ")
