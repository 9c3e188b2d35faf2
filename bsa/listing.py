"""The components that exist, for people and programs: their parameters, defaults, descriptions and origin.

Everything is read from the fragments: nothing is imported.
"""

import json
from typing import Any, NamedTuple

from bsa import catalog
from bsa.errors import UsageError, suggest

ANY = "any value"


class Parameter(NamedTuple):
    """A parameter of a component."""

    name: str
    type: str  # such as "number", or "one of sign, gradient"
    required: bool
    default: Any  # None, too, where nothing is filled in for one that is left out
    description: str


class Component(NamedTuple):
    """A component: what it is, who offers it and what it takes."""

    kind: str
    name: str
    description: str
    origin: str  # "bsa", an installed package with its version, or a file of a folder of plug-ins
    parameters: tuple[Parameter, ...]
    wrong: str = ""  # of an installed package's: why it cannot be used


def components(kind: str | None = None, name: str | None = None) -> list[Component]:
    """The existing components: all, those of a kind such as "attacks", or the one of that kind and name.

    Those of installed packages (entry points in `bsa.<kind>`) and of folders of plug-ins are included; for one that
    cannot be used, `wrong` says why. Raises UsageError for a kind or a name that does not exist.
    """
    if kind is not None and kind not in catalog.KINDS:
        known = ", ".join(catalog.KINDS)
        raise UsageError(
            f'expected a kind of components out of {known}, found "{kind}". {suggest(kind, catalog.KINDS)}'
        )
    if name is not None:
        if kind is None:
            raise UsageError(f'expected the kind of the component "{name}", too, such as "attacks", found none')
        if name not in catalog.broken(kind):
            catalog.check_name(kind, name)
    found = [each for one in catalog.KINDS if kind in (None, one) for each in _of_kind(one)]
    return [component for component in found if name in (None, component.name)]


def _of_kind(kind):
    wrong = [Component(kind, name, "", "", (), wrong) for name, wrong in catalog.broken(kind).items()]
    return sorted([*(_component(kind, name) for name in catalog.names(kind)), *wrong])


def _component(kind, name):
    part = catalog.fragment(kind, name)
    required = set(part.get("required", ()))
    parameters = tuple(
        Parameter(key, _type(value), key in required, value.get("default"), value.get("description", ""))
        for key, value in _fields(part)
        if key != "name"
    )
    return Component(kind, name, part.get("description", ""), catalog.entries(kind)[name].origin, parameters)


def _fields(part, parent=""):
    """Pairs (name, schema) of the fields of an object; those of an object within it as "leg.steps", after it."""
    for key, value in part["properties"].items():
        yield parent + key, value
        if value.get("type") == "object" and value.get("additionalProperties") is False:
            yield from _fields(value, f"{parent}{key}.")


def _type(part):
    """What a schema takes, in words."""
    if "enum" in part:
        return f"one of {', '.join(word if isinstance(word, str) else json.dumps(word) for word in part['enum'])}"
    if "const" in part:
        return json.dumps(part["const"])
    if "if" in part:  # one form or another
        branches = [{**part["if"], **part.get("then", {})}, part.get("else", {})]
        return " or ".join(dict.fromkeys(map(_type, branches)))
    if part.get("$ref") == "#/$defs/pixels":
        return "number or fraction"
    if "$ref" in part:
        return part["$ref"].rpartition("/")[2]
    types = part.get("type", ())
    names = [types] if isinstance(types, str) else list(types)
    items = _type(part["items"]) if "items" in part else ANY
    listed = "list" if items == ANY or "prefixItems" in part.get("items", {}) else f"list ({items})"
    return " or ".join(listed if each == "array" else each for each in names) or ANY
