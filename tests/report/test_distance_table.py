"""Table 1's numbers, from measures that are known, beside the published ones."""

import json

import numpy as np
import pytest

from bsa.report import render

BOTH = ["natural", "robust"]
REPORTED = {"cell": [1, 0], "accuracy": 98.2, "success": [9.7]}
REPORTED |= {"kl": {"robust": 0.119, "natural": 0.095}, "normalised_distance": {"robust": 0.3993}}
SMALL = {"name": "madry_cifar", "width": 2, "units": 1}
CHANGE = {
    "networks": {
        "natural": {"model": SMALL, "train": {"name": "natural", "steps": 1}},
        "robust": {"model": SMALL, "train": {"name": "adversarial", "steps": 1, "epsilon": 0.1}},
    },
    "blind_spot": {"cells": [[0.9, 0], [1, 0]]},
    "attack": [
        {"name": "pgd", "network": "robust", "epsilon": 0.1, "label": "paper"},
        {"name": "pgd", "network": "robust", "epsilon": 0.1, "label": "strongest", "steps": 99},
    ],
    "measures": [
        {"name": "nearest", "network": BOTH, "k": [5, 20]},
        {"name": "divergence", "network": BOTH},
        {"name": "accuracy", "network": BOTH},
    ],
    "report": [{"name": "distance_table"}],
    "reported": {"source": "Table 1", "network": "robust", "rows": [REPORTED]},
}
# Mean KL a t-SNE seed, and its error.
KL = {"natural": [0.10, 0.12, 0.20], "robust": [0.11, 0.11, 0.11]}
ERROR = {"natural": [0.01, 0.04, 0.02], "robust": [0.002] * 3}


def content(place):
    if place["kind"] == "network":
        return {}
    original, robust = place["cell"].original, place["network"] == "robust"
    if place["kind"] == "attack":
        broken = 10 if place["label"] == "paper" else 25
        distance = np.where(np.arange(200) < (broken if original else 200), 0.1, np.inf)
        return {"index": np.arange(200), "distance": distance, "y": np.zeros(200, int)}
    if place["measure"] == "nearest":
        return {"distance": np.full((2, 50), 4.0 + robust + 9 * (not original)), "k": (5, 20)}
    if place["measure"] == "accuracy":
        return {"accuracy": 0.95 if original else 0.5, "images": 200}
    notes = ["class 7 is left out: 500 training and 2 test images have no density"] if robust else []
    return {"kl": KL[place["network"]] if original else [9.0], "error": ERROR[place["network"]], "notes": notes}


def test_a_row_of_the_original_images_and_the_published_one_below(made, tmp_path):
    (table,) = render(made(CHANGE, content), tmp_path)
    assert table.columns == ["data, model", "KL, natural", "KL, robust", "normalised distance, natural",
                             "normalised distance, robust", "success, paper", "success, strongest",
                             "accuracy"]  # fmt: skip
    assert table.rows == [
        # means of the seeds, their range, and the largest error of a seed
        ["digits, madry_cifar (width 2, units 1)", "0.140 [0.100, 0.200] ± 0.040",
         "0.110 [0.110, 0.110] ± 0.002", "0.4000", "0.5000", "5.00 [2.7-9.0]", "12.50 [8.6-17.8]", "95.00 [91.0-97.3]"],
        ["Table 1", "0.095", "0.119", "", "0.3993", "9.70", "", "98.2"],
    ]  # fmt: skip
    notes = " ".join(table.notes)
    assert (
        "5 nearest of 60000 training images in 100 standardised features (3 constant ones left at 0, 1 of which differ"
        in notes
    )
    assert "mean over 50 test images (median 0.4000)" in notes
    assert "digits, robust: KL: class 7 is left out" in notes
    assert "attacked network robust, success within 0.1" in notes
    for suffix in ("md", "csv", "tex", "json"):
        assert (tmp_path / f"distance_table.{suffix}").stat().st_size > 0
    saved = json.loads((tmp_path / "distance_table.json").read_text())["experiments"]["made"]
    assert saved["networks"]["robust"]["divergence"]["kl"] == KL["robust"]
    assert saved["networks"]["robust"]["success"]["strongest"]["percent"] == 12.5
    assert saved["reported"] == REPORTED
    records = {(r["network"], r["quantity"], r["by"], r["source"]): r["value"] for r in table.records}
    assert len(records) == len(table.records) == 13  # 8 of ours, 5 published ones
    assert records["robust", "success", "strongest", None] == 12.5
    assert records["natural", "normalised distance", None, None] == pytest.approx(0.4)
    assert records["natural", "KL, mean and range of the seeds", None, None] == pytest.approx(0.14)
    assert (records["robust", "success", None, "Table 1"], records["robust", "accuracy", None, "Table 1"]) == (
        9.7,
        98.2,
    )


def test_one_seed_has_no_range(made, tmp_path):
    def one(place):
        found = content(place)
        if place.get("measure") == "divergence":
            found |= {"kl": found["kl"][:1], "error": found["error"][:1]}
        return found

    (table,) = render(made(CHANGE, one), tmp_path)
    assert table.rows[0][1] == "0.100 ± 0.010"


def test_what_was_not_asked_for_has_no_place(made, tmp_path):
    change = {k: v for k, v in CHANGE.items() if k != "reported"} | {"measures": CHANGE["measures"][:1]}
    (table,) = render(made(change, content), tmp_path)
    assert table.columns[1:3] == ["normalised distance, natural", "normalised distance, robust"]
    assert [row[-1] for row in table.rows] == ["-"]  # no accuracy, and no published row
