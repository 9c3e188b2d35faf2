"""The schema of specs: the frames in `schemas/experiment.json` and `collection.json` with every component's fragment.

Nothing here imports TensorFlow.
"""

import copy
import json
import uuid

from bsa import catalog, criteria
from bsa.spec.space import spaces, stated
from bsa.version import __version__

# with keys of their own at the top of a spec: their kinds
FRAMED = {"sanity": "checks", "control": "checks", "invariant": "checks", "explore": "exploration"}
FRAMES = ("experiment", "collection")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PIXELS = "#/$defs/pixels"  # a number, or a fraction such as "8/255"
# Names what this project alone names: a UUID needs no host that would have to be ours, and no registration.
NAMESPACE = uuid.UUID("818d7daf-8b23-4990-ab39-001c649cc97e")
NAMES = ("space", "effort")  # fields that name values of others: these stand in a resolved spec
COMMENT = {"type": "string", "description": "A note for readers; stripped before anything else."}


@catalog.cached
def combined():
    """The one schema that editors and `jsonschema` need (JSON Schema, draft 2020-12), as a dict.

    A component becomes `{"$ref": "#/$defs/<kind>"}`: its name picks the fragment that checks the rest. A spec with
    "experiments" is held against the frame of a collection, any other against that of an experiment. Its "$id" is a
    URN of this version of bsa; with plug-ins it is another schema, and has none.
    """
    frames = {name: _frame(name) for name in FRAMES}
    definitions = {name: part for frame in frames.values() for name, part in frame.pop("$defs").items()} | frames
    for kind in catalog.OPEN:
        shared = {key: part for key, part in definitions.get(kind, {}).get("properties", {}).items() if key != "name"}
        names = catalog.names(kind)
        for name in names:
            part = copy.deepcopy(catalog.fragment(kind, name))
            part["properties"] |= shared
            part["additionalProperties"] = False
            definitions[f"{kind}.{name}"] = part
        definitions[kind] = _choice(kind, names)
    _add_members(definitions)
    definitions["step"]["else"] = {"enum": list(catalog.names("transforms"))}
    for name, kind in FRAMED.items():
        part = copy.deepcopy(catalog.fragment(kind, name)) | {"additionalProperties": False}
        part["properties"] |= definitions.get(name, {}).get("properties", {})
        definitions[name] = part
    definitions["space"]["enum"] = list(spaces())
    collected = [name for name in catalog.names("report") if catalog.fragment("report", name).get("collection")]
    definitions["collected"] = _choice("report", collected)
    _allow_comments(definitions)
    experiment, collection = ({"$ref": f"#/$defs/{name}"} for name in FRAMES)
    choice = {"if": {"type": "object", "required": ["experiments"]}, "then": collection, "else": experiment}
    return {"$schema": DIALECT, **_identifier(), "title": "bsa spec", **choice, "$defs": definitions}


def _identifier():
    if any(entry.origin != "bsa" for kind in catalog.OPEN for entry in catalog.entries(kind).values()):
        return {}
    return {"$id": uuid.uuid5(NAMESPACE, f"bsa {__version__}").urn}


def _frame(name):
    frame = json.loads((catalog.shipped("schemas") / f"{name}.json").read_text(encoding="utf-8"))
    return {key: value for key, value in frame.items() if key not in ("$schema", "$comment")}


def _choice(kind, names):
    """The schema of any component of a kind: its name decides."""
    return {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": list(names)}},
        "allOf": [
            {
                "if": {"type": "object", "properties": {"name": {"const": name}}, "required": ["name"]},
                "then": {"$ref": f"#/$defs/{kind}.{name}"},
            }
            for name in names
        ],
    }


def _add_members(definitions):
    """The kind "members": attacks as an ensemble lists them, without the fields that the ensemble states for all.

    "shared" is no keyword of JSON Schema; it names those fields for a better message, as "moved" names old ones.
    """
    shared = set(catalog.fragment("attacks", "ensemble")["properties"]) - {"name"}
    names = [name for name in catalog.names("attacks") if name != "ensemble"]
    for name in names:
        part = copy.deepcopy(catalog.fragment("attacks", name))
        part["properties"] = {k: v for k, v in part["properties"].items() if k not in shared}
        part["required"] = [k for k in part.get("required", ()) if k not in shared]
        definitions[f"members.{name}"] = part | {"additionalProperties": False, "shared": sorted(shared)}
    definitions["members"] = _choice("members", names)


def _allow_comments(part):
    """Every object may carry a "comment": add it wherever other properties are forbidden."""
    if isinstance(part, list):
        for item in part:
            _allow_comments(item)
    elif isinstance(part, dict):
        if part.get("additionalProperties") is False:
            part["properties"]["comment"] = COMMENT
        for value in part.values():
            _allow_comments(value)


def fill(value, part):
    """`value` with the defaults of schema `part` filled in, at every depth; `value` itself stays as it is.

    A step of a chain that is a name alone becomes an object, as others are.
    """
    if part.get("$ref") == "#/$defs/step" and isinstance(value, str):
        value = {"name": value}
    part = _resolve(part, value)
    if isinstance(value, dict) and part.get("properties"):
        value = _with_effort(stated(value, part), part)
        filled = {k: fill(v, _property(part, k)) for k, v in value.items()}
        for key, sub in part["properties"].items():
            if key not in filled and "default" in sub and key not in NAMES:
                filled[key] = fill(copy.deepcopy(sub["default"]), sub)
        return filled
    if isinstance(value, dict):
        return {k: fill(v, _property(part, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, part.get("items", {})) for v in value]
    return copy.deepcopy(value)


def _with_effort(value, part):
    """`value`, an object of the schema `part`, with the values that its "effort" names in place of the name.

    What it states itself stays.
    """
    if "efforts" not in part:
        return value
    name = value.get("effort", part["properties"]["effort"]["default"])
    own = {key: each for key, each in value.items() if key != "effort"}
    return _merged(part["efforts"].get(name, {}), own)


def _merged(low, high):
    """Two dicts as one, at every depth; where both have a value, that of `high`."""
    both = {key: _merged(low[key], high[key]) for key in low.keys() & high.keys() if isinstance(low[key], dict)}
    return {**high, **{key: each for key, each in low.items() if key not in high}, **both}


def computed(value, part):
    """`value` with fractions such as "8/255" as numbers wherever schema `part` takes them, at every depth.

    It need not be checked before: what is no fraction, or in a place that takes none, stays as it is.
    """
    if isinstance(value, str):
        taken = PIXELS in (part.get("$ref"), part.get("else", {}).get("$ref"))
        found = criteria.fraction(value) if taken else None
        return value if found is None else found
    if not isinstance(value, dict | list):
        return value
    try:
        part = _resolve(part, value)
    except (KeyError, TypeError):  # a component without a name that is known
        return value
    if isinstance(value, dict):
        return {k: computed(v, _property(part, k)) for k, v in value.items()}
    return [computed(v, part.get("items", {})) for v in value]


def _property(part, key):
    extra = part.get("additionalProperties")
    return part.get("properties", {}).get(key, extra if isinstance(extra, dict) else {})


def _resolve(part, value):
    """Follow references, component names and the one-or-a-list branches to the schema that speaks of `value`."""
    if "$ref" in part:
        kind = part["$ref"].removeprefix("#/$defs/")
        if kind in (*catalog.KINDS, "members", "collected") and isinstance(value, dict):
            kind = f"{'report' if kind == 'collected' else kind}.{value['name']}"
        return _resolve(combined()["$defs"][kind], value)
    kinds = {"array": list, "object": dict}
    if list(part.get("if", ())) == ["type"] and part["if"]["type"] in kinds:
        return _resolve(part["then"] if isinstance(value, kinds[part["if"]["type"]]) else part["else"], value)
    return part
