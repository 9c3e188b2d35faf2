"""The sanity checks of a network: what it gives, and the gradients that an attack would follow.

Probabilities, quantised inputs, noise and batch statistics make a network look robust to gradients that it is not
robust to (Carlini and Wagner 2017, section V; Athalye et al. 2018; AutoAttack's checks, Croce and Hein 2020).
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.measures._check import Check, percent
from bsa.ops import losses

IMAGES = 32  # enough to see what a network gives
SHIFT = 1e-4  # of the outputs' spread: float32 sums in another order move them by some 1e-6 of it, a fault by far more
ONE = 1e-4  # how near to 1 probabilities add up; float32 rounds at 1e-6
DEAD = 1e-3  # of the image's largest gradient: below, a pixel's sign is as good as noise
MORE = 0.25  # of the pixels alive at another start and dead at the attack's: those it cannot use
LITTLE = 0.05  # of the pixels: fewer make no difference, even where they are twice as many
NONE = 0.05  # so many images without any gradient are too many
UNUSABLE = ("not finite", "one output")  # what is found of logits that no attack can follow
COLOURS = ("image", "uniform", "grey", "white")  # the starts whose gradients are looked at
TRAINING = (
    keras.layers.BatchNormalization, keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
    keras.layers.AlphaDropout, keras.layers.GaussianDropout, keras.layers.GaussianNoise,
)  # fmt: skip


def outputs(model, x):
    """Checks of what `model` gives for images `x` (n, height, width, channels) in [0, 1], in inference mode."""
    x = x[:IMAGES]
    before = [np.array(w) for w in model.get_weights()]
    first, second = call(model, x), call(model, x)
    changed = any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    few = x[:4]
    judged = _logits(first)
    yield judged
    if judged.found in UNUSABLE:
        return
    alone = np.concatenate([call(model, image[None]) for image in few])
    company = call(model, np.concatenate([few, 1 - x]))[: len(few)]
    if changed:
        model.set_weights(before)
    spread = max(float(np.ptp(first)), 1e-30)
    noise = float(np.abs(first - second).max()) / spread
    apart = max(float(np.abs(other - first[: len(few)]).max()) for other in (alone, company)) / spread
    yield _inference(model, changed, noise > SHIFT or apart > SHIFT)
    yield _deterministic(noise)
    yield _independent(apart, noise)


def call(model, x):
    """The outputs (n, classes) of `model` in inference mode, float32."""
    return np.asarray(tf.cast(model(x, training=False), tf.float32))


def _logits(found):
    """Logits, not probabilities. Log-probabilities are logits too: their differences and cross-entropy are the same."""
    expected = "finite values that are not probabilities"
    figures = {"smallest": float(found.min()), "largest": float(found.max())}
    if not np.isfinite(found).all():
        message = "the outputs hold values that are not finite: no attack can follow them"
        return Check("logits", False, UNUSABLE[0], expected, message)
    if found.shape[-1] < 2:
        message = "the network has one output, and an attack wants a logit for each class: give it two"
        return Check("logits", False, UNUSABLE[1], expected, message)
    if found.min() >= 0 and np.abs(found.sum(-1) - 1).max() < ONE:
        message = (
            "the outputs are probabilities (each row adds up to 1): in float32 they saturate and their gradients "
            "vanish, so that robustness is overstated; remove the softmax at the end"
        )
        return Check("logits", False, figures, expected, message)
    if found.min() >= 0 and found.max() <= 1:
        message = "every output lies in [0, 1], as after a sigmoid, and saturates there; remove the last activation"
        return Check("logits", False, figures, expected, message)
    if found.max() <= 0 and np.abs(np.exp(found).sum(-1) - 1).max() < ONE:
        return Check("logits", True, figures, expected, "the outputs are log-probabilities, as good as logits")
    return Check("logits", True, figures, expected, "the outputs are logits")


def _inference(model, changed, moved):
    names = [layer.name for layer in _layers(model) if isinstance(layer, TRAINING) and getattr(layer, "rate", 1)]
    expected = "no weight changes, and training=False is obeyed"
    if not (changed or (moved and names)):
        return Check("inference mode", True, {"weights_changed": False}, expected, "the network is in inference mode")
    cause = "a call in inference mode changes its weights" if changed else f"{', '.join(names)} may work as in training"
    message = f"the network is in training mode though called with training=False: {cause}; pass `training` on"
    return Check("inference mode", False, {"weights_changed": changed, "layers": names}, expected, message)


def _layers(model):
    """All layers of a model, those of nested models too."""
    for layer in getattr(model, "layers", []):
        yield layer
        yield from _layers(layer)


def _deterministic(noise):
    expected = f"at most {SHIFT:g} of the outputs' spread between two calls"
    if noise <= SHIFT:
        return Check("deterministic", True, noise, expected, "the same image gives the same output")
    message = (
        f"the same images give outputs that differ by {percent(noise)} of their spread from call to call: noise hides "
        "gradients and one call proves nothing; switch it off, or average it within the model"
    )
    return Check("deterministic", False, noise, expected, message)


def _independent(apart, noise):
    expected = f"at most {SHIFT:g} of the outputs' spread between an image alone and in any batch"
    if noise > SHIFT:
        message = "not judged: the outputs differ from call to call anyway"
        return Check("batch independence", None, apart, expected, message)
    if apart <= SHIFT:
        return Check("batch independence", True, apart, expected, "an image's output does not depend on its batch")
    message = (
        f"an image's output moves by {percent(apart)} of the spread with the other images of its batch: batch "
        "statistics at work as in training; call the layers with training=False"
    )
    return Check("batch independence", False, apart, expected, message)


class Slopes(NamedTuple):
    """What is known of the gradients at one point for each of n images, from the margin's gradient.

    The margin's, because it does not saturate, where the cross-entropy of a confident network does.
    """

    dead: np.ndarray  # (n,) share of pixels whose gradient is below DEAD of the image's largest
    zero: np.ndarray  # (n,) share of pixels whose gradient is exactly 0
    none: np.ndarray  # (n,) bool: all are
    saturated: np.ndarray  # (n,) bool: all are 0 for the cross-entropy, and not for the margin

    def of(self, place):
        """The same for the images in a slice."""
        return Slopes(*(part[place] for part in self))


def slopes(model, z, y, batch_size=100):
    """The `Slopes` of `model` at points z (n, ...) of images with labels y (n,)."""
    places = [slice(at, at + batch_size) for at in range(0, len(z), batch_size)]
    parts = [_slopes(model, tf.constant(z[p]), tf.constant(y[p])) for p in places]
    margin, entropy = (np.concatenate(part) for part in zip(*parts, strict=True))
    largest = margin.max(-1, keepdims=True)
    none = largest[:, 0] == 0
    dead = np.where(none, 1.0, (margin < DEAD * largest).mean(-1))
    return Slopes(dead, (margin == 0).mean(-1), none, ~none & (entropy.max(-1) == 0))


def _slopes(model, z, y):
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(z)
        logits = model(z, training=False)
        values = losses.margin(logits, y), losses.cross_entropy(logits, y)
    found = (tape.gradient(v, z, unconnected_gradients=tf.UnconnectedGradients.ZERO) for v in values)
    return [np.abs(slope.numpy()).reshape(len(z), -1) for slope in found]


def gradients(found, params, cell, revived=False):
    """Checks of the gradients in one cell: `found` are `Slopes` by start, `params` those of the attack.

    `revived` tells that the attack follows an opened backward pass (`bsa.ops.surrogate`).
    """
    climbing = [each for each in params.get("attacks", [params]) if "queries" not in each]
    starts = followed(params)
    own = starts or list(found)
    yield _dead(found, starts, revived, cell)
    yield _zero(found, own, not climbing, cell)
    if any("loss" in each for each in climbing):
        yield _saturated(found, own, all(each.get("loss") == "cross_entropy" for each in climbing), cell)


def followed(params):
    """The starts from which an attack, or an ensemble's members, follow gradients; none where it names none.

    A black-box attack, which counts queries, follows no gradient.
    """
    if "attacks" in params:
        return list(dict.fromkeys(start for member in params["attacks"] for start in followed(member)))
    return [] if "queries" in params else list(params.get("starts", []))


def unconfirmed(model, x, y, batch_size=100):
    """How many of the images x (n, ...) `model` gives class y by more than float32 rounds at, in batches."""
    wrong = 0
    for at in range(0, len(x), batch_size):
        scores, labels = call(model, x[at : at + batch_size]), y[at : at + batch_size]
        margin = losses.margin(scores, labels).numpy()
        wrong += int((margin > SHIFT * max(float(np.ptp(scores)), 1e-30)).sum())
    return wrong


def _zero(found, own, blind, cell):
    figures = {start: {"images": float(s.none.mean()), "pixels": float(s.zero.mean())} for start, s in found.items()}
    none = float(np.all([found[s].none for s in own], axis=0).mean())
    message = "every image has a gradient to follow"
    if none > NONE:
        message = (
            f"{percent(none)} of the images have a gradient of exactly 0 at {listed(own)}: an operation cuts it "
            "(rounding, a cast, a comparison), and a gradient attack proves nothing; attack a differentiable stand-in"
        )
    expected = f"at most {percent(NONE)} of the images"
    return Check("zero gradients", None if blind else none <= NONE, figures, expected, message, cell)


def _dead(found, own, revived, cell):
    """Dead: at another start far more pixels live than at any of the attack's."""
    dead = {start: float(s.dead.mean()) for start, s in found.items()}
    best = min(dead, key=dead.get)
    expected = f"at no other start {percent(MORE)} of the pixels more alive, nor twice as many"
    if not own:
        return Check("dead gradients", None, dead, None, "not judged: the attack names no starts", cell)
    ours = min(own, key=dead.get)
    gap = dead[ours] - dead[best]
    passed = gap < MORE and (gap < LITTLE or 1 - dead[best] < 2 * (1 - dead[ours]))
    message = "the attack begins where the gradient is alive"
    if not passed and revived:
        return Check("dead gradients", None, dead, expected, "not judged: an opened backward pass revives them", cell)
    if not passed:
        message = (
            f"at {listed(own)} the gradient of {percent(dead[ours])} of the pixels is dead (below {DEAD:g} of the "
            f"largest), at {best} of {percent(dead[best])}: the attack follows noise; add the start {best}"
        )
    return Check("dead gradients", passed, dead, expected, message, cell)


def _saturated(found, own, alone, cell):
    """`alone`: nothing but the cross-entropy is climbed."""
    share = float(np.all([found[s].saturated for s in own], axis=0).mean())
    passed = share <= NONE if alone else None
    message = "the cross-entropy has a gradient"
    if share > NONE:
        message = (
            f"the gradient of the cross-entropy is 0 on {percent(share)} of the images, the margin's is not: the "
            "logits are so large that float32 saturates; attack the margin"
        )
    expected = f"at most {percent(NONE)} of the images"
    return Check("saturation", passed, share, expected, message, cell)


def listed(names):
    """Names as a sentence has them: a, b and c."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
