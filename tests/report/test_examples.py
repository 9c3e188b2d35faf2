"""The figure of examples: what it shows."""

import numpy as np
import pytest

from bsa.engine.results import Result
from bsa.report import examples
from bsa.report.page import Figure
from bsa.report.write import figure


@pytest.fixture
def block():
    """Two images, of which one was broken."""
    x = np.linspace(0, 1, 48, dtype=np.float32).reshape(2, 4, 6, 1)
    arrays = {"index": np.array([3, 5]), "x": x, "y": np.array([1, 2]), "adversarial": 1 - x}
    arrays["distance"] = np.array([0.05, np.inf])
    return examples.Block("main", "pgd", [Result({"cell": "1, 0", "thresholds": [0.1]}, {}, None)], [arrays])


def test_the_same_results_give_the_same_figure(block, tmp_path):
    for name in ("one", "other"):
        figure.save(Figure("made", name, lambda: examples._draw("made", [block], [3, 5])), tmp_path)
    for suffix in ("png", "svg"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_titles_fit_the_figure_and_an_empty_frame_is_as_wide_as_an_image(block):
    drawn = examples._draw("made", [block._replace(label="label_" * 9)], [3, 5])
    drawn.canvas.draw()
    (part,) = drawn.subfigs
    for title in (drawn._suptitle, part._suptitle):
        extent = title.get_window_extent()
        assert 0 <= extent.x0 < extent.x1 <= drawn.bbox.width
    *_, found, none = part.axes
    assert (found.get_title(), none.get_title()) == ("?, 0.050", "none found")  # an older store keeps no classes
    assert none.get_position().width == pytest.approx(found.get_position().width, rel=0.01)  # the layout's rounding
    assert none.bbox.height / none.bbox.width == pytest.approx(4 / 6)


def test_above_each_picture_stands_its_class_by_its_name(block):
    names = ["zero", "one", "an animal with a name", "$three$"]
    (arrays,) = block.arrays
    (result,) = block.found
    result = result._replace(place=result.place | {"thresholds": [0.04]})
    arrays = arrays | {"predicted": np.array([3, 2])}
    drawn = examples._draw("made", [block._replace(arrays=[arrays], found=[result], named=names.__getitem__)], [3, 5])
    drawn.canvas.draw()
    (part,) = drawn.subfigs
    assert [axis.get_title() for axis in part.axes] == [
        "one", "an animal w…", "\\$three\\$, 0.050\n> 0.04", "none found",
    ]  # fmt: skip


@pytest.mark.parametrize(("blocks", "cells", "images"), [(1, 7, 8), (1, 1, 3), (2, 20, 10), (3, 40, 20), (12, 1, 20)])
def test_figures_fit_a_page_and_show_everything_once(block, blocks, cells, images):
    wide = block._replace(found=list(range(cells)), arrays=list(range(cells)))
    numbers = list(range(images))
    sheets = list(examples._sheets([wide] * blocks, numbers))
    seen = [(cell, number) for shown, at in sheets for cell in shown[0].found for number in at]
    assert sorted(seen) == [(cell, number) for cell in range(cells) for number in numbers]
    for shown, at in sheets:
        width, height = examples._size(blocks, len(at), len(shown[0].found))
        assert width <= 7.5
        assert height <= 10
        assert (width - 0.8) / (len(at) * blocks) > 0.5  # inches for a picture


def test_a_figure_for_each_page(made):
    def content(place):
        found = {"index": np.arange(4), "y": np.arange(4), "distance": np.full(4, 0.1)}
        return found if place["kind"] == "attack" else {}

    scales = [round(1 - 0.05 * step, 2) for step in range(9)]
    change = {"blind_spot": {"cells": [[scale, 0] for scale in scales]}, "measures": []}
    parts = examples.pages(made(change, content), images=2, side_by_side=False).parts
    assert [part.stem for part in parts] == ["examples_robust_pgd_1", "examples_robust_pgd_2"]
