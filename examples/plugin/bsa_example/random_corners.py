"""Random corners of the L-inf ball: every square of pixels moves to one of its edges. Plain NumPy, no gradients."""

import numpy as np

from bsa.networks import batch, target
from bsa.ops import seeds
from bsa.search import ball


def make(model, *, epsilon, queries, side, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    Each of `queries` draws is a sign for every square of `side` times `side` pixels, in each channel. `epsilon` is
    a field of every attack; the corners are those of the balls of `thresholds`. `execution` says how many images are
    worked on at a time.
    """

    def points(name, x, index, seed, query, radius):
        """The candidates: where a search would begin, and here it ends there."""
        return x + np.float32(radius) * corners(x.shape[1:], side, seed, f"random_corners/{query}", index)

    def search(tried):
        return tried.z, 1  # a pass for each image: the ledger's own

    course = ball.in_balls(lambda: search, [("corner", query) for query in range(queries)], points=points)
    return ball.attack(model, target(model), [], course, batch_size=batch(model, execution))


def corners(shape, side, seed, purpose, index):
    """Signs (n, *shape), the same within each square, for the n images numbered `index`."""
    height, width, channels = shape
    drawn = seeds.uniform(seed, purpose, index, (-(-height // side), -(-width // side), channels))
    signs = np.where(drawn < 0, np.float32(-1), np.float32(1))
    return signs.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]


def passes(*, thresholds, queries, **_):
    """Forward passes that one image can cost at most."""
    return len(thresholds) * queries
