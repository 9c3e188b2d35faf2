"""Projected gradient descent in the L-inf ball (Madry et al. 2018, section 2.1), from named starts.

Each step moves by `step_size` along the sign of the gradient of the cross-entropy, or of minus the margin of the
logits, and projects onto the ball and [0, 1]. An image leaves at the first point that is misclassified.
"""

import functools

import tensorflow as tf

from bsa.networks import batch, target
from bsa.ops import losses
from bsa.rewrites.quick import quick
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.finite import usable
from bsa.search.queue import by_shape, kernel, refill
from bsa.search.variants import varied
from bsa.search.work import Cost

LOSSES = {"cross_entropy": losses.cross_entropy, "margin": lambda logits, y: -losses.margin(logits, y)}


def make(model, *, epsilon, steps, step_size=None, loss, starts, restarts, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `thresholds` are radii in [0, 1] pixels, tried from the largest down, a smaller
    one only for images that fell at the one before and afresh from every start. `step_size` defaults to
    2.5 * threshold / steps and otherwise is scaled with the threshold. `restarts` repeats the random starts.
    """
    exact, rounds = target(model), named.rounds(starts, restarts)
    batch_size = batch(exact, execution)
    relative = 2.5 / steps if step_size is None else step_size / epsilon

    @functools.cache
    def search_by(net):
        graph = by_signs(net, LOSSES[loss], steps, batch_size, execution.jit_compile)

        def search(tried):
            sizes = (tf.constant(v, tf.float32) for v in (tried.radius, tried.radius * relative))
            found = graph(tried.x, tried.y, tried.z, *sizes, search=tried.work.at("steps"))
            return found["z"].numpy(), found["passes"].numpy()

        return search

    course = ball.in_balls(search_by, rounds, [{"steps": Cost(steps + 1)}])
    return ball.attack(model, exact, [quick(exact)], course, batch_size=batch_size)


def passes(*, thresholds, steps, starts, restarts, **_):
    """Forward-backward passes that one image can cost at most."""
    return len(thresholds) * len(named.rounds(starts, restarts)) * (steps + 1)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    return varied(params, "steps", saturates=params["loss"] == "cross_entropy")


def by_signs(model, loss, steps, batch_size, jit_compile):
    """The graph: `search(x, y, z, radius, step_size)` gives the last point of each image and its passes."""

    @functools.partial(kernel, jit_compile=jit_compile)
    def gradient(z, y):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            logits = model(z, training=False)
            value = loss(logits, y)
        return losses.margin(logits, y), *usable(tape.gradient(value, z, unconnected_gradients="zero"))

    @by_shape
    def search(x, y, z, radius, step_size, turn):
        def begin(items):
            start = {"x": tf.gather(x, items), "y": tf.gather(y, items), "z": tf.gather(z, items)}
            return start | {"passes": tf.zeros_like(items), "unusable": tf.zeros(tf.shape(items))}

        def advance(state):
            margin, slope, share = gradient(state["z"], state["y"])
            passes, unusable = state["passes"] + 1, state["unusable"] + share
            done = (margin < 0) | (passes > steps)
            moved = ball.project(state["z"] + step_size * tf.sign(slope), state["x"], radius)
            result = {"z": state["z"], "passes": passes, "unusable": unusable}
            return state | {"z": moved, "passes": passes, "unusable": unusable}, done, result

        return refill(begin, advance, tf.shape(x)[0], batch_size, jit_compile, turn)

    return search
