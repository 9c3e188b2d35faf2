"""Fast minimum norm, FMN (Pintor et al. 2021, Algorithm 1, L-inf version): the least distortion by gradient steps.

Each step goes down the margin by a gradient of L2 length 1 and projects onto a ball about the image. Until an image is
misclassified the radius of its ball is the distance to the boundary by a linear estimate; after that it shrinks by
gamma at a misclassified point and grows by gamma at another. Step size and gamma fall along a cosine. An image does all
its steps and keeps the closest misclassified point it passed.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from bsa.networks import batch, target
from bsa.ops import losses
from bsa.rewrites.quick import quick
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.ball import away, project, wide
from bsa.search.finite import usable, worst
from bsa.search.queue import by_shape, kernel, refill
from bsa.search.variants import varied
from bsa.search.work import FORWARD, Cost

BISECTIONS = 10  # between the image and a misclassified start (section 2.2, initialisation)
LAST_STEP = 0.01  # the last step size as a share of the first
LAST_GAMMA = 0.001
TINY = 1e-12  # keeps the step of a gradient of zero finite


def make(model, *, epsilon, steps, step_size, gamma, starts, restarts, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    It seeks the least distortion; `thresholds` say what counts as success, and a
    start that follows works on images that are not within the smallest yet. A start that is misclassified is drawn
    towards the image until the boundary lies within a thousandth of its distance, and the search begins there;
    another is projected onto the ball of the largest threshold. `step_size` is the L2 length of the first step.
    """
    exact = target(model)
    executed = batch(exact, execution), execution.jit_compile
    approach = _approach(exact, *executed)
    settings = steps, float(step_size), float(gamma), *executed

    @functools.cache
    def search_by(net):
        graph = _search(net, *settings)

        def search(tried):
            z, passes = tried.z, 0
            if tried.start != "image/0":
                limit = tf.constant(tried.radius, tf.float32)
                near = approach(tried.x, tried.y, z, limit, search=tried.work.at("approach"))
                z, passes = near["z"].numpy(), near["passes"].numpy()
            found = graph(tried.x, tried.y, z, search=tried.work.at("steps"))
            return found["best"].numpy(), passes + found["passes"].numpy()

        return search

    stages = [{"approach": Cost(BISECTIONS + 1, FORWARD), "steps": Cost(steps + 1)}]
    course = ball.for_least_distortion(search_by, named.rounds(starts, restarts), stages)
    return ball.attack(model, exact, [quick(exact)], course, batch_size=executed[0])


def passes(*, steps, starts, restarts, **_):
    """Passes that one image can cost at most; those that seek the boundary are forward only."""
    return sum(steps + 1 + (name != "image") * (BISECTIONS + 1) for name, _ in named.rounds(starts, restarts))


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    return varied(params, "steps")


def _approach(model, batch_size, jit_compile):
    """The graph: `approach(x, y, z, limit)` bisects the ball that start z of another class is projected onto.

    Gives the point just beyond the boundary, and z projected onto the ball of radius `limit` where its class is y.
    """

    @functools.partial(kernel, jit_compile=jit_compile)
    def margin(z, y):
        return losses.margin(model(z, training=False), y)

    def advance(s, limit):
        radius = tf.where(s["passes"] == 0, s["high"], (s["low"] + s["high"]) / 2)
        hit = margin(project(s["z"], s["x"], radius), s["y"]) < 0
        high, low = tf.where(hit, radius, s["high"]), tf.where(hit, s["low"], radius)
        vain = (s["passes"] == 0) & ~hit
        s = s | {"low": low, "high": high, "passes": s["passes"] + 1}
        near = project(s["z"], s["x"], tf.where(vain, limit, high))
        return s, vain | (s["passes"] > BISECTIONS), {"z": near, "passes": s["passes"]}

    @by_shape
    def approach(x, y, z, limit, turn):
        def begin(items):
            start = {"x": tf.gather(x, items), "y": tf.gather(y, items), "z": tf.gather(z, items)}
            high = away(start["z"], start["x"])
            return start | {"low": tf.zeros_like(high), "high": high, "passes": tf.zeros_like(items)}

        return refill(begin, lambda s: advance(s, limit), tf.shape(x)[0], batch_size, jit_compile, turn)

    return approach


def _search(model, steps, step_size, gamma, batch_size, jit_compile):
    """The graph: `search(x, y, z)` gives the closest misclassified point of each image, and its passes."""
    evaluate = kernel(functools.partial(_evaluate, model), jit_compile)

    def advance(s):
        margin, slope, share = evaluate(s)
        far, hit = away(s["z"], s["x"]), margin < 0
        closer = hit & (far < s["distance"])
        best, distance = tf.where(wide(closer), s["z"], s["best"]), tf.where(closer, far, s["distance"])
        wave = (1 + tf.cos(math.pi * tf.cast(s["passes"], tf.float32) / steps)) / 2
        grown = LAST_GAMMA + (gamma - LAST_GAMMA) * wave
        length = step_size * (LAST_STEP + (1 - LAST_STEP) * wave)
        estimate = far + margin / (tf.reduce_sum(tf.abs(slope), [1, 2, 3]) + TINY)
        outside = tf.where(distance < np.inf, s["radius"] * (1 + grown), estimate)
        radius = tf.minimum(tf.where(hit, tf.minimum(s["radius"] * (1 - grown), distance), outside), 1.0)
        unit = slope / wide(tf.sqrt(tf.reduce_sum(slope**2, [1, 2, 3])) + TINY)
        moved, count = project(s["z"] - wide(length) * unit, s["x"], radius), s["passes"] + 1
        s = s | {"z": moved, "radius": radius, "best": best, "distance": distance, "passes": count}
        s |= {"unusable": s["unusable"] + share}
        return s, count > steps, {"best": best, "passes": count, "unusable": s["unusable"]}

    @by_shape
    def search(x, y, z, turn):
        def begin(items):
            start = {"x": tf.gather(x, items), "y": tf.gather(y, items), "z": tf.gather(z, items)}
            none = tf.fill([tf.size(items)], np.float32(np.inf))
            start |= {"best": start["x"], "distance": none, "radius": none, "passes": tf.zeros_like(items)}
            return start | {"unusable": tf.zeros_like(none)}

        return refill(begin, advance, tf.shape(x)[0], batch_size, jit_compile, turn)

    return search


def _evaluate(model, s):
    """The margin of a state's points and its gradient."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["z"])
        margin = losses.margin(model(s["z"], training=False), s["y"])
    return worst(margin), *usable(tape.gradient(margin, s["z"], unconnected_gradients="zero"))
