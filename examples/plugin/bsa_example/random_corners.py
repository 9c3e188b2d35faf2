"""Random corners of the L-inf ball: every square of pixels moves to one of its edges. Plain NumPy, no gradients."""

import numpy as np

from bsa.networks import checked, target, trusted
from bsa.ops import seeds
from bsa.search.ledger import Ledger


def make(model, *, epsilon, queries, side, batch_size, jit_compile):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    Each of `queries` draws is a sign for every square of `side` times `side` pixels, in each channel. `epsilon` and
    `jit_compile` are fields of every attack; the corners are those of the balls of `thresholds`.
    """
    exact = target(model)  # the model, or a float32 copy of it

    def attack(x, y, *, thresholds, seed=0, index=None, journal=None):
        x, y, index = checked(exact, x, y, index)
        trusted(model, exact, [], x)  # with the weights that the model has now
        ledger = Ledger(exact, x, y, batch_size=batch_size)

        def attempt(rows, start, query, radius):
            """The candidates for the images numbered `rows`, and the passes that each took: the ledger's own."""
            signs = corners(x.shape[1:], side, seed, f"random_corners/{query}", index[rows])
            return x[rows] + np.float32(radius) * signs, 1

        ledger.descend(thresholds, [("corner", query) for query in range(queries)], attempt)
        return ledger.result(thresholds[0])

    return attack


def corners(shape, side, seed, purpose, index):
    """Signs (n, *shape), the same within each square, for the n images numbered `index`."""
    height, width, channels = shape
    drawn = seeds.uniform(seed, purpose, index, (-(-height // side), -(-width // side), channels))
    signs = np.where(drawn < 0, np.float32(-1), np.float32(1))
    return signs.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]


def passes(*, thresholds, queries, **_):
    """Forward passes that one image can cost at most."""
    return len(thresholds) * queries
