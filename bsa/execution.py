"""How attacks are executed: what it costs, not what they find. It stands in no spec and in no key."""

from typing import NamedTuple

LEAST = 16  # images in a batch at least: on a CPU fewer cost as much, and their float32 sums come in another order


class Execution(NamedTuple):
    """How many images an attack works on at a time, None for as many as fit, and whether XLA compiles its passes."""

    batch_size: int | None = None
    jit_compile: bool = False


DEFAULT = Execution()
