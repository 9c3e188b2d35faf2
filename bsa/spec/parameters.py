"""The parameters of one component, checked and with defaults filled in. No TensorFlow."""

import json
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


def _plain(value):
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
