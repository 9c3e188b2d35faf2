"""How attacks are executed, as arguments of functions."""

from __future__ import annotations  # networks are named without importing TensorFlow

from typing import Any

from bsa.errors import UsageError
from bsa.execution import Execution
from bsa.spec.parameters import whole


def executed(model: Any, batch_size: int | None, jit_compile: bool) -> Execution:
    """An `Execution`; UsageError for a batch of no images, ValueError where XLA cannot compile a layer of the model."""
    if batch_size is not None and whole("batch_size", batch_size) < 1:
        raise UsageError(f"expected a batch_size of at least 1 image, found {batch_size}")
    if jit_compile and hasattr(model, "_flatten_layers"):
        fixed = [layer.name for layer in model._flatten_layers() if not getattr(layer, "supports_jit", True)]
        if fixed:
            raise ValueError(f"expected jit_compile false for layer {fixed[0]}, which XLA cannot compile, found true")
    return Execution(batch_size, jit_compile)
