"""Search in lower precision, and in float32 what was found there by mistake."""

import numpy as np

from bsa.criteria import wrong
from bsa.networks import logits
from bsa.rewrites.precision import twin
from bsa.rewrites.quick import quick
from bsa.search.work import Cost


def searched(exact, precision):
    """The models to search by: a twin of lower `precision` and one like `exact`, or that alone for "float32"."""
    low = twin(exact, precision)
    return [quick(exact)] if low is exact else [quick(low), quick(exact)]


def confirmed(models, searches, batch_size):
    """The `searches` by each of the `models` as one: by the last, float32 one only what the first alone believes.

    A search takes arrays x (n, ...), y (n,) and others (n, ...), and by name what its images have in common; it gives
    points (n, ...), passes (n,), whether it ended on the point as misclassified (n,), and what else there is. So an
    image does not leave on a point that the first misclassifies by rounding. Both together give points and passes.
    """
    first, *second = _names(models)

    def both(x, y, *arrays, work, **common):
        points, passes, believed, *_ = searches[0](x, y, *arrays, **common, search=work.at(first))
        rows = np.flatnonzero(believed) if second else np.zeros(0, int)
        if len(rows):
            rows = rows[~wrong(logits(models[-1], points[rows], min(batch_size, 500)), y[rows])]
        if len(rows):
            again = work.at(*second)
            points[rows], more, *_ = searches[1](x[rows], y[rows], *(a[rows] for a in arrays), **common, search=again)
            passes[rows] += more
        return points, passes

    return both


def stages(models, passes):
    """The stages (`bsa.search.work`) of the searches by each of the `models`, of so many passes at most."""
    return [{name: Cost(passes)} for name in _names(models)]


def _names(models):
    return ["float32"] if len(models) == 1 else ["lower", "float32"]
