"""Square (Andriushchenko et al. 2020, Algorithms 1 and 2, the L-inf version): random search, a black-box attack.

It begins with vertical stripes at the edge of the ball. Each query moves one random square, each of its channels as a
whole, to one edge or the other, and keeps the move where the margin falls. It sees logits alone and never a gradient,
so that networks which hide gradients gain nothing. An image leaves at the first point that is misclassified.
"""

import functools

import numpy as np
import tensorflow as tf

from bsa import cells
from bsa.attacks import Best, _starts, checked, follow, target
from bsa.attacks._refill import by_shape, kernel, refill
from bsa.ops import draws, losses, seeds

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries (section 5.1)


def make(model, *, epsilon, thresholds, queries, p_init, starts, restarts, batch_size, jit_compile):
    """The attack on `model`: `attack(x, y, seed=0, index=None, thresholds=thresholds) -> Attacked`.

    `thresholds` are radii in [0, 1] pixels ("epsilon" stands for `epsilon`), tried from the largest down, a smaller
    one only for images that fell at the one before and afresh from every start. A pass is one query, forward only.
    `restarts` repeats every start, since the squares differ.
    """
    exact = target(model)
    search = _search(exact, queries, p_init, batch_size, jit_compile)

    def attack(x, y, seed=0, index=None, thresholds=thresholds):
        x, y, index = checked(exact, x, y, index)
        follow(model, exact)
        radii = cells.thresholds(thresholds, epsilon)
        best = Best(exact, x, y, batch_size=batch_size)

        def attempt(rows, name, restart, radius):
            z = _starts.project(_points(name, x[rows], index[rows], seed, restart, radius), x[rows], radius)
            keys = draws.keys(seed, f"square/{name}/{restart}", index[rows])
            found = search(x[rows], y[rows], z, keys, tf.constant(radius, tf.float32))
            return found["z"].numpy(), found["passes"].numpy()

        best.descend(radii, [(name, r) for name in starts for r in range(restarts)], attempt)
        return best.result(radii[0])

    return attack


def passes(*, thresholds, queries, starts, restarts, **_):
    """Queries that one image can cost at most."""
    return len(thresholds) * len(starts) * restarts * queries


def _points(name, x, index, seed, restart, radius):
    """The start images: stripes are x plus or minus `radius`, one sign a column and channel (section 5.1)."""
    if name != "stripes":
        return _starts.points(name, x, index, seed, restart, radius)
    columns = seeds.uniform(seed, f"start/stripes/{restart}", index, (1, *x.shape[2:]))
    return x + np.float32(radius) * np.where(columns < 0, np.float32(-1), np.float32(1))


def sides(queries, p_init, height, width):
    """The side of the square that each query after the first moves, (queries,) int32; the first entry counts for none.

    p halves on the paper's schedule; the side is the whole number nearest to the root of p times the image's area.
    """
    at = np.arange(queries) * 10_000 // queries
    share = p_init / 2.0 ** np.searchsorted(HALVINGS, at, side="left")
    return np.clip(np.rint(np.sqrt(share * height * width)), 1, min(height, width)).astype(np.int32)


def _search(model, queries, p_init, batch_size, jit_compile):
    """The graph: `search(x, y, z, keys, radius)` gives the best point of each image and its queries."""

    @functools.partial(kernel, jit_compile=jit_compile)
    def margin(z, y):
        return losses.margin(model(z, training=False), y)

    @by_shape
    def search(x, y, z, keys, radius, turn):
        side = tf.constant(sides(queries, p_init, *x.shape[1:3]))

        def begin(items):
            start = {"x": tf.gather(x, items), "y": tf.gather(y, items), "z": tf.gather(z, items)}
            start |= {"best": start["z"], "key": tf.gather(keys, items), "passes": tf.zeros_like(items)}
            return start | {"margin": tf.fill([tf.size(items)], np.float32(np.inf))}

        def advance(s):
            value, count = margin(s["z"], s["y"]), s["passes"] + 1
            better = value < s["margin"]
            best = tf.where(better[:, None, None, None], s["z"], s["best"])
            value = tf.where(better, value, s["margin"])
            done = (value < 0) | (count >= queries)
            moved = best + _square(s["key"], count, tf.gather(side, tf.minimum(count, queries - 1)), radius, x.shape)
            low, high = tf.maximum(s["x"] - radius, 0.0), tf.minimum(s["x"] + radius, 1.0)
            s = s | {"z": tf.clip_by_value(moved, low, high), "best": best, "margin": value, "passes": count}
            return s, done, {"z": best, "passes": count}

        return refill(begin, advance, tf.shape(x)[0], batch_size, jit_compile, turn)

    return search


def _square(keys, step, side, radius, shape):
    """Algorithm 2: plus or minus twice the radius on a random square of `side` (n,), one sign a channel; 0 elsewhere.

    From anywhere in the ball, twice the radius and a projection lead to its edge.
    """
    _, height, width, channels = shape
    u = draws.uniform(keys, step, 2 + channels)
    inside = []
    for place, size in ((u[:, :1], height), (u[:, 1:2], width)):
        first = tf.floor(place * tf.cast(size - side + 1, tf.float32)[:, None])
        offset = tf.range(size, dtype=tf.float32) - first
        inside.append((offset >= 0) & (offset < tf.cast(side, tf.float32)[:, None]))
    covered = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    signs = tf.where(u[:, 2:] < 0.5, -2 * radius, 2 * radius)
    return tf.where(covered, signs[:, None, None, :], 0.0)
