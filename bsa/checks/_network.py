"""The sanity checks of a network's outputs.

Probabilities, quantised inputs, noise and batch statistics make a network look more robust to gradient attacks than it
is (Carlini and Wagner 2017, section V; Athalye et al. 2018; AutoAttack's checks, Croce and Hein 2020).
"""

import keras
import numpy as np
import tensorflow as tf

from bsa.checks._check import Check, percent
from bsa.ops import losses

IMAGES = 32  # enough to see what a network returns
SHIFT = 1e-4  # of the outputs' range: float32 sums in another order change them by some 1e-6 of it, a fault by far more
ONE = 1e-4  # how far from 1 a sum of probabilities may be; float32 rounds at 1e-6
UNUSABLE = ("not finite", "one output")  # findings about logits that no attack can follow
TRAINING = (
    keras.layers.BatchNormalization, keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
    keras.layers.AlphaDropout, keras.layers.GaussianDropout, keras.layers.GaussianNoise,
)  # fmt: skip


def outputs(model, x):
    """Checks of the outputs of `model` for images `x` (n, height, width, channels) in [0, 1], in inference mode."""
    x = np.asarray(x[:IMAGES])
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
    yield _resolution(first)
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
        message = "the outputs contain values that are not finite: no attack can follow them"
        return Check("logits", False, UNUSABLE[0], expected, message)
    if found.shape[-1] < 2:
        message = "the network has one output, and attacks need a logit for each class: give it two, as bsa.wrap does"
        return Check("logits", False, UNUSABLE[1], expected, message)
    if found.min() >= 0 and np.abs(found.sum(-1) - 1).max() < ONE:
        message = (
            "the outputs are probabilities (each row adds up to 1): in float32 they saturate and their gradients "
            "vanish, so that robustness is overstated; remove the softmax at the end, as bsa.wrap does"
        )
        return Check("logits", False, figures, expected, message)
    if found.min() >= 0 and found.max() <= 1:
        message = "every output lies in [0, 1], as after a sigmoid, and saturates there; remove it, as bsa.wrap does"
        return Check("logits", False, figures, expected, message)
    if found.max() <= 0 and np.abs(np.exp(found).sum(-1) - 1).max() < ONE:
        return Check("logits", True, figures, expected, "the outputs are log-probabilities, as good as logits")
    return Check("logits", True, figures, expected, "the outputs are logits")


def _resolution(scores):
    """Whether the margins are far above the spacing of float32 at the logits' size."""
    steps = losses.resolution(scores, scores.argmax(-1))
    message = "the logits' margins are far above what float32 rounds them to"
    if steps < losses.FINE:
        message = (
            f"the median margin is {steps:.0f} of float32's steps at the logits' size: rounding hides small changes; "
            "subtract what is common to all logits"
        )
    expected = f"at least {losses.FINE} of float32's steps"
    return Check("resolution", steps >= losses.FINE, steps, expected, message)


def _inference(model, changed, moved):
    names = [layer.name for layer in _layers(model) if isinstance(layer, TRAINING) and getattr(layer, "rate", 1)]
    expected = "no weight changes, and training=False is obeyed"
    if not (changed or (moved and names)):
        return Check("inference mode", True, {"weights_changed": False}, expected, "the network is in inference mode")
    cause = "a call in inference mode changes its weights" if changed else f"{', '.join(names)} may work as in training"
    message = f"the network is in training mode although it is called with training=False: {cause}; pass `training` on"
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
        "statistics are used as in training; call the layers with training=False"
    )
    return Check("batch independence", False, apart, expected, message)


def unconfirmed(model, x, y, batch_size=100):
    """How many of the images x (n, ...) are of class y to `model`, by a margin above float32's rounding; in batches."""
    wrong = 0
    for at in range(0, len(x), batch_size):
        scores, labels = call(model, x[at : at + batch_size]), y[at : at + batch_size]
        margin = losses.margin(scores, labels).numpy()
        wrong += int((margin > SHIFT * max(float(np.ptp(scores)), 1e-30)).sum())
    return wrong
