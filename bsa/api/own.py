"""Your own networks and adversarial images, as the library takes and judges them."""

from __future__ import annotations  # networks are named without importing TensorFlow

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bsa import backend
from bsa.errors import UsageError

if TYPE_CHECKING:
    import keras

    from bsa.evaluation.judged import Judged


def from_torch(
    module: Any,
    *,
    input_shape: Sequence[int] | None = None,
    pixels: Sequence[float] | Mapping[str, Any] | str = (0, 1),
    outputs: str = "auto",
    images: np.ndarray | None = None,
) -> keras.Model:
    """A PyTorch classifier as a Keras model: `bsa.from_torch(net, input_shape=(32, 32, 3), pixels="torch")`.

    Forward and backward passes are PyTorch's: in float32, always in inference mode, with the weights that the module
    has at the time, on their device. Attacks, sanity checks and measures of logits work as on any model; they also use
    surrogate gradients of its ReLUs. XLA (`jit_compile`), certificates and training are not supported, and raise an
    error. A PyTorch network lives in one process: it cannot be saved, stored or sent to Ray.

    Args:
        module: a `torch.nn.Module` that takes images (n, channels, height, width) and gives logits or probabilities
            (n, classes): a tensor, an object with `logits`, or a list or dict of one.
        input_shape: (height, width, channels) of one image; taken from `images` if these are given.
        pixels: what the module takes, as in `wrap`.
        outputs: what the module gives, as in `wrap`; "auto" decides by the values of the outputs.
        images: examples (n, height, width, channels) in [0, 1], as in `wrap`.

    Returns:
        A model that maps images (n, height, width, channels) in [0, 1] to logits (n, classes).

    Raises:
        UsageError: PyTorch is missing (`pip install "bsa[torch]"`), `module` is no module, or no shape is given.
        ValueError: the module is not in float32, does not take such images, or `wrap` refuses it.
    """
    backend.check()
    from bsa.pytorch import network

    shape = input_shape if images is None else np.shape(images)[1:]
    if shape is None or len(shape) != 3 or None in shape:
        found = "none" if shape is None else tuple(shape)
        expected = "input_shape (height, width, channels) of one image, such as x.shape[1:]: a module does not have one"
        raise UsageError(f"expected {expected}, found {found}")
    return wrap(network(module, shape), pixels=pixels, outputs=outputs, images=images)


def judge(
    model: keras.Model,
    x: Any,
    adversarial: Any,
    y: Any,
    epsilon: float | str,
    *,
    thresholds: Sequence[float | str] = ("epsilon",),
) -> Judged:
    """Judge adversarial images from any source as our own are judged: `bsa.judge(model, x, adversarial, y, "8/255")`.

    An adversarial image counts as success if all its pixels are in [0, 1], a float32 pass of `model` gives it another
    class (a tie does not count), it is within the threshold of its original, and the original was classified correctly.

    Args:
        model: a Keras classifier with logits.
        x: images (n, height, width, channels), as `attack` takes them.
        adversarial: what an attack, such as one of Foolbox or ART, made of them: same shape and scale as `x`.
        y: the labels of `x`, as `attack` takes them.
        epsilon: the radius, in [0, 1] pixels, or a fraction such as "8/255".
        thresholds: where success is counted, as in `attack`.

    Returns:
        A `Judged`. `rates` has the accuracy, and the success among the correctly classified images, with 95 % Wilson
        intervals. `attacked` is what an attack returns, one row for each image; its `notes` say what does not count,
        and why. `str` gives a table, `to_frame()` a DataFrame.

    Raises:
        ValueError: `attack` would refuse the images or labels, or `adversarial` differs from `x` in number, shape or
            scale.
    """
    backend.check()
    from bsa.evaluation.judged import judged

    return judged(model, x, adversarial, y, epsilon, thresholds)


def wrap(
    model: keras.Model,
    *,
    pixels: Sequence[float] | Mapping[str, Any] | str = (0, 1),
    outputs: str = "auto",
    output: int | str | None = None,
    images: np.ndarray | None = None,
    input_shape: Sequence[int | None] | None = None,
) -> keras.Model:
    """A Keras classifier in the form that attacks need: images (n, height, width, channels) in [0, 1] to logits.

    A softmax, log-softmax or sigmoid at the end is removed exactly, also inside a nested or subclassed model. Where the
    logits cannot be reached, the logarithms of the probabilities replace them. A single sigmoid output z becomes
    (0, z).

    Args:
        model: any Keras classifier.
        pixels: what `model` takes: [low, high], such as [0, 255] or [-1, 1]; {"mean": ..., "std": ...} in [0, 1]
            pixels, each one number or one per channel; or a mode of keras.applications, "tf", "torch" or "caffe".
        outputs: "logits", "probabilities", or "auto", which decides by the last layers or else by the values.
        output: the name or number of one of several outputs.
        images: images (n, height, width, channels) in [0, 1] on which predictions are compared before and after; random
            ones by default.
        input_shape: the shape of one image, where the model does not have one.

    Returns:
        A model that shares the layers of `model`, except for a last one whose activation was removed: wrap again after
        training. Its `wrapping` has `notes`, a sentence for each thing that was done, and the largest `difference` of
        the predictions.

    Raises:
        ValueError: says what was expected of the model, what was found and what to do.
    """
    backend.check()
    from bsa.rewrites.wrapped import wrap

    shape = None if input_shape is None else tuple(input_shape)
    return wrap(model, pixels=pixels, outputs=outputs, output=output, images=images, input_shape=shape)
