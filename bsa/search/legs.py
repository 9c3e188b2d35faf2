"""A search in the L-inf ball in legs, each from the same corner: the graph of `corner_descent`.

A leg climbs the cross-entropy, or the logit of one other class: of the k-th likeliest where the first leg ended.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bsa.ops import losses
from bsa.search.ball import project, wide
from bsa.search.finite import usable, worst
from bsa.search.queue import by_shape, kernel, refill


class Leg(NamedTuple):
    """One search of an image, `steps` long."""

    steps: int
    target: int  # 0: the cross-entropy; k: the logit of the k-th likeliest other class
    rule: str


def schedule(leg: dict) -> tuple[list[Leg], Leg]:
    """The legs of an attack's part `leg`, and one that returns.

    First the cross-entropy by the first rule, then each target by every rule.
    """
    steps, rules = leg["steps"], leg["rules"]
    later = leg["later_steps"] or steps
    towards = [Leg(later, target, rule) for target in range(1, leg["targets"] + 1) for rule in rules]
    return [Leg(steps, 0, rules[0]), *towards], Leg(later, 0, rules[0])


def search_in_legs(model, legs, glance, rate, batch_size, jit_compile):
    """The graph: `search(x, y, z, radius, limits)` gives each image's best point, its passes, success and margin.

    radius is (n,), limits (n, 2): with a margin above the first after `glance` steps (0 for never), or above the second
    after a leg, an image gets no more. Every leg begins at z.
    """
    lengths, targets = (tf.constant([getattr(leg, field) for leg in legs]) for field in ("steps", "target"))
    by_sign = tf.constant([leg.rule == "sign" for leg in legs])
    most = max(leg.target for leg in legs) or 1
    evaluate = kernel(functools.partial(_evaluate, model), jit_compile)

    def advance(s):
        logits, slope, share = evaluate(s, tf.gather(targets, s["leg"]))
        steps = tf.gather(lengths, s["leg"])
        ended = s["step"] >= steps - 1
        margin = worst(losses.margin(logits, s["y"]))
        nearer, s = margin < s["margin"], s | {"unusable": s["unusable"] + share}
        s["best"] = tf.where(wide(nearer), s["z"], s["best"])
        s["margin"] = tf.minimum(margin, s["margin"])
        hopeless = s["margin"][:, None] > s["limits"]
        given_up = (hopeless[:, 0] & (s["passes"] + 1 == glance)) | (hopeless[:, 1] & ended)
        done = (margin < 0) | given_up | (ended & (s["leg"] >= len(legs) - 1))
        moved = _step(s, slope, tf.gather(by_sign, s["leg"]), rate, steps)
        result = {"best": s["best"], "passes": s["passes"] + 1, "found": s["margin"] < 0, "margin": s["margin"]}
        result["unusable"] = s["unusable"]
        return _turn(s | moved, logits, ended, len(legs)), done, result

    @by_shape
    def graph(*tensors, turn):
        def items(numbers):
            return _begin(*(tf.gather(part, numbers) for part in tensors), most)

        return refill(items, advance, tf.shape(tensors[0])[0], batch_size, jit_compile, turn)

    def search(*arrays, search=None):
        found = graph(*arrays, search=search)
        return tuple(found[name].numpy() for name in ("best", "passes", "found", "margin"))

    return search


def _begin(x, y, z, radius, limits, targets):
    """The state of images x at the first step of their first leg, from corners z."""
    none, still = tf.zeros_like(y), tf.zeros_like(z)
    state = {"x": x, "y": y, "radius": wide(radius), "corner": z, "z": z, "before": z}
    state |= {"mean": still, "square": still, "step": none, "leg": none, "passes": none}
    state |= {"best": z, "margin": tf.zeros_like(radius) + np.inf, "limits": limits, "unusable": tf.zeros_like(radius)}
    return state | {"targets": tf.zeros([tf.size(y), targets], tf.int32)}


def _evaluate(model, s, target):
    """The logits of a state, and the gradient of what its leg climbs: `target` 0 is the cross-entropy."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["z"])
        logits = tf.cast(model(s["z"], training=False), tf.float32)
        other = tf.gather(s["targets"], tf.maximum(target - 1, 0), batch_dims=1)
        gap = tf.gather(logits, other, batch_dims=1) - tf.gather(logits, s["y"], batch_dims=1)
        value = tf.where(target == 0, losses.cross_entropy(logits, s["y"]), gap)
    return logits, *usable(tape.gradient(value, s["z"], unconnected_gradients="zero"))


def _step(s, slope, by_sign, rate, steps):
    """One step uphill, projected on ball and box: by sign steps with momentum, or by Adam (0.9, 0.99).

    `steps` (n,) are those of the leg, over which Adam's rate falls from rate * radius to a tenth, that of sign steps
    from radius / 2 to a twenty-fifth.
    """
    step = wide(tf.cast(s["step"], tf.float32))
    gone = step / wide(tf.cast(tf.maximum(steps - 1, 1), tf.float32))
    mean, square = 0.9 * s["mean"] + 0.1 * slope, 0.99 * s["square"] + 0.01 * slope**2
    adam = (mean / (1 - 0.9 ** (step + 1))) / (tf.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-12)
    adam = s["z"] + rate * s["radius"] * 0.1**gone * adam
    ahead = project(s["z"] + 0.5 * s["radius"] * 0.04**gone * tf.sign(slope), s["x"], s["radius"])
    sign = s["z"] + 0.75 * (ahead - s["z"]) + 0.25 * (s["z"] - s["before"])
    z = project(tf.where(wide(by_sign), sign, adam), s["x"], s["radius"])
    return {"z": z, "before": s["z"], "mean": mean, "square": square}


def _turn(s, logits, ended, legs):
    """Count the step; where one of the `legs` has `ended`, begin the next at the corner, the second with targets."""
    likeliest = losses.likeliest(logits, s["y"], s["targets"].shape[1])
    following = tf.minimum(s["leg"] + tf.cast(ended, tf.int32), legs - 1)
    again, zero = wide(ended), tf.zeros_like(s["mean"])
    fresh = {"z": s["corner"], "before": s["corner"], "mean": zero, "square": zero}
    s = s | {name: tf.where(again, value, s[name]) for name, value in fresh.items()}
    s["targets"] = tf.where((ended & (s["leg"] == 0))[:, None], likeliest, s["targets"])
    s["leg"] = following
    return s | {"step": tf.where(ended, 0, s["step"] + 1), "passes": s["passes"] + 1}
