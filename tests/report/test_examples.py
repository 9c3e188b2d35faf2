"""The figure of examples: what it writes."""

import numpy as np

from bsa.engine.results import Result
from bsa.report import examples
from bsa.report.page import Figure
from bsa.report.write import figure


def test_the_same_results_give_the_same_figure(tmp_path):
    x = np.linspace(0, 1, 32, dtype=np.float32).reshape(2, 4, 4, 1)
    arrays = {"index": np.array([3, 5]), "x": x, "y": np.array([1, 2]), "adversarial": 1 - x}
    arrays["distance"] = np.array([0.05, np.inf])
    block = examples.Block("main", "pgd", [Result({"cell": "1, 0", "thresholds": [0.1]}, {}, None)], [arrays])
    for name in ("one", "other"):
        figure.save(Figure("made", name, lambda: examples._draw("made", [block], [3, 5])), tmp_path)
    for suffix in ("png", "svg"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()
