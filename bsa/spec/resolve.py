"""From a parsed spec to the resolved one: checked, without comments, with defaults filled in."""

import json

from bsa import catalog
from bsa.errors import UsageError
from bsa.spec import checks, problems, schema
from bsa.spec.problems import SpecError
from bsa.spec.text import numbers, strip


def resolve(spec, file="<spec>", odd=()):
    """`spec` (a parsed dict) checked, without comments, with defaults filled in and 600.0 as 600.

    `odd` are the problems that its reader found. Raises SpecError with every problem at once.
    """
    spec = strip(spec)
    places = {p.pointer for p in odd}
    found = [*odd, *(p for p in problems.of_schema(spec, "experiment") if p.pointer not in places)]
    broken = {p.pointer.split("/")[1] if p.pointer else "" for p in found}
    sound = {k: v for k, v in spec.items() if k not in broken}
    filled = schema.fill(sound, {"$ref": "#/$defs/experiment"})
    found += checks.problems(filled, broken)
    if found:
        raise SpecError(file, found)
    return numbers(filled)


def parameters(kind, name, given):
    """The parameters of a component for a library call: `given`, checked by its fragment, with defaults filled in.

    This is what `bsa.attack("pgd", model, epsilon=0.3)` shares with specs. Raises UsageError.
    """
    catalog.check_name(kind, name)
    part = catalog.fragment(kind, name) | {"additionalProperties": False, "$defs": schema.combined()["$defs"]}
    try:
        value = strip(json.loads(json.dumps(given, default=_plain, allow_nan=False))) | {"name": name}
    except ValueError as error:
        raise UsageError(f'{kind} "{name}": expected finite numbers ({error})') from None
    found = problems.of_part(value, part)
    if found:
        raise UsageError("\n".join(f'{kind} "{name}": {p}' for p in found))
    return {k: v for k, v in numbers(schema.fill(value, part)).items() if k != "name"}


def _plain(value):
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
