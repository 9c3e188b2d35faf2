"""The parameters of one component, checked and with defaults filled in. No TensorFlow."""

import contextlib
import json
import operator
from typing import Any

from bsa import catalog
from bsa.errors import UsageError
from bsa.spec import problems, schema
from bsa.spec.text import numbers, strip


def parameters(kind: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a component for a library call: `given`, checked by its fragment, with defaults filled in.

    This is what `bsa.attack("pgd", model, epsilon=0.3)` shares with specs. Raises UsageError.
    """
    catalog.check_name(kind, name)
    part = catalog.fragment(kind, name) | {"additionalProperties": False, "$defs": schema.combined()["$defs"]}
    try:
        value = strip(json.loads(json.dumps(given, default=_plain, allow_nan=False))) | {"name": name}
    except ValueError as error:
        raise UsageError(f'{kind} "{name}": expected finite numbers ({error})') from None
    value = schema.computed(value, part)
    found = problems.of_part(value, part)
    if found:
        raise UsageError("\n".join(f'{kind} "{name}": {p}' for p in found))
    return {k: v for k, v in numbers(schema.fill(value, part)).items() if k != "name"}


def sizes(expected: str, given: Any, count: int, known: bool = False) -> tuple[int, ...] | None:
    """`given` as a tuple of `count` ints above 0, or UsageError; None where they are `known` and none are given."""
    if known and given is None:
        return None
    found: tuple[int, ...] = ()
    with contextlib.suppress(TypeError):
        found = tuple(map(operator.index, given))
    if len(found) != count or min(found) < 1:
        raise UsageError(f"expected {expected}, found {given[0] if given and count == 1 else given}")
    return found


def whole(name: str, given: Any) -> int:
    """`given` as an int, or UsageError."""
    try:
        return operator.index(given)
    except TypeError:
        raise UsageError(f"expected a whole number as {name}, found {given!r}") from None


def _plain(value):
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
