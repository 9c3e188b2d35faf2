"""Returns of a search to the nearest point that each image has so far: what came close goes on from there.

A move takes images x (n, ...), their labels, nearest points, radii (n,) and numbers, the seed and purpose of its draws
and its place in the account (`bsa.search.work.Search`); it gives points, passes, success and margins.
"""

import numpy as np

from bsa.networks import logits
from bsa.ops import draws, losses, seeds
from bsa.search import starts as named

SIDE = 3  # pixels: of the squares that a return moves


def returning(search, returns, model, batch_size):
    """`search`, then all of `returns` in turn, lists of moves, each from the nearest points so far.

    The search gives points and passes, and so do both together. The k-th return, counted from 0, is for images that
    `model` still classifies correctly and whose least margin so far is at most limit 2 + k, or the last one. What a
    move loses is never kept. `work` is the account of the attack.
    """

    def all_of_them(x, y, z, radius, limits, index, *, seed, purpose, work):
        points, passes = search(x, y, z, radius, limits[:, :2], work=work)
        if not returns:
            return points, passes
        margins = losses.margin(logits(model, points, batch_size), y).numpy()
        found = margins < 0
        last = limits.shape[1] - 1
        for turn, moves in enumerate(returns):
            close = margins <= limits[:, min(2 + turn, last)]
            for place, move in enumerate(moves):
                rows = np.flatnonzero(close & ~found)
                if not len(rows):
                    continue
                drawn, at = (seed, f"{purpose}/{turn}/{place}"), work.at(f"return/{turn}/{place}")
                ended, more, fell, margin = move(x[rows], y[rows], points[rows], radius[rows], index[rows], drawn, at)
                passes[rows] += more
                nearer = margin < margins[rows]
                kept = rows[nearer]
                points[kept], margins[kept], found[kept] = ended[nearer], margin[nearer], fell[nearer]
        return points, passes

    return all_of_them


def stages(returns, costs):
    """The stages (`bsa.search.work`) of so many returns, each of moves with the `costs`."""
    return [{f"return/{turn}/{place}": cost for place, cost in enumerate(costs)} for turn in range(returns)]


def beside(leg, share):
    """The move of a `leg` that begins at the nearest point plus uniform noise of at most `share` of the radius."""

    def move(x, y, nearest, radius, index, drawn, at):
        wide = radius[:, None, None, None]
        begin = nearest + share * wide * seeds.uniform(*drawn, index, x.shape[1:])
        never = np.full((len(x), 2), np.inf, np.float32)
        return leg(x, y, named.project(begin, x, wide), radius, never, search=at)

    return move


def by_squares(search):
    """The move of a random `search` by squares. Two of its queries, forward only, are counted as one pass."""

    def move(x, y, nearest, radius, index, drawn, at):
        points, queries, *found = search(x, y, nearest, draws.keys(*drawn, index), radius, search=at)
        return points, (queries + 1) // 2, *found

    return move


def small_sides(queries, height, width):
    """The sides of the squares of so many queries: 1 to `SIDE` pixels in turn, as far as the image is as large."""
    return np.minimum(np.arange(queries, dtype=np.int32) % SIDE + 1, min(height, width))
