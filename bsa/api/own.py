"""Networks and adversarial images of one's own, as the library takes and judges them."""

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
    """A classifier of PyTorch as attacks take one: `bsa.from_torch(net, input_shape=(32, 32, 3), pixels="torch")`.

    `module`, a `torch.nn.Module`, takes images (n, channels, height, width) and gives logits or probabilities
    (n, classes), alone, as `logits` of an object, or in a list or dict of one. The model takes images
    (n, height, width, channels) in [0, 1] and gives logits, as all of the library has them; `input_shape` is that of
    one of them, or given by some `images`. `pixels`, what the module takes, `outputs` and `images` are as of `wrap`,
    which makes what the module needs of these; of a module only the outputs tell what they are.

    Both passes are PyTorch's, in inference mode whatever mode the module is in, in float32, with the weights that the
    module has at the time, on the device where they are. Attacks, sanity checks and measures of logits work as on any
    model, and open its ReLUs; XLA (`jit_compile`), certificates and training do not, and say so. A network of PyTorch
    lives in one process: it cannot be saved, stored or sent to Ray.

    Raises UsageError without PyTorch (`pip install "bsa[torch]"`), for what is no module and without an `input_shape`,
    ValueError for a module that is not in float32 or does not take such images, and as `wrap` does.
    """
    backend.check()
    from bsa.pytorch import network

    shape = input_shape if images is None else np.shape(images)[1:]
    if shape is None or len(shape) != 3 or None in shape:
        found = "none" if shape is None else tuple(shape)
        expected = "input_shape (height, width, channels) of one image, such as x.shape[1:], as a module does not tell"
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
    """Adversarial images of anybody's, judged as ours are: `bsa.judge(model, x, adversarial, y, "8/255")`.

    x are images (n, height, width, channels) in [0, 1] and y their labels, as `attack` takes them; `adversarial`, like
    x, are what an attack made of them, such as one of Foolbox's or ART's. One counts as success that is an image with
    all pixels in [0, 1], that a float32 pass of `model` sees as another class, a tie not being one, and that is within
    the threshold of its original, which the model classified correctly. `thresholds` are as those of `attack`.

    Gives a `Judged`: its `rates` are accuracy, and success among the images that were correct, with 95 % Wilson
    intervals; `attacked` is what an attack gives, a row for each image, its `notes` what does not count and why; `str`
    is a table, `to_frame()` a DataFrame. ValueError for images and labels that `attack` refuses, too, and where there
    are not as many adversarial images, of the same shape and scale.
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
    """A Keras classifier as attacks take one: images (n, height, width, channels) in [0, 1] to logits (n, classes).

    `pixels` says what `model` takes by its first layer: [low, high], such as [0, 255] or [-1, 1]; {"mean": ..., "std":
    ...} in [0, 1] pixels, each one number or one a channel; or a mode of keras.applications, "tf", "torch" or "caffe".
    `outputs` are "logits", "probabilities", or "auto": then the last layers tell, or else the values. A softmax,
    log-softmax or sigmoid at the end is taken off, exactly, also within a nested or subclassed model; where the logits
    cannot be reached, the logarithms of the probabilities stand for them. One output z of a sigmoid becomes (0, z).
    `output` is the name or number of one of several outputs. `images` (n, height, width, channels) in [0, 1] are what
    its predictions are compared on, by default drawn ones; `input_shape` is that of one image, where the model does not
    tell.

    Its `wrapping` has `notes`, a sentence each, of what was done, and the largest `difference` of the predictions. It
    shares the layers of `model`, but for a last one whose activation was taken off: wrap again after training.
    Raises ValueError that says what was expected of the model, what was found and what to do.
    """
    backend.check()
    from bsa.rewrites.wrapped import wrap

    shape = None if input_shape is None else tuple(input_shape)
    return wrap(model, pixels=pixels, outputs=outputs, output=output, images=images, input_shape=shape)
