"""A network of PyTorch as a Keras model: the same images and logits, both passes by PyTorch."""

from collections.abc import Sequence
from typing import Any

from bsa.errors import UsageError

try:
    import torch
except ImportError:
    raise UsageError('bsa.from_torch: expected PyTorch, found none: pip install "bsa[torch]"') from None

import keras

from bsa.pytorch.layer import TorchModule
from bsa.pytorch.passes import Passes


def network(module: Any, input_shape: Sequence[int | None]) -> keras.Model:
    """A `torch.nn.Module` of images (n, channels, height, width) as a Keras model of (n, height, width, channels).

    It returns the module's outputs, (n, classes) float32, in inference mode, with the module's weights at that time,
    and has gradients for the images. `input_shape` is (height, width, channels), None for a size that varies. Raises
    UsageError for anything but a module, ValueError for one that is not in float32 or does not take such images.
    """
    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"expected a torch.nn.Module, found {type(module).__name__}")
    kinds = {str(p.dtype) for p in module.parameters() if p.is_floating_point()} - {"torch.float32"}
    if kinds:
        raise ValueError(f"expected a module in float32, found {', '.join(sorted(kinds))}: give module.float()")
    inputs = keras.Input(tuple(input_shape), name="image", dtype="float32")
    return keras.Model(inputs, TorchModule(Passes(module))(inputs), name="pytorch")
