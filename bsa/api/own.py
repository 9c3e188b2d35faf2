"""Networks and adversarial images of one's own, as the library takes and judges them."""

from __future__ import annotations  # networks are named without importing TensorFlow

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bsa import backend

if TYPE_CHECKING:
    import keras

    from bsa.evaluation.judged import Judged


def from_torch(module: Any, *, input_shape: Sequence[int] | None = None) -> keras.Model:
    """A classifier of PyTorch as a Keras model: `bsa.from_torch(net, input_shape=(32, 32, 3))`.

    `module`, a `torch.nn.Module`, takes images (n, channels, height, width) in [0, 1] and gives logits (n, classes); it
    may give them as `logits` of an object, or in a list or dict of one. The model takes images
    (n, height, width, channels) in [0, 1], as all of the library does. `input_shape` is that of one of them, (height,
    width, channels); with it the module is tried at once, without it at the first images, and sizes may differ.

    Both passes are PyTorch's, in inference mode whatever mode the module is in, in float32, with the weights that the
    module has at the time, on the device where they are. Attacks, sanity checks and measures of logits work as on any
    model, and open its ReLUs; XLA (`jit_compile`), certificates and training do not, and say so. A network of PyTorch
    lives in one process: it cannot be saved, stored or sent to Ray.

    Raises UsageError without PyTorch (`pip install "bsa[torch]"`) and for what is no module, ValueError for one that is
    not in float32 or does not take such images.
    """
    backend.check()
    from bsa.pytorch import network

    return network(module, input_shape)


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
    from bsa.evaluation.judged import judge

    return judge(model, x, adversarial, y, epsilon, thresholds=thresholds)
