"""The search of Carlini and Wagner (2017, section VI.C) with a tau of its own for each image: its graph.

Each image goes through its constants for a tau; see `bsa.attacks.carlini_wagner_linf` for what is minimised.
"""

import functools

import numpy as np
import tensorflow as tf

from bsa.criteria import SLACK
from bsa.ops import losses
from bsa.search.ball import away, project, wide
from bsa.search.finite import usable, worst
from bsa.search.queue import by_shape, kernel, refill

EDGE = 0.999999  # keeps arctanh finite, as in the authors' release
RATES = "learning_rate", "learning_rate_decay", "beta_2", "tau_factor"


def search_taus(model, least, leg, glance, batch_size, jit_compile):
    """The graph: `search(x, y, z, first, limits, goal)` gives the closest misclassified points, passes, success.

    z are the starts, `first` (n,) are the first taus; tau has failed with a margin above the first of `limits` (n, 2)
    after `glance` steps of the first constant (None for never), or above the second after all steps of one. An image
    within `goal` is done.
    """
    steps, (learning_rate, decay, beta_2, tau_factor) = leg["steps"], _floats(leg, *RATES)
    constant, constant_factor, constant_max = _floats(leg, "constant", "constant_factor", "constant_max")
    evaluate = kernel(functools.partial(_evaluate, model, (1 - leg["project_last"]) * steps), jit_compile)

    def advance(s, goal):
        z, margin, gap, slope, share = evaluate(s)
        closer = (margin < 0) & (gap < s["distance"])
        best, distance = _where(closer, z, s["best"]), tf.where(closer, gap, s["distance"])
        solved = distance <= s["tau"] + SLACK  # float32 rounds x + tau
        spent = ~solved & (s["step"] >= steps)
        larger = s["constant"] * constant_factor
        hopeless = margin[:, None] > s["limits"]
        failed = spent & ((larger > constant_max * (1 + 1e-6)) | hopeless[:, 1])  # float32 rounds
        if glance:
            failed = failed | (~solved & (s["step"] == glance) & (s["constant"] == constant) & hopeless[:, 0])
        low = tf.where(failed, s["tau"], s["failed"])
        middle = (low + distance) / 2
        shrunk = tf.where(low > 0, middle, tau_factor * distance) if least else tau_factor * distance
        tau = tf.where(solved, shrunk, s["tau"])
        done = distance <= goal + SLACK
        if least:
            tau = tf.where(failed, middle, tau)
            done = done | ((low > 0) & (distance - low <= 0.01 * distance)) | (failed & ~(distance < np.inf))
        else:
            # Not below the smallest threshold: a ball of a few percent less can be out of reach.
            tau, done = tf.maximum(tau, goal), done | failed
        again = solved | spent | failed
        s = s | {"best": best, "distance": distance, "tau": tau, "failed": low, "passes": s["passes"] + 1}
        s["unusable"] += share
        s["constant"] = tf.where(failed, constant, tf.where(spent, larger, s["constant"]))
        rate = learning_rate * decay ** (tf.cast(s["step"], tf.float32) / steps)
        return (
            _adam(s, slope, again, rate, beta_2),
            done,
            {"best": best, "passes": s["passes"], "found": distance < np.inf, "unusable": s["unusable"]},
        )

    @by_shape
    def graph(x, y, z, first, limits, goal, turn):
        tensors = x, y, tf.atanh((2 * z - 1) * EDGE), first, limits

        def items(numbers):
            return _begin(*(tf.gather(part, numbers) for part in tensors), constant)

        return refill(items, lambda s: advance(s, goal), tf.shape(x)[0], batch_size, jit_compile, turn)

    def search(*arrays, goal, search=None):
        found = graph(*arrays, tf.constant(goal, tf.float32), search=search)
        return tuple(found[name].numpy() for name in ("best", "passes", "found"))

    return search


def _floats(leg, *fields):
    return (float(leg[field]) for field in fields)


def _begin(x, y, w, first, limits, constant):
    """The state of images x at their first tau and constant, from starts w (tanh variables)."""
    still, none = tf.zeros_like(w), tf.zeros_like(w[:, 0, 0, 0])
    state = {"x": x, "y": y, "w": w, "mean": still, "square": still, "step": tf.zeros_like(y), "best": x}
    state |= {"distance": none + np.inf, "tau": first, "failed": none, "constant": none + constant, "limits": limits}
    return state | {"passes": tf.zeros_like(y), "unusable": none}


def _evaluate(model, free, s):
    """The point of a state, its margin, its distance and the gradient of the objective.

    After `free` steps the point is projected onto the ball of radius tau, and the margin's gradient passed on as it is.
    """
    ends = tf.cast(s["step"], tf.float32) > free
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["w"])
        z = (tf.tanh(s["w"]) + 1) / 2
        point = _where(ends, project(z, s["x"], s["tau"]), z)
        margin = losses.margin(model(z + tf.stop_gradient(point - z), training=False), s["y"])
        beyond = tf.reduce_sum(tf.nn.relu(_flat(tf.abs(z - s["x"])) - s["tau"][:, None]), -1)
        value = s["constant"] * tf.nn.relu(margin) + beyond
    return point, worst(margin), away(point, s["x"]), *usable(tape.gradient(value, s["w"]))


def _adam(s, slope, again, rate, beta_2):
    """One Adam step on w (Kingma and Ba 2015, Algorithm 1), with a `rate` (n,) for each image.

    Where `again`, moments and steps begin anew after it.
    """
    step = s["step"] + 1
    mean, square = 0.9 * s["mean"] + 0.1 * slope, beta_2 * s["square"] + (1 - beta_2) * slope**2
    power = wide(tf.cast(step, tf.float32))
    move = wide(rate) * (mean / (1 - 0.9**power)) / (tf.sqrt(square / (1 - beta_2**power)) + 1e-8)
    zero = tf.zeros_like(mean)
    s = s | {"w": s["w"] - move, "mean": _where(again, zero, mean), "square": _where(again, zero, square)}
    return s | {"step": tf.where(again, 0, step)}


def _flat(images):
    return tf.reshape(images, [tf.shape(images)[0], -1])


def _where(flags, a, b):
    return tf.where(wide(flags), a, b)
