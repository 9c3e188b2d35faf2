"""Square (Andriushchenko et al. 2020, Algorithms 1 and 2, the L-inf version): random search, a black-box attack.

It begins with vertical stripes at the edge of the ball. Each query moves one random square, each of its channels as a
whole, to one edge or the other, and keeps the move where the margin falls. It sees logits alone and never a gradient,
so that networks which hide gradients gain nothing. An image leaves at the first point that is misclassified.
"""

import numpy as np

from bsa.networks import batch, target
from bsa.ops import draws, seeds
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.squares import search_by_squares
from bsa.search.variants import varied
from bsa.search.work import FORWARD, Cost

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries (section 5.1)


def make(model, *, epsilon, queries, p_init, starts, restarts, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `thresholds` are radii in [0, 1] pixels, tried from the largest down, a smaller
    one only for images that fell at the one before and afresh from every start. A pass is one query, forward only.
    `restarts` repeats every start, since the squares differ.
    """
    exact = target(model)
    batch_size = batch(exact, execution)

    def schedule(height, width):
        return sides(queries, p_init, height, width)

    graph = search_by_squares(exact, schedule, batch_size, execution.jit_compile)

    def search(tried):
        keys = draws.keys(tried.seed, f"square/{tried.start}", tried.index)
        arrays = tried.x, tried.y, tried.z, keys, tried.radii
        points, passes, _, _ = graph(*arrays, search=tried.work.at("queries"))
        return points, passes

    rounds = [(name, r) for name in starts for r in range(restarts)]
    course = ball.in_balls(lambda: search, rounds, [{"queries": Cost(queries, FORWARD)}], points=_points)
    return ball.attack(model, exact, [], course, batch_size=batch_size)


def passes(*, thresholds, queries, starts, restarts, **_):
    """Queries that one image can cost at most."""
    return len(thresholds) * len(starts) * restarts * queries


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    return varied(params, "queries", black_box=True, follows=())


def _points(name, x, index, seed, restart, radius):
    """The start images: stripes are x plus or minus `radius`, one sign a column and channel (section 5.1)."""
    if name != "stripes":
        return named.points(name, x, index, seed, restart, radius)
    columns = seeds.uniform(seed, f"start/stripes/{restart}", index, (1, *x.shape[2:]))
    return x + np.float32(radius) * np.where(columns < 0, np.float32(-1), np.float32(1))


def sides(queries, p_init, height, width):
    """The side of the square that each query after the first moves, (queries,) int32; the first entry counts for none.

    p halves on the paper's schedule; the side is the whole number nearest to the root of p times the image's area.
    """
    at = np.arange(queries) * 10_000 // queries
    share = p_init / 2.0 ** np.searchsorted(HALVINGS, at, side="left")
    return np.clip(np.rint(np.sqrt(share * height * width)), 1, min(height, width)).astype(np.int32)
