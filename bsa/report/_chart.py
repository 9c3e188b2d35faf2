"""Success and accuracy against the transformation: the figure of the page, from the numbers of the success table."""

from collections.abc import Sequence
from typing import Any

from bsa.report._rates import exact
from bsa.report._verdict import radius
from bsa.report.page import Chart, Line, Mark


def chart(
    title: str,
    places: Sequence[Any],
    cells: Sequence[dict[str, Any]],
) -> Chart | None:
    """The chart of one network: `cells` are the numbers of the success table in each of the cells `places`; or None."""
    labels = {part: _labels(cells, part) for part in ("attacks", "certificates")}
    lines = [Line("accuracy", [_marks([cell["accuracy"]]) for cell in cells])] if cells[0]["accuracy"] else []
    lines += [Line(f"success of {label}", [_success(cell["attacks"].get(label)) for cell in cells])
              for label in labels["attacks"]]  # fmt: skip
    lines += [Line(f"certified error, {label}", [_proven(cell["certificates"].get(label)) for cell in cells])
              for label in labels["certificates"]]  # fmt: skip
    return Chart(title, [str(place) for place in places], lines) if lines else None


def _labels(cells, part):
    return list(dict.fromkeys(label for cell in cells for label in cell[part]))


def _success(found):
    """The success of an attack at each threshold, and that of its control at the largest, where there is one."""
    balls = found["control"]["balls"][:1] if found and "control" in found else []
    around = [(ball, exact(ball["success"]["count"], ball["success"]["images"])) for ball in balls if ball["success"]]
    controls = [Mark(*at, f"around the originals, within {radius(ball['radius'])}", "control") for ball, at in around]
    return [*_marks(found["success"]), *controls] if found else []


def _proven(found):
    return _marks(found["certified_error"]) if found else []


def _marks(rates):
    return [_mark(rate, "other" if number else "main") for number, rate in enumerate(rates) if rate["images"]]


def _mark(rate, kind):
    note = "within " + radius(rate["threshold"]) if "threshold" in rate else ""
    return Mark(*exact(rate["count"], rate["images"]), note, kind)
