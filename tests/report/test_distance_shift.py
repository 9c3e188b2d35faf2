"""Original and blind-spot images, with distances that are known."""

import json

import numpy as np
import pytest

from bsa.report import distance_shift, render

CELLS = {"blind_spot": {"cells": [[0.9, 0.05], [1, 0]]}, "report": [{"name": "distance_shift", "bins": 20}]}
BEFORE = np.random.default_rng(0).normal(10, 2, 300)
SHIFT = {"natural": 100.0, "robust": 0.05}  # one network tells all of them apart, the other hardly any


def content(place):
    if place["kind"] == "measure":
        moved = not place["cell"].original
        return {"distance": BEFORE + SHIFT[place["network"]] * moved}
    return {"index": np.arange(4), "distance": np.ones(4), "y": np.zeros(4, int)} if place["kind"] == "attack" else {}


@pytest.fixture
def shown(made, tmp_path):
    *figures, table = list(render(made(CELLS, content), tmp_path))
    return figures, table, json.loads((tmp_path / "distance_shift.json").read_text())["figures"]


def test_the_original_is_the_cell_1_0_wherever_it_stands(shown):
    _, _, ((figure),) = shown
    assert figure["cell"] == [0.9, 0.05]
    natural, robust = figure["panels"]
    assert natural["mean"] == pytest.approx([BEFORE.mean(), BEFORE.mean() + 100])
    for panel in (natural, robust):
        assert sum(panel["original"]) == sum(panel["blind_spot"]) == panel["images"] == 300
    assert natural["auroc"] == {"value": 1, "interval": [1, 1]}
    low, high = robust["auroc"]["interval"]
    assert 0.5 < low < robust["auroc"]["value"] < high < 0.52  # every image lies farther, by a fortieth of the spread


def test_figures_and_a_table_are_written(shown, tmp_path):
    figures, table, _ = shown
    assert figures == [f"figure {tmp_path / 'distance_shift.png'}"]
    for suffix in ("png", "svg", "md", "csv", "tex"):
        assert (tmp_path / f"distance_shift.{suffix}").stat().st_size > 0
    assert [row[:4] for row in table.rows] == [
        ["(0.9, 0.05)", "5", "natural", "300"],
        ["(0.9, 0.05)", "5", "robust", "300"],
    ]
    assert table.rows[0][-1] == "1.000 [1.000, 1.000]"
    keys = ("embedding", "k", "auroc", "low", "high")
    assert [table.records[0][key] for key in keys] == ["natural", 5, 1, 1, 1]
    assert [each["mean_original"] for each in table.records] == pytest.approx([BEFORE.mean()] * 2)


def test_several_cells_and_k_have_files_of_their_own(made):
    cells = {"blind_spot": {"cells": [[1, 0], [0.9, 0], [0.9, 0.05]]}}
    measures = {"measures": [{"name": "nearest", "network": "robust", "k": [5, 20]}]}

    def two(place):
        return {"distance": [BEFORE, 2 * BEFORE], "k": (5, 20)} if place["kind"] == "measure" else content(place)

    *figures, _, _ = distance_shift.pages(made(CELLS | cells | measures, two), bins=20, resamples=9).parts
    stems = [f"distance_shift_{cell}_k{k}" for cell in ("0.9_0", "0.9_0.05") for k in (5, 20)]
    assert [figure.stem for figure in figures] == stems
