"""Search in lower precision, and in float32 what was found there by mistake."""

import numpy as np

from bsa.judge import wrong
from bsa.networks import logits
from bsa.rewrites.precision import twin
from bsa.rewrites.quick import quick
from bsa.search.journal import part


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
    end = 1.0 if len(models) == 1 else 0.95  # of the work, about

    def both(x, y, *arrays, **common):
        with part(0, end):
            points, passes, believed, *_ = searches[0](x, y, *arrays, **common)
        rows = np.flatnonzero(believed) if len(models) > 1 else np.zeros(0, int)
        rows = rows[~wrong(logits(models[-1], points[rows], min(batch_size, 500)), y[rows])] if len(rows) else rows
        if len(rows):
            with part(end, 1):
                points[rows], more, *_ = searches[1](x[rows], y[rows], *(a[rows] for a in arrays), **common)
            passes[rows] += more
        return points, passes

    return both
