"""Networks of one's own, as the library's functions take them."""

from __future__ import annotations  # networks are named without importing TensorFlow

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bsa import backend

if TYPE_CHECKING:
    import keras


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
