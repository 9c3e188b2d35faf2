"""Auto-PGD (Croce and Hein 2020, Algorithm 1): projected gradient ascent with momentum whose step size halves.

The step size of each image begins at twice the radius. At checkpoints that come ever closer it halves where too few
steps since the last one raised the loss, or where the best loss stayed; the search then goes on from its best point.
The loss is the cross-entropy, the difference of logits ratio (DLR), or its targeted version in one leg for each of the
other classes that are likeliest at the image itself; all legs share a start, where the authors' release draws a random
one for each. An image leaves at the first point that is misclassified.
"""

import functools

import numpy as np
import tensorflow as tf

from bsa.networks import batch, target
from bsa.ops import losses
from bsa.rewrites.quick import quick
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.ball import project, wide
from bsa.search.finite import usable
from bsa.search.queue import by_shape, kernel, refill
from bsa.search.variants import varied
from bsa.search.work import Cost

LOSSES = {
    "cross_entropy": lambda logits, y, target: losses.cross_entropy(logits, y),
    "dlr": lambda logits, y, target: losses.dlr(logits, y),
    "targeted_dlr": losses.targeted_dlr,
}
CLASSES = {"cross_entropy": 2, "dlr": 3, "targeted_dlr": 4}  # at least
MOMENTUM = 0.75  # alpha of Algorithm 1: the share of the new step
RESULT = {"z": "tried", "passes": "passes", "unusable": "unusable"}  # of the state
RISING = 0.75  # rho of condition 1: the share of steps that must raise the loss


def make(model, *, epsilon, steps, loss, targets, starts, restarts, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `thresholds` are radii in [0, 1] pixels, tried from the largest down, a smaller
    one only for images that fell at the one before and afresh from every start. `targets` counts the legs of the loss
    "targeted_dlr". ValueError where the model has fewer classes than the loss needs.
    """
    exact, legs = target(model), targets if loss == "targeted_dlr" else 1
    batch_size = batch(exact, execution)

    @functools.cache
    def search_by(net):
        graph = _search(net, LOSSES[loss], steps, batch_size, execution.jit_compile)

        def search(tried):
            classes = tried.scores.shape[-1]
            if classes < CLASSES[loss]:
                raise ValueError(
                    f"expected at least {CLASSES[loss]} classes for the loss {loss}, found {classes}: use cross_entropy"
                )
            others = losses.likeliest(tried.scores, tried.y, min(legs, classes - 1)).numpy()
            found = graph(
                tried.x, tried.y, tried.z, others, tf.constant(tried.radius, tf.float32), search=tried.work.at("steps")
            )
            return found["z"].numpy(), found["passes"].numpy()

        return search

    course = ball.in_balls(search_by, named.rounds(starts, restarts), [{"steps": Cost(legs * (steps + 1))}])
    return ball.attack(model, exact, [quick(exact)], course, batch_size=batch_size)


def passes(*, thresholds, steps, loss, targets, starts, restarts, **_):
    """Forward-backward passes that one image can cost at most."""
    legs = targets if loss == "targeted_dlr" else 1
    return len(thresholds) * len(named.rounds(starts, restarts)) * legs * (steps + 1)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    return varied(params, "steps", saturates=params["loss"] == "cross_entropy")


def checkpoints(steps):
    """The steps at which the step size may halve, from 0 on: ceil(p_j * steps) (section 3.1, p_1 = 0.22)."""
    shares, share, gap = [0], 22, 22  # in hundredths, so that nothing is rounded
    while share <= 100:
        shares.append(share)
        gap = max(gap - 3, 6)
        share += gap
    return sorted({-(-p * steps // 100) for p in shares})


def _search(model, loss, steps, batch_size, jit_compile):
    """The graph: `search(x, y, z, targets, radius)` gives the last point of each image and its passes.

    `targets` (n, legs) are the classes that the legs aim at.
    """
    evaluate = kernel(functools.partial(_evaluate, model, loss), jit_compile)
    spans = np.zeros(steps + 1, np.float32)  # at a checkpoint, the steps since the one before; elsewhere 0
    spans[checkpoints(steps)[1:]] = np.diff(checkpoints(steps))

    def advance(s):
        logits, value, slope, share = evaluate(s)
        s = _halve(s, value, slope, tf.gather(spans, s["step"]))
        s |= {"passes": s["passes"] + 1, "unusable": s["unusable"] + share}
        ended, count = s["step"] >= steps, s["targets"].shape[1]
        done = (losses.margin(logits, s["y"]) < 0) | (ended & (s["leg"] >= count - 1))
        s, result = _step(s), {name: s[of] for name, of in RESULT.items()}
        s |= {"z": tf.where(wide(ended), s["start"], s["z"]), "step": tf.where(ended, 0, s["step"] + 1)}
        return s | {"leg": tf.minimum(s["leg"] + tf.cast(ended, tf.int32), count - 1)}, done, result

    @by_shape
    def search(x, y, z, targets, radius, turn):
        def begin(items):
            return _begin(*(tf.gather(part, items) for part in (x, y, z, targets)), radius)

        return refill(begin, advance, tf.shape(x)[0], batch_size, jit_compile, turn)

    return search


def _begin(x, y, z, targets, radius):
    """The state of images x at the first step of their first leg, from points z."""
    none, zero = tf.zeros_like(y), tf.zeros_like(z[:, 0, 0, 0])
    state = {"x": x, "y": y, "radius": zero + radius, "targets": targets}
    state |= {"start": z, "z": z, "tried": z, "before": z, "best": z, "slope": z, "best_slope": z}
    state |= {"value": zero, "best_value": zero, "last": zero, "rises": zero, "size": zero, "halved": y < 0}
    return state | {"step": none, "leg": none, "passes": none, "unusable": zero}


def _evaluate(model, loss, s):
    """The logits, the loss and its gradient at a state's points."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["z"])
        logits = model(s["z"], training=False)
        value = loss(logits, s["y"], tf.gather(s["targets"], s["leg"], batch_dims=1))
    slope = tape.gradient(value, s["z"], unconnected_gradients="zero")
    return logits, tf.where(tf.math.is_nan(value), -np.inf, value), *usable(slope)


def _halve(s, value, slope, span):
    """Note the loss at the points; at a checkpoint, halve the step size and go back to the best where it stalls."""
    first, at = s["step"] == 0, span > 0
    better = first | (value > s["best_value"])
    best_value = tf.where(better, value, s["best_value"])
    best, best_slope = tf.where(wide(better), s["z"], s["best"]), tf.where(wide(better), slope, s["best_slope"])
    size = tf.where(first, 2 * s["radius"], s["size"])
    rises = tf.where(first, 0.0, s["rises"] + tf.cast(value > s["value"], tf.float32))
    stalls = (rises < RISING * span) | (~s["halved"] & ~first & (best_value == s["last"]))  # conditions 1 and 2
    halve = at & stalls
    s = s | {"tried": s["z"], "best": best, "best_slope": best_slope, "best_value": best_value}
    s |= {"z": tf.where(wide(halve), best, s["z"]), "slope": tf.where(wide(halve), best_slope, slope)}
    s |= {"value": tf.where(halve, best_value, value), "size": tf.where(halve, size / 2, size)}
    s |= {"halved": tf.where(first, False, tf.where(at, halve, s["halved"])), "rises": tf.where(at, 0.0, rises)}
    return s | {"last": tf.where(at | first, best_value, s["last"])}


def _step(s):
    """One step of Algorithm 1, projected; the first has no momentum."""
    plain = project(s["z"] + wide(s["size"]) * tf.sign(s["slope"]), s["x"], s["radius"])
    mixed = s["z"] + MOMENTUM * (plain - s["z"]) + (1 - MOMENTUM) * (s["z"] - s["before"])
    moved = tf.where(wide(s["step"] == 0), plain, project(mixed, s["x"], s["radius"]))
    return s | {"z": moved, "before": s["z"]}
