"""Fragments: the JSON Schema of a component's parameters, in a file of its own, read without importing anything."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path

from bsa.errors import UsageError, one_line

EXPECTED = 'a JSON object with "version" (a whole number), "type": "object" and "properties" with "name"'
# What specs, plans and stages ask of every component of a kind, and the fields that give it.
ASKED = {
    "attacks": (("epsilon", "thresholds"), '"include": ["_common"] gives them'),
    "train": (("steps", "batch_size", "learning_rate"), '"include": ["_loop"] gives them'),
    "certify": (("epsilon",), "the radius of the ball, in [0, 1] pixels"),
}


def read(file: Path, shared: Path) -> dict:
    """A fragment as a dict, with the properties of the files it includes merged in.

    A fragment's `"include": ["_loop"]` takes over the properties of `_loop.json` in the folder `shared`, so that a
    default of several components still stands in one place; its version is added to the fragment's own, and fields
    that it knows as "moved" to the fragment's.
    """
    part = json.loads(file.read_text(encoding="utf-8"))
    properties: dict = {}
    moved: dict = {}
    for included in part.pop("include", []):
        common = json.loads((shared / f"{included}.json").read_text(encoding="utf-8"))
        properties |= common["properties"]
        moved |= common.get("moved", {})
        part["version"] += common.get("version", 0)
    part["properties"] = part.get("properties", {})
    part["properties"] |= {key: value for key, value in properties.items() if key not in part["properties"]}
    if moved:
        part["moved"] = moved | part.get("moved", {})
    return part


def checked(file: Path, shared: Path, kind: str, name: str) -> dict:
    """`read` for a fragment that does not ship with bsa; UsageError where it is not what one must be."""
    import jsonschema

    try:
        part = read(file, shared)
        sound = type(part["version"]) is int and part["type"] == "object" and "name" in part["properties"]
        jsonschema.Draft202012Validator.check_schema(part)
    except jsonschema.SchemaError as error:
        raise UsageError(f"{file}: expected a JSON Schema, found {one_line(error.message)}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: expected {EXPECTED}, found {type(error).__name__}: {one_line(error)}") from None
    if not sound:
        raise UsageError(f"{file}: expected {EXPECTED}")
    if part["properties"]["name"] != {"const": name}:
        raise UsageError(f'{file}: expected "name": {{"const": "{name}"}}, found {part["properties"]["name"]}')
    if ("efforts" in part) != ("effort" in part["properties"]):
        found = '"efforts" alone' if "efforts" in part else "the field alone"
        expected = 'both "efforts" and, by "include": ["_effort"], the field effort'
        raise UsageError(f"{file}: expected {expected}, found {found}")
    asked, advice = ASKED.get(kind, ((), ""))
    settled = {key for key, value in part["properties"].items() if "default" in value} | {*part.get("required", ())}
    lacking = [key for key in asked if key not in part["properties"] or key not in settled]
    if lacking:
        found = f"none for {', '.join(lacking)}"
        raise UsageError(f"{file}: expected fields {', '.join(asked)}, each required or with a default, found {found}: "
                         f"{advice}")  # fmt: skip
    return part


def beside(module: str) -> Path:
    """The fragment of an installed module: beside it. The module is looked up and not imported."""
    top, *rest = module.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        raise UsageError(f"expected an entry point that names a module, found {module}")
    spec = importlib.machinery.PathFinder.find_spec(top) or importlib.util.find_spec(top)
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if spec and not places and spec.origin:
        places = [Path(spec.origin).parent]
    files = [place.joinpath(*(rest or [top])).with_suffix(".json") for place in places]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        where = files[0] if files else f"a JSON file beside the module {module}"
        raise UsageError(f"expected its parameters in {where}, found none; is it among the package's data?")
    return found
