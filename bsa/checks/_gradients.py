"""The sanity checks of the gradients that an attack would follow: dead, exactly zero, or lost in saturation."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bsa.checks._check import Check, percent, skipped
from bsa.ops import losses

DEAD = 1e-3  # of the image's largest gradient: below that, a pixel's sign is noise
MORE = 0.25  # share of pixels that are dead at the attack's starts and not at another: it cannot use them
LITTLE = 0.05  # share of pixels: fewer make no difference, even if they are twice as many
NONE = 0.05  # share of images without any gradient: more are too many
COLOURS = ("image", "uniform", "grey", "white")  # the starts whose gradients are looked at


class Slopes(NamedTuple):
    """Figures of the gradients at one point, for each of n images. They are of the margin's gradient.

    The margin does not saturate; the cross-entropy of a confident network does.
    """

    dead: np.ndarray  # (n,) share of pixels whose gradient is below DEAD of the image's largest
    zero: np.ndarray  # (n,) share of pixels whose gradient is exactly 0
    none: np.ndarray  # (n,) bool: the gradient is exactly 0 in all pixels
    saturated: np.ndarray  # (n,) bool: it is for the cross-entropy, and not for the margin
    unusable: np.ndarray  # (n,) share of pixels whose gradient is not finite

    def of(self, place):
        """The same for the images in a slice."""
        return Slopes(*(part[place] for part in self))


def slopes(model, points, y, batch_size=100):
    """The `Slopes` of `model` at each of the `points`, arrays (n, ...) by name, for images with labels y (n,)."""
    shape = next(iter(points.values())).shape[1:]
    signature = [tf.TensorSpec((None, *shape)), tf.TensorSpec((None,), tf.int32)]
    graph = tf.function(lambda z, y: _slopes(model, z, y), input_signature=signature)
    places = [slice(at, at + batch_size) for at in range(0, len(y), batch_size)]
    return {name: _judged([graph(z[p], y[p].astype(np.int32)) for p in places]) for name, z in points.items()}


def _judged(parts):
    """The `Slopes` of gradients: for each batch a pair, of the margins and of the cross-entropies."""
    margin, entropy = (
        np.concatenate([np.abs(s).reshape(len(s), -1) for s in part]) for part in zip(*parts, strict=True)
    )
    finite = np.isfinite(margin) & np.isfinite(entropy)
    margin, entropy = np.where(finite, margin, 0), np.where(finite, entropy, 0)  # as attacks count them
    largest = margin.max(-1, keepdims=True)
    none = largest[:, 0] == 0
    dead = np.where(none, 1.0, (margin < DEAD * largest).mean(-1))
    return Slopes(dead, (margin == 0).mean(-1), none, ~none & (entropy.max(-1) == 0), 1 - finite.mean(-1))


def _slopes(model, z, y):
    """The gradients of the margins and of the cross-entropies for z, (n, ...) each; to be called in a graph.

    A graph computes only the gradients that are needed. Eager TensorFlow computes those of every kernel as well, and
    its routine for a 1x1 convolution with strides writes beyond its memory.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(z)
        logits = model(z, training=False)
        values = losses.margin(logits, y), losses.cross_entropy(logits, y)
    return [tape.gradient(v, z, unconnected_gradients=tf.UnconnectedGradients.ZERO) for v in values]


def gradients(found, variants, cell, revived=False):
    """Checks of the gradients in one cell: `found` are `Slopes` by start, `variants` those of the attack.

    `revived`: the attack follows an opened backward pass (`bsa.rewrites.opened`).
    """
    if "follows" not in variants:
        names = ("finite gradients", "dead gradients", "zero gradients", "saturation")
        yield from (skipped(name, "the attack offers no list of starts where it follows gradients")._replace(cell=cell)
                    for name in names)  # fmt: skip
        return
    starts, alone = list(variants["follows"]), variants.get("saturates")
    blind, own = not starts and variants.get("black_box", False), starts or list(found)
    yield _finite(found, blind, cell)
    yield _dead(found, starts, revived, cell)
    yield _zero(found, own, blind, cell)
    if alone is None:
        yield skipped("saturation", "the attack has no choice of a loss")._replace(cell=cell)
    else:
        yield _saturated(found, own, alone, cell)


def _zero(found, own, blind, cell):
    figures = {start: {"images": float(s.none.mean()), "pixels": float(s.zero.mean())} for start, s in found.items()}
    none = float(np.all([found[s].none for s in own], axis=0).mean())
    message = "every image has a gradient to follow"
    if none > NONE:
        message = (
            f"{percent(none)} of the images have a gradient of exactly 0 at {listed(own)}: an operation cuts it "
            "(rounding, a cast, a comparison), and a gradient attack proves nothing; attack a differentiable stand-in"
        )
    if blind:
        message = "not judged: the attack follows no gradient"
    expected = f"at most {percent(NONE)} of the images"
    return Check("zero gradients", None if blind else none <= NONE, figures, expected, message, cell)


def _finite(found, blind, cell):
    """Of an attack that is `blind`, which follows no gradient, nothing is judged."""
    shares = {start: float(s.unusable.mean()) for start, s in found.items()}
    worst = max(shares, key=shares.get)
    message = "every gradient is finite"
    if shares[worst]:
        message = (
            f"at {worst} {percent(shares[worst])} of the gradient is not finite: it counts as 0 in a step, and the "
            "attack does not see these pixels; look for a square root, a norm or a logarithm of 0 in the network"
        )
    passed = None if blind else not shares[worst]
    return Check("finite gradients", passed, shares, "finite everywhere", message, cell)


def _dead(found, own, revived, cell):
    """Fails if far more pixels have a gradient at another start than at any of the attack's."""
    dead = {start: float(s.dead.mean()) for start, s in found.items()}
    best = min(dead, key=dead.get)
    expected = f"at no other start {percent(MORE)} of the pixels more alive, nor twice as many"
    if not own:
        return Check("dead gradients", None, dead, None, "not judged: the attack names no starts", cell)
    ours = min(own, key=dead.get)
    gap = dead[ours] - dead[best]
    passed = gap < MORE and (gap < LITTLE or 1 - dead[best] < 2 * (1 - dead[ours]))
    message = "the attack starts where most pixels have a gradient"
    if not passed and revived:
        return Check("dead gradients", None, dead, expected, "not judged: an opened backward pass revives them", cell)
    if not passed:
        message = (
            f"at {listed(own)} the gradient of {percent(dead[ours])} of the pixels is dead (below {DEAD:g} of the "
            f"largest), at {best} of {percent(dead[best])}: the attack follows noise; add the start {best}"
        )
    return Check("dead gradients", passed, dead, expected, message, cell)


def _saturated(found, own, alone, cell):
    """`alone`: the attack climbs nothing but the cross-entropy."""
    share = float(np.all([found[s].saturated for s in own], axis=0).mean())
    passed = share <= NONE if alone else None
    message = "the cross-entropy has a gradient" if alone else "not judged: the attack climbs other losses as well"
    if passed is False:
        message = (
            f"the gradient of the cross-entropy is 0 on {percent(share)} of the images, the margin's is not: the "
            "logits are so large that float32 saturates; attack the margin"
        )
    expected = f"at most {percent(NONE)} of the images"
    return Check("saturation", passed, share, expected, message, cell)


def listed(names):
    """Names as a sentence has them: a, b and c."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
