"""What differs between two results, as a table and as JSON."""

from collections.abc import Sequence
from typing import Any

from bsa.engine.compare import Difference
from bsa.engine.rates import METRICS
from bsa.report.page import Table

METHOD = (
    "Difference: B - A in percentage points, with the 95 % interval of Newcombe (1998), method 10, paired over the "
    "images that both are of."
)


def difference_table(found: Sequence[Difference], names: tuple[str, str], tolerance: float | None) -> Table:
    """A row for each rate; what is beyond the tolerance, in points, is marked."""
    several, labels = len({d.experiment for d in found}) > 1, {d.rate.label for d in found}
    networks = len({d.rate.network for d in found}) > 1
    first = ["experiment"] * several + ["network"] * networks
    keys = [*first, "cell", "rate", *["by"] * (len(labels) > 1), "threshold"]
    rows = [
        [
            *[d.experiment] * several,
            *[d.rate.network] * networks,
            f"{d.rate.cell}",
            d.rate.metric.replace("_", " "),
            *[d.rate.label] * (len(labels) > 1),
            "" if d.rate.threshold is None else f"{d.rate.threshold:g}",
            *(_percent(rate) for rate in (d.a, d.b)),
            _said(d),
            *([] if tolerance is None else ["yes" if d.beyond(tolerance) else ""]),
        ]
        for d in found
    ]
    columns = [*keys, "A", "B", "B - A", *["beyond"] * (tolerance is not None)]
    title = f"A: {names[0]}, B: {names[1]}"
    return Table(title, columns, rows, ["Rates in percent.", METHOD, *_overlap(found)], keys=keys)


def _percent(rate):
    return "-" if rate is None else f"{rate.percent:.2f}"


def _said(difference):
    if difference.points is None:
        return "only in A" if difference.b is None else "only in B"
    low, high = difference.interval
    return f"{difference.points:+.2f} [{low:+.1f}, {high:+.1f}]"


def _overlap(found):
    """Of which rates how many images are the same in both."""
    for metric in METRICS:
        pairs = {(d.a.images, d.b.images, d.shared) for d in found if d.a and d.b and d.rate.metric == metric}
        if any(shared < max(a, b) for a, b, shared in pairs):
            a, b, both = (_counts(each) for each in zip(*pairs, strict=True))
            yield f"{metric.replace('_', ' ')}: A is of {a} images, B of {b}, and {both} are of both."


def _counts(found):
    least, most = min(found), max(found)
    return f"{least}" if least == most else f"{least} to {most}"


def difference_json(found: Sequence[Difference], tolerance: float | None) -> list[dict[str, Any]]:
    """The same for programs: numbers in percent and percentage points."""
    return [
        {
            "experiment": d.experiment or None,
            "network": d.rate.network,
            "cell": d.rate.cell.given,
            "metric": d.rate.metric,
            "by": d.rate.label or None,
            "threshold": d.rate.threshold,
            "a": _rate(d.a),
            "b": _rate(d.b),
            "difference": None if d.points is None else round(d.points, 4),
            "interval": d.interval and [round(end, 4) for end in d.interval],
            "images_of_both": d.shared,
            **({} if tolerance is None else {"beyond": d.beyond(tolerance)}),
        }
        for d in found
    ]


def _rate(rate):
    return rate and {"percent": round(rate.percent, 4), "count": rate.count, "images": rate.images}
