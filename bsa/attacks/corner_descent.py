"""Adam in the L-inf ball from the corner that lies towards grey, in legs, with opened ReLUs: the strongest we have.

In a blind spot the first layer's units are off on the constant background: at the image the gradient of most pixels is
noise, and an attack that starts there finds little. At the corner of the ball towards grey, x + clip(1/2 - x, -radius,
radius), those units are on; a backward pass that lets gradients through ReLUs that are off (`bsa.ops.surrogate`) helps
further. The first leg climbs the cross-entropy; each later leg begins at the corner again and climbs the logit of one
other class, the likeliest at the first leg's end first. An image leaves at its first misclassified point, by the true
logits.
"""

import functools

import numpy as np
import tensorflow as tf

from bsa import cells
from bsa.attacks import Best, _starts, checked, follow, target
from bsa.attacks._refill import refill
from bsa.ops import losses
from bsa.ops.surrogate import opened

BISECTIONS = 10  # the least distortion is known within a thousandth of the largest threshold


def make(
    model, *, epsilon, thresholds, mode, steps, targets, rate, sharpness, starts, restarts, batch_size, jit_compile
):
    """The attack on `model`: `attack(x, y, seed=0, index=None, thresholds=thresholds) -> Attacked`.

    In mode "success" the `thresholds` (radii in [0, 1] pixels; "epsilon" stands for `epsilon`) are tried from the
    largest down, a smaller one only for images that fell at the one before, from fresh corners. In mode
    "least_distortion" the radius of each image is bisected, beginning at the largest threshold; what does not fall
    there stays unbroken. `rate` is Adam's first rate as a share of the radius; it falls to a tenth over a leg.
    """

    exact = target(model)
    copy = opened(exact, sharpness) if sharpness else None
    search = _search(copy or exact, steps, 1 + targets, rate, batch_size, jit_compile)
    rounds = _starts.rounds(starts, restarts)

    def attack(x, y, seed=0, index=None, thresholds=thresholds):
        x, y, index = checked(exact, x, y, index)
        follow(model, exact, copy)
        radii = cells.thresholds(thresholds, epsilon)
        best = Best(exact, x, y)

        def attempt(rows, name, restart, radius):
            radius = np.broadcast_to(np.float32(radius), len(rows))
            wide = radius[:, None, None, None]
            z = _starts.project(_starts.points(name, x[rows], index[rows], seed, restart, wide), x[rows], wide)
            return search(x[rows], y[rows], z, radius)

        if mode == "success":
            best.descend(radii, rounds, attempt)
        else:
            best.descend(radii[:1], rounds, attempt)
            _bisect(best, rounds, attempt)
        return best.result(radii[0])

    return attack


def _bisect(best, rounds, attempt):
    """Halve, for each broken image, the gap between a radius that failed and the distance found."""
    failed = np.zeros(len(best.x))
    broken = np.flatnonzero(np.isfinite(best.distance))
    for _ in range(BISECTIONS):
        middle = (failed + best.distance) / 2
        for name, restart in rounds:
            rows = broken[best.distance[broken] > middle[broken] + cells.SLACK]
            if len(rows):
                best.offer(rows, *attempt(rows, name, restart, middle[rows]), name)
        stood = broken[best.distance[broken] > middle[broken] + cells.SLACK]
        failed[stood] = middle[stood]


def passes(*, thresholds, mode, steps, targets, starts, restarts, **_):
    """Forward-backward passes of one image at most."""
    radii = len(thresholds) if mode == "success" else 1 + BISECTIONS
    return radii * len(_starts.rounds(starts, restarts)) * (1 + targets) * steps


def _search(model, steps, legs, rate, batch_size, jit_compile):
    """The graph: `search(x, y, z, radius (n,))` gives the last point of each image and its passes."""

    evaluate = tf.function(functools.partial(_evaluate, model), jit_compile=jit_compile or None)

    def advance(s):
        logits, slope = evaluate(s)
        s = s | {"passes": s["passes"] + 1}
        ended = s["step"] >= steps - 1
        done = (losses.margin(logits, s["y"]) < 0) | (ended & (s["leg"] >= legs - 1))
        result = {"z": s["z"], "passes": s["passes"]}
        s = _adam(s, slope, rate, steps)
        likeliest = _others(logits, s["y"], s["targets"].shape[1])
        s["targets"] = tf.where((ended & (s["leg"] == 0))[:, None], likeliest, s["targets"])
        again, zero = ended[:, None, None, None], tf.zeros_like(slope)
        s |= {"z": tf.where(again, s["corner"], s["z"]), "mean": tf.where(again, zero, s["mean"])}
        s |= {"square": tf.where(again, zero, s["square"]), "step": tf.where(ended, 0, s["step"] + 1)}
        return s | {"leg": s["leg"] + tf.cast(ended, tf.int32)}, done, result

    @tf.function(reduce_retracing=True)
    def graph(x, y, z, radius):
        def items(numbers):
            return _begin(*(tf.gather(part, numbers) for part in (x, y, z, radius)), max(legs - 1, 1))

        return refill(items, advance, tf.shape(x)[0], batch_size)

    def search(*arrays):
        found = graph(*arrays)
        return found["z"].numpy(), found["passes"].numpy()

    return search


def _begin(x, y, z, radius, targets):
    """The state of images x at the first step of their first leg, from corners z."""
    none, still = tf.zeros_like(y), tf.zeros_like(z)
    state = {"x": x, "y": y, "radius": radius[:, None, None, None], "corner": z, "z": z, "mean": still}
    state |= {"square": still, "step": none, "leg": none, "passes": none}
    return state | {"targets": tf.zeros([tf.size(y), targets], tf.int32)}


def _evaluate(model, s):
    """The logits of a state, and the gradient of what its leg climbs."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["z"])
        logits = model(s["z"], training=False)
        target = tf.gather(s["targets"], tf.clip_by_value(s["leg"] - 1, 0, s["targets"].shape[1] - 1), batch_dims=1)
        gap = tf.gather(logits, target, batch_dims=1) - tf.gather(logits, s["y"], batch_dims=1)
        value = tf.where(s["leg"] == 0, losses.cross_entropy(logits, s["y"]), gap)
    return logits, tape.gradient(value, s["z"])


def _adam(s, slope, rate, steps):
    """One step of Adam (0.9, 0.99) uphill, projected; its rate falls from rate * radius to a tenth over a leg."""
    mean, square = 0.9 * s["mean"] + 0.1 * slope, 0.99 * s["square"] + 0.01 * slope**2
    step = tf.cast(s["step"], tf.float32)[:, None, None, None]
    size = rate * s["radius"] * 0.1 ** (step / max(steps - 1, 1))
    move = size * (mean / (1 - 0.9 ** (step + 1))) / (tf.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-12)
    low, high = tf.maximum(s["x"] - s["radius"], 0.0), tf.minimum(s["x"] + s["radius"], 1.0)
    return s | {"z": tf.clip_by_value(s["z"] + move, low, high), "mean": mean, "square": square}


def _others(logits, y, count):
    """The `count` likeliest classes beside y, (n, count) int32; with fewer classes the last one repeats."""
    own = tf.one_hot(y, tf.shape(logits)[1], on_value=True, off_value=False)
    order = tf.argsort(tf.where(own, -np.inf, tf.cast(logits, tf.float32)), direction="DESCENDING")
    return tf.gather(order, tf.minimum(tf.range(count), tf.shape(logits)[1] - 2), axis=1)
