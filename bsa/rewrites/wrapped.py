"""Wraps any classifier for attacks: from images in [0, 1] to logits (n, classes), compared with the original.

A final softmax or sigmoid is removed where it can be found. Elsewhere log-probabilities replace the logits: they differ
from them by a constant for each image, so that margins and cross-entropy are the same.
"""

import contextlib
import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bsa.given import images as images_of
from bsa.rewrites.ending import ending
from bsa.rewrites.graphs import traced
from bsa.rewrites.original import arranged, image_shape, original
from bsa.rewrites.pixels import UNIT, Pixels, affine, layered, shown

OUTPUTS = ("auto", "logits", "probabilities")
DRAWN, MOST = 16, 64  # images that are drawn, and that are compared of those given
OPEN = 64  # the side of drawn images where the network takes any
TINY = float(np.finfo(np.float32).tiny)  # what probabilities are raised by: the logarithm of 0 has no gradient
NOISY = 3  # times what a model differs by from call to call: the largest of as many differences is not far from it
ONE = 1e-3  # how near to 1 probabilities add up in float32
NAMES = {"softmax": "softmax", "log_softmax": "log-softmax", "sigmoid": "sigmoid"}
BACK = {  # what the original makes of logits (n, classes); of one output, of the second logit less the first
    "linear": lambda z: z,
    "softmax": tf.nn.softmax,
    "log_softmax": tf.nn.log_softmax,
    "sigmoid": tf.sigmoid,
    "log": tf.nn.softmax,
}


@dataclasses.dataclass(frozen=True)
class Wrapping:
    """What `wrap` did; a wrapped model has it as `wrapping`."""

    pixels: Any  # as they were stated
    notes: tuple[str, ...]  # for a reader of results, a sentence each
    difference: float  # the largest of all outputs for the images compared, in what the original gives


def wrap(
    model: keras.Model,
    *,
    pixels: Pixels = UNIT,
    outputs: str = "auto",
    output: int | str | None = None,
    images: np.ndarray | None = None,
    input_shape: tuple[int | None, ...] | None = None,
) -> keras.Model:
    """A model that gives the logits (n, classes) of `model` for images (n, height, width, channels) in [0, 1].

    See `bsa.wrap`, which has the same arguments. It has its `Wrapping` as `wrapping`. ValueError says what was expected
    of the model, what was found and what to do.
    """
    if outputs not in OUTPUTS:
        raise ValueError(f"expected outputs to be one of {', '.join(OUTPUTS)}, found {outputs!r}")
    if not isinstance(model, keras.Model):
        raise ValueError(f"expected a Keras model, found {_other(model)}")
    images = None if images is None else _some(images)
    given, weights = input_shape if images is None else images.shape[1:], len(model.weights)
    shape = image_shape(model, given)
    own = original(model, affine(pixels, shape[-1]), shape, output)
    x = _comparable(own, images)
    answers = own.answers(x)
    if len(model.weights) > weights:
        raise ValueError(
            f"expected a model with its weights, found that {len(model.weights) - weights} were drawn when it was "
            "called: begin it with keras.Input or call it once on images, then train it"
        )
    if not np.isfinite(answers).all():
        raise ValueError("expected finite outputs, found NaN or infinity: look at the weights and at `pixels`")
    looks = answers if images is None else np.concatenate([answers, own.answers(_drawn(own))])
    if own.inner is None and (inner := traced(model, own.taken)) is not None:
        with contextlib.suppress(ValueError):  # it does more than its layers, or what is wrong is said below
            return _compared(own._replace(inner=inner), pixels, outputs, looks, x)
    return _compared(own, pixels, outputs, looks, x)


def _some(images):
    """The first of the images given, (n, height, width, channels) float32 in [0, 1]; ValueError for others."""
    if not len(images):
        raise ValueError("expected images to compare on, found none: give some, or leave `images` out")
    return images_of(images[:MOST])


def _other(model):
    """What a thing is that is no Keras model, and what to do about it."""
    origins = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    if "torch" in origins:
        return "a torch.nn.Module: give it to bsa.from_torch"
    if "tf_keras" in origins:
        return 'one of tf_keras: write it with model.export(FOLDER), and open FOLDER with bsa.build("keras_file")'
    return f'{type(model).__name__}: of a file, bsa.build("keras_file", file=FILE) makes one'


def _compared(own, pixels, outputs, answers, x):
    """The wrapped model, compared with the original, which gives the first of `answers` for images x."""
    wrapped, kind, layer = _built(own, pixels, outputs, answers)
    difference, noise = _difference(own, wrapped, kind, answers[: len(x)], x)
    notes = [*_notes(own, kind, layer, answers.shape[-1], pixels)]
    notes.append(f"On {len(x)} images its predictions are those of the original to within {difference:.2g}.")
    if noise:
        notes.append(f"They differ from call to call, by up to {noise:.2g}: so does what is attacked.")
    wrapped.wrapping = Wrapping(pixels, tuple(notes), difference)
    return wrapped


def _built(own, pixels, outputs, answers):
    """The wrapped model, the kind of its end (see `BACK`), and the name of the layer that this was taken off."""
    inputs = keras.Input(own.shape, dtype="float32", name="image")
    taken = arranged(layered(inputs, pixels), own.taken)
    if own.inner is None:
        found = own.pick(_called(own.model, taken))
        kind = _kind(None, answers, outputs)
        return keras.Model(inputs, _logits(found, kind), name=own.model.name), kind, ""
    body = own.on_floats()
    found = own.pick(keras.tree.pack_sequence_as(body.output, body.outputs))
    end = ending(found)
    kind = _kind(end, answers, outputs)
    logits = _logits(found if kind == "log" or outputs == "logits" or end is None else end.logits, kind)
    cut = keras.Model(body.inputs[0], logits, name=own.model.name)
    if taken is inputs and own.taken == own.shape:
        return cut, kind, end.layer if end else ""
    return keras.Model(inputs, cut(taken), name=own.model.name), kind, end.layer if end else ""


def _called(model, taken):
    try:
        return model(taken, training=False)
    except Exception as error:  # a subclassed model may fail in any way
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"expected a model that Keras can use as a layer, found that {type(model).__name__} fails on symbolic "
            f"images ({type(error).__name__}: {reason}): compute with keras.ops or tf functions in its call"
        ) from error


def _kind(end, answers, outputs):
    """How the model ends, one of `BACK`: as its graph says, else as its outputs look; ValueError for no classifier."""
    single = answers.shape[-1] == 1
    if outputs == "logits":
        return "linear"
    if end is not None and end.activation != "linear":
        if single and end.activation != "sigmoid":
            raise ValueError(f"expected at least 2 classes, found one output and a {NAMES[end.activation]}, always 1")
        return end.activation
    alike = end is None and _probabilities(answers)
    if outputs == "probabilities" and not alike:
        found = f"outputs from {answers.min():.3g} to {answers.max():.3g}"
        where = f" of the layer {end.layer}, which has no activation" if end else ""
        raise ValueError(f'expected probabilities, as stated, found {found}{where}: state "logits", or leave it out')
    if single and not alike:
        raise ValueError(
            f"expected an output for each of at least 2 classes, or one with a sigmoid, found one output from "
            f"{answers.min():.3g} to {answers.max():.3g}: where it is the logit of the second of two classes, state "
            'outputs "logits"; a regression has no classes to attack'
        )
    return "log" if alike else "linear"


def _probabilities(answers):
    """Whether outputs (n, classes) are those of a softmax, (n, 1) those of a sigmoid, by their values."""
    if answers.min() < 0 or answers.max() > 1 + ONE:
        return False
    return answers.shape[-1] == 1 or bool((np.abs(answers.sum(-1) - 1) < ONE).all())


def _logits(found, kind):
    """Logits (n, classes), of at least 2 classes, of a tensor that is logits but for its shape or, by kind "log", p."""
    if len(found.shape) != 2:
        found = keras.layers.Reshape((1 if len(found.shape) == 1 else found.shape[-1],))(found)
    if kind == "log":
        p = keras.ops.cast(found, "float32")
        p = keras.ops.concatenate([1 - p, p], -1) if p.shape[-1] == 1 else p
        return keras.ops.log(p + TINY)
    if found.shape[-1] is None:
        raise ValueError(
            "expected a network that tells how many classes it has, found one of open size: state the size"
        )
    if found.shape[-1] > 1:
        return found
    # (0, z): z is the difference to the bit, and softmax of it the sigmoid
    pair = keras.layers.Dense(2, use_bias=False, trainable=False, dtype=found.dtype, name="two_classes")
    logits = pair(found)
    pair.set_weights([np.array([[0, 1]], np.float32)])
    return logits


def _drawn(own):
    """Images to compare on: noise on 8-bit levels, of several contrasts, black, grey and white."""
    rng = np.random.default_rng(0)
    shape = [OPEN if size is None else size for size in own.shape]
    noise = rng.integers(0, 256, (DRAWN - 3, *shape)) * np.linspace(0.2, 1, DRAWN - 3)[:, None, None, None]
    flat = [np.full((1, *shape), level) for level in (0, 128, 255)]
    return (np.concatenate([np.rint(noise), *flat]) / 255).astype(np.float32)


def _comparable(own, images):
    """The images that both are compared on, (n, height, width, channels) float32."""
    x = _drawn(own) if images is None else images
    return own.made.inverse(np.rint(own.made(x))) if own.whole else x


def _difference(own, wrapped, kind, answers, x):
    """The largest difference of the predictions, and how much the model's own differ from call to call, 0 if little.

    ValueError where the first is more than rounding, and not of the size of the second.
    """
    logits = np.concatenate([np.asarray(tf.cast(wrapped(x[i : i + 16], training=False), tf.float32))
                             for i in range(0, len(x), 16)])  # fmt: skip
    logits = logits[:, 1:] - logits[:, :1] if answers.shape[-1] == 1 else logits
    back = tf.sigmoid if kind == "log" and answers.shape[-1] == 1 else BACK[kind]
    difference = float(np.abs(np.asarray(back(logits)) - answers).max())
    room = own.rounding * max(float(np.abs(answers).max()), 1e-30)
    noise = float(np.abs(own.answers(x) - answers).max())
    if difference > max(room, NOISY * noise):
        raise ValueError(
            f"expected the predictions of the model from its parts, found others, by up to {difference:.3g}: does its "
            'call do more than its layers? State outputs "logits", or give a model of layers'
        )
    return difference, noise if noise > room else 0.0


def _notes(own, kind, layer, classes, pixels):
    """What was done, a sentence each, for a reader of results."""
    name = own.model.name
    if shown(pixels) != shown(UNIT):
        yield f"network {name} takes pixels {shown(pixels)}: they are made of those in [0, 1], where distances are."
    if own.whole:
        yield f"network {name} takes whole numbers: it is attacked on the real numbers between them, too."
    if kind == "log":
        yield (
            f"network {name} gives probabilities, and its logits cannot be reached: attacked through their logarithms, "
            "which have no gradient where float32 rounds a probability to 0 or 1."
        )
    elif kind != "linear":
        yield f"network {name} is attacked through its logits: the {NAMES[kind]} of {layer} was taken off."
    if classes == 1:
        yield "Its one output z stands as the logits (0, z) of two classes."
