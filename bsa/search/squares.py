"""Random search in the L-inf ball: each query moves one square of pixels to the ball's edge, by logits alone.

The moves are those of Square (Andriushchenko et al. 2020, Algorithms 1 and 2). A square that lies at its edge already
moves to the other in all channels: the authors' release draws its signs again until something changes.
"""

import functools

import numpy as np
import tensorflow as tf

from bsa.ops import draws, losses
from bsa.search.ball import project, wide
from bsa.search.queue import by_shape, kernel, refill

STILL = 1e-7  # a move of less is none, as in their release


def search_by_squares(model, sides, batch_size, jit_compile):
    """The graph: `search(x, y, z, keys, radius)` gives each image's best point, its queries, success and margin.

    keys are (n,) uint32, radius is (n,). `sides(height, width)` gives the side of the square that each query moves,
    (queries,) int32; the first one asks for z itself and moves none.
    """

    @functools.partial(kernel, jit_compile=jit_compile)
    def margin(z, y):
        return losses.margin(model(z, training=False), y)

    @by_shape
    def graph(x, y, z, keys, radius, turn):
        side = sides(*x.shape[1:3])
        queries, side = len(side), tf.constant(side)

        def begin(items):
            state = {"x": tf.gather(x, items), "y": tf.gather(y, items), "z": tf.gather(z, items)}
            state |= {"best": state["z"], "key": tf.gather(keys, items), "radius": tf.gather(radius, items)}
            return state | {"passes": tf.zeros_like(items), "margin": tf.fill([tf.size(items)], np.float32(np.inf))}

        def advance(s):
            value, count = margin(s["z"], s["y"]), s["passes"] + 1
            better = value < s["margin"]
            best = tf.where(wide(better), s["z"], s["best"])
            value = tf.where(better, value, s["margin"])
            done = (value < 0) | (count >= queries)
            of_this = tf.gather(side, tf.minimum(count, queries - 1))
            move = square(s["key"], count, of_this, s["radius"], x.shape)
            there = tf.abs(project(best + move, s["x"], s["radius"]) - best) < STILL
            move = tf.where(tf.reduce_all(there, (1, 2, 3), keepdims=True), -move, move)
            z = project(best + move, s["x"], s["radius"])
            s = s | {"z": z, "best": best, "margin": value, "passes": count}
            return s, done, {"best": best, "passes": count, "found": value < 0, "margin": value}

        return refill(begin, advance, tf.shape(x)[0], batch_size, jit_compile, turn)

    def search(*arrays, search=None):
        found = graph(*arrays, search=search)
        return tuple(found[name].numpy() for name in ("best", "passes", "found", "margin"))

    return search


def square(keys, step, side, radius, shape):
    """Algorithm 2: plus or minus twice the radius on a random square of `side`, one sign a channel; 0 elsewhere.

    keys, step, side and radius are (n,). From anywhere in the ball, twice the radius and a projection lead to its edge.
    """
    _, height, width, channels = shape
    u = draws.uniform(keys, step, 2 + channels)
    inside = []
    for place, size in ((u[:, :1], height), (u[:, 1:2], width)):
        first = tf.floor(place * tf.cast(size - side + 1, tf.float32)[:, None])
        offset = tf.range(size, dtype=tf.float32) - first
        inside.append((offset >= 0) & (offset < tf.cast(side, tf.float32)[:, None]))
    covered = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    far = 2 * radius[:, None]
    return tf.where(covered, tf.where(u[:, 2:] < 0.5, -far, far)[:, None, None, :], 0.0)
