"""From the steps of a chain, as a spec lists them, to the chain. No TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import Any

from bsa import catalog
from bsa.errors import UsageError
from bsa.spec.parameters import parameters
from bsa.transforms import Transform, chain


def chained(steps: Sequence[str | Mapping[str, Any]]) -> Transform:
    """The chain of transformations that are listed by name, or as an object with "name" and parameters.

    A second transformation of the same name is called "rotate_2". Raises UsageError for one that does not exist, or
    with parameters that it does not take.
    """
    given = [{"name": step} if isinstance(step, str) else step for step in steps]
    called = [each["name"] for each in given]
    counts = [called[: n + 1].count(name) for n, name in enumerate(called)]
    names = [name if count == 1 else f"{name}_{count}" for name, count in zip(called, counts, strict=True)]
    made = [transform(**each) for each in given]
    return chain(*made, names=names)


def transform(name: str, **params: Any) -> Transform:
    """A transformation: `bsa.transform("scale_shift", pixel_range=(0, 1))`; see `bsa.transforms`.

    Raises UsageError for an unknown name or parameters that it does not take.
    """
    params = parameters("transforms", name, params)
    try:
        return catalog.find("transforms", name).make(**params)
    except ValueError as error:
        raise UsageError(f'transforms "{name}": {error}') from None
