"""What stands on the page of a run, and how it is written; test_html.py opens it in a browser."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from bsa.catalog import find
from bsa.engine.results import Collected
from bsa.report._gallery import fitting
from bsa.report._index import index
from bsa.report.page import Figure, Page, Table
from bsa.report.write import html, png
from bsa.spec import Collection

ATTACK = {"name": "pgd", "network": "robust", "epsilon": 8 / 255, "thresholds": ["epsilon"]}
CHANGE = {"blind_spot": {"cells": [[0.9, 0.05], [1, 0]]}, "attack": ATTACK}


def content(place):
    if place["kind"] == "attack":
        index = np.arange(6) if place["cell"].original else np.arange(2, 8)
        x = np.full((6, 2, 2, 1), 0.5 if place["cell"].original else 0.4, np.float32)
        x[:, 0, 0, 0] = index / 10
        return {"index": index, "y": index % 2, "distance": [0.01, np.inf, 0.5, *[0.02] * 3], "x": x,
                "adversarial": x + np.float32(0.01), "predicted": 1 - index % 2}  # fmt: skip
    return {"distance": np.arange(9) + 1.0} if place.get("measure") == "nearest" else {}


def paged(results):
    pages = [
        (each.name, None, find("report", each.name).pages(results, **each.params)) for each in results.spec.reports
    ]
    return index(results, pages, {})


def test_accuracy_success_and_distances_are_told_with_and_without_a_report_of_them(made):
    (section,) = paged(made(CHANGE | {"report": []}, content)).sections
    titles = [part.title for part, _ in section.parts if isinstance(part, Table)]
    assert titles == [
        "made: digits, network natural",
        "made: digits, network robust",
        "made: distances to the training images",
    ]


def test_what_the_reports_show_is_not_told_twice(made):
    change = {"report": [{"name": "success_table"}, {"name": "distance_histogram"}]}
    (section,) = paged(made(CHANGE | change, content)).sections
    titles = [part.title for part, _ in section.parts if isinstance(part, Table)]
    assert len(titles) == len(set(titles))
    assert "made: distances to the training images" not in titles


def test_examples_are_the_same_in_every_cell_beside_their_originals(made):
    (section,) = paged(made(CHANGE, content)).sections
    (gallery,) = section.galleries
    assert gallery.title == "pgd on network robust"
    assert gallery.amplified == pytest.approx(0.5 * 255 / 8, rel=0.01)
    (head, moved), (other, plain) = gallery.rows
    assert (head, other) == ("cell (0.9, 0.05), within 8/255", "cell (1, 0), within 8/255")
    # images 2 to 5 were attacked in both cells: the first of each class before others
    assert [[each.number for each in row] for row in (moved, plain)] == [[2, 3, 4]] * 2
    assert [each.label for each in moved] == ["0", "1", "0"]
    assert [each.seen for each in moved] == ["1", "", "1"]
    assert [each.within for each in moved] == [True, False, False]
    for each in moved:
        assert each.original[0, 0, 0] == pytest.approx(each.number / 10)
        assert each.original[1, 1, 0] == 0.5  # as it is in the data set, and not in its cell
    assert all(each.original is None for each in plain)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (224, 224, 3), (4, 5000, 3)])
@pytest.mark.parametrize("rows", [1, 14, 200])
def test_pictures_stay_few_and_small(shape, rows):
    side, images = fitting(shape, rows)
    height, width, channels = shape
    smaller = min(1, side / max(height, width))
    pixels = 3 * rows * images * channels * height * width * smaller**2
    assert images >= 1
    assert pixels <= 1_500_000 or (side, images) == (32, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_the_pixels_of_its_image(channels):
    image = np.random.default_rng(0).uniform(-0.1, 1.1, (5, 7, channels))
    kind, content = png.uri(image).split(",")
    assert kind == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(shown.reshape(image.shape), np.rint(255 * image.clip(0, 1)))


def test_a_large_picture_is_made_smaller_and_keeps_its_shape():
    content = png.uri(np.ones((300, 100, 3)), side=60).split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (20, 60)


def test_a_difference_is_grey_where_nothing_changed():
    image = np.array([[[0.2], [0.5], [0.5]]], np.float32)
    changed = image + np.float64([[[0.05], [0], [-0.05]]])
    np.testing.assert_allclose(png.difference(image, changed, 5), [[[0.75], [0.5], [0.25]]])


def test_each_row_of_a_table_is_whole_and_a_cell_that_is_empty_stays_so():
    rows = [["1, 0", "99", "0.1", ""], ["", "", "0.09", "5"], ["0.9, 0", "", "0.1", "7"], ["", "", "0.09", "8"]]
    found = Table("t", ["cell", "accuracy", "threshold", "pgd"], rows, grouped=2)
    assert html.filled(found) == [
        ["1, 0", "99", "0.1", ""], ["1, 0", "99", "0.09", "5"], ["0.9, 0", "", "0.1", "7"], ["0.9, 0", "", "0.09", "8"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [("96.60 [94.6-97.9]", "96.60"), ("-1e-05", "-1e-05"), ("(0.9, 0)", "0.9"), ("-", ""), ("pgd 5", ""), ("", "")],
)
def test_a_column_is_sorted_by_the_numbers_that_its_cells_begin_with(text, number):
    assert html.key(text) == number


def test_large_figures_are_embedded_as_pixels(tmp_path):
    for suffix in (".svg", ".png"):
        (tmp_path / f"f{suffix}").write_bytes(b"x" * 10)
    found = Figure("f", "f", lambda: None)
    assert html.picture(found, tmp_path).startswith("data:image/svg+xml;base64,")
    (tmp_path / "f.svg").write_bytes(b"x" * 400_000)
    assert html.picture(found, tmp_path).startswith("data:image/png;base64,")


def test_a_collection_has_a_section_for_each_experiment(made):
    one = made(CHANGE, content)
    results = Collected(Collection({"name": "both", "experiments": [one.spec.resolved] * 2, "report": []}), [one, one])
    found = index(results, [("distance_table", None, Page("t", [Table("both: t", ["a"], [["1"]])]))], {})
    assert [section.name for section in found.sections] == ["made", "made"]
    assert [part.title for part, _ in found.parts] == ["both: t"]
    written = html.page(found)
    assert written.count('<section id="experiment-') == 2
    assert written.index("All experiments") < written.index('<section id="experiment-1"')


def test_no_two_lines_of_a_chart_look_the_same():
    assert len({(number % 4, html.hue(number)) for number in range(16)}) == 16


def test_where_nothing_came_out_in_a_sentence_there_is_no_empty_list(made):
    found = paged(made(CHANGE, content))
    assert "In short" in html.page(found)
    silent = found._replace(sections=[each._replace(trust=[], numbers=[]) for each in found.sections])
    assert "In short" not in html.page(silent)
