"""Adversarial images from any source, judged as our own are.

Adversarial images that other libraries return are not always what they seem: they may be outside the ball by a
rounding error or outside [0, 1], found by searching a copy of the network, or made from images that the network
misclassified to begin with.
"""

from __future__ import annotations  # networks and tables are named without importing TensorFlow

import io
import numbers
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bsa import criteria
from bsa.engine.rates import ACCURACY, SUCCESS, Rate
from bsa.errors import one_line
from bsa.outcomes import Attacked
from bsa.report.page import Table
from bsa.spec.cells import ORIGINAL

if TYPE_CHECKING:
    import pandas

NAME = "judged"  # in place of an attack's name
COLUMNS = ("metric", "threshold", "percent", "low", "high", "count", "images")


@dataclass(frozen=True)
class Judged:
    """The result of `judge`: `str` and `table()` show it, `to_frame()` gives its rates to pandas."""

    attacked: Attacked  # one row per image, as of an attack: `success` is within epsilon, `notes` say what was refused
    rates: tuple[Rate, ...]  # accuracy, then success at each threshold, the largest first; in percent with intervals

    def table(self) -> Table:
        """The rates as a table of a report."""
        rows = [(_named(rate), _text(rate), str(rate.count), str(rate.images)) for rate in self.rates]
        notes = (
            "Rates in percent with 95 % Wilson intervals. Success: the class changes and max |x' - x| is at most the "
            "threshold, among correctly classified images.",
            *self.attacked.notes,
        )
        return Table(f"{len(self.attacked.x)} adversarial images", ("", "percent", "count", "images"), rows, notes)

    def __str__(self) -> str:
        import rich.console

        from bsa.report.write import text

        console = rich.console.Console(file=io.StringIO(), width=120)
        console.print(text.table(self.table()))
        return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())

    def to_frame(self) -> pandas.DataFrame:
        """The rates, one per row, as a DataFrame with the columns `COLUMNS`; needs pandas."""
        import pandas

        rows = [(r.metric, r.threshold, r.percent, *r.interval, r.count, r.images) for r in self.rates]
        return pandas.DataFrame(rows, columns=COLUMNS)


def judged(model, x, adversarial, y, epsilon, thresholds) -> Judged:
    """The result of `bsa.judge`; see there."""
    from bsa.networks import checked, target
    from bsa.search.ledger import Ledger

    radius = _radius(epsilon)
    at = criteria.thresholds(thresholds, radius)
    exact = target(model)
    x, y, _ = checked(exact, x, y, None)
    if not len(x):
        raise ValueError("expected images and their adversarial images, found none")
    found, refused = _candidates(adversarial, x)
    best = Ledger(exact, x, y)
    rows = np.flatnonzero(~refused & best.correct)
    best.offer(rows, found[rows], 0, NAME)
    attacked = best.result(radius)
    attacked = attacked._replace(notes=(*attacked.notes, *_notes(found, x, refused, attacked, radius)))
    return Judged(attacked, tuple(_rates(model.name, attacked, at)))


def _radius(epsilon):
    """Epsilon as a number; ValueError if it is no number above 0 and at most 1."""
    radius = criteria.fraction(epsilon) if isinstance(epsilon, str) else epsilon
    if not (isinstance(radius, numbers.Real) and 0 < radius <= 1):
        expected = 'an epsilon above 0 and at most 1, in [0, 1] pixels, or a fraction such as "8/255"'
        raise ValueError(f"expected {expected}, found {epsilon!r}")
    return float(radius)


def _candidates(given, x):
    """The adversarial images as an array like x, and which of them are invalid (n,) and never count.

    ValueError if there are not as many, or if they are not of the same shape and scale.
    """
    from bsa.given import images

    try:
        found = given if isinstance(given, np.ndarray) else np.asarray(given)
        if found.shape[1:] != x.shape[1:] or found.dtype == np.uint8 or found.dtype.kind not in "fiu":
            found = images(found, x.shape[1:])
        with np.errstate(invalid="ignore"):
            inside = (found >= -criteria.SLACK) & (found <= 1 + criteria.SLACK)
        inside = inside.reshape(len(found), -1).all(1)
        if not inside.any():
            images(found, x.shape[1:])  # for another scale, the error says how to get to [0, 1]
    except (ValueError, TypeError, RuntimeError) as error:  # other libraries' arrays, such as tensors with a gradient
        raise ValueError(f"adversarial images: {one_line(error, 300)}") from None
    if len(found) != len(x):
        raise ValueError(f"expected {len(x)} adversarial images, one for each of x, found {len(found)}")
    return found, ~inside


def _notes(found, x, refused, attacked, epsilon) -> Iterator[str]:
    """What does not count, and why."""
    finite, correct = np.isfinite(attacked.distance), attacked.correct
    far, kept = correct & finite & ~attacked.success, correct & ~refused & ~finite
    if refused.any():
        advice = "they do not count; clip them, or keep the search within [0, 1]"
        yield f"{_of(refused, 'adversarial')} have pixels that are outside [0, 1] or no numbers: {advice}"
    if far.any():
        away = f"farther from theirs than {epsilon:.6g}, the median by {np.median(attacked.distance[far]):.6g}"
        yield f"{_of(far, 'adversarial')} are misclassified, and {away}: they do not count within epsilon"
    if kept.any():
        same = int((criteria.linf(found[kept], x[kept]) == 0).sum())
        yield f"{_of(kept, 'adversarial')} are classified correctly{f', {same} of them unchanged' * bool(same)}"
    if not correct.all():
        yield f"{_of(~correct, 'original')} are misclassified before any attack: they do not count as success"


def _of(flags, kind):
    return f"{int(flags.sum())} of {len(flags)} {kind} images"


def _rates(network, attacked, thresholds) -> Iterator[Rate]:
    own, total = int(attacked.correct.sum()), len(attacked.correct)
    yield Rate(network, ORIGINAL, ACCURACY, "", None, own, total)
    for threshold in thresholds:
        broken = attacked.correct & (attacked.distance <= threshold + criteria.SLACK)
        yield Rate(network, ORIGINAL, SUCCESS, NAME, threshold, int(broken.sum()), own)


def _named(rate):
    return rate.metric if rate.threshold is None else f"{rate.metric} at {rate.threshold:.4g}"


def _text(rate):
    low, high = rate.interval
    return f"{rate.percent:.2f} [{low:.1f}-{high:.1f}]"
