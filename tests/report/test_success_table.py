"""The table's numbers, for people and for programs."""

import csv
import io

import numpy as np
import pytest

from bsa.criteria import wilson
from bsa.report import _rates, success_table
from bsa.report.page import Table
from bsa.report.write import csv as written


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe (1998), Table I, method 3: the score interval without continuity correction
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(count, n, low, high):
    assert wilson(count, n) == pytest.approx((low, high), abs=5e-5)


def test_no_images_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


COUNT, N = 6, 20  # the interval's low end is 14.5477 %


def test_an_interval_is_rounded_once_from_the_exact_one():
    found = _rates.rate(COUNT, N)
    low, high = (100 * end for end in wilson(COUNT, N))
    once = f"{100 * COUNT / N:.2f} [{low:.1f}-{high:.1f}]"
    assert _rates.text(found) == once
    twice = f"{found['percent']:.2f} [{found['interval'][0]:.1f}-{found['interval'][1]:.1f}]"
    assert twice != once  # the example is one that tells them apart


@pytest.mark.parametrize("several", [False, True])
def test_a_program_reads_every_rate_as_numbers_one_a_row(made, several):
    def content(place):
        if place["kind"] == "attack":
            return {"index": np.arange(40), "distance": np.where(np.arange(40) < 10, 0, np.inf), "y": np.zeros(40, int)}
        return {"distance": np.ones(3)} if place.get("measure") else {}

    change = {"blind_spot": {"cells": [[1, 0], [0.9, 0.05]]}, "measures": []}
    change["attack"] = {"name": "pgd", "network": "robust", "epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"]}
    if several:
        change["attack"] = [change["attack"], change["attack"] | {"label": "other, one", "steps": 9}]
    table = success_table.pages(made(change, content)).parts[-2]
    assert isinstance(table, Table)
    assert any("3 passes an image on average" in str(note) for note in table.notes)  # the record's: with a pilot's
    rows = list(csv.DictReader(io.StringIO(written.table(table))))
    labels = ["pgd", "other, one"] if several else ["pgd"]
    at = [("1", "0", "0.1"), ("0.9", "0.05", "0.1"), ("0.9", "0.05", "0.09")]
    expected = {(scale, shift, "success", label, threshold) for scale, shift, threshold in at for label in labels}
    assert {tuple(row[key] for key in ("scale", "shift", "quantity", "by", "threshold")) for row in rows} == expected
    assert len(rows) == len(expected)
    for row in rows:
        assert (row["images"], row["count"], row["percent"]) == ("40", "10", "25")
        ends = [float(row["low"]) / 100, float(row["high"]) / 100]
        assert ends == pytest.approx(wilson(10, 40), abs=5e-7)  # they are written to four digits, in percent
