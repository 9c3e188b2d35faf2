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
    assert none.get_title() == "none found"
    assert none.get_position().width == pytest.approx(found.get_position().width, rel=0.01)  # the layout's rounding
    assert none.bbox.height / none.bbox.width == pytest.approx(4 / 6)
