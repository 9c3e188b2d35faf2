"""Named spaces: chains of transformations with ranges, as published, in `schemas/spaces/<name>.json`."""

import json
from typing import Any

from bsa import catalog


@catalog.cached
def spaces() -> dict[str, dict[str, Any]]:
    """The named spaces, each with its "title", "description", "chain" and "ranges"."""
    files = sorted((catalog.shipped("schemas") / "spaces").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def stated(value: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """`value`, an object of the schema `part`, with the chain and the ranges of its "space" in place of the name.

    Ranges beside the name take the place of the space's. Where there is neither a space nor a chain, the space is the
    schema's default. An object with both stays as it is: `bsa.spec.checks` says so.
    """
    known = part["properties"].get("space")
    if known is None or "chain" in value:
        return value
    named = spaces()[value.get("space", known["default"])]
    others = {key: each for key, each in value.items() if key != "space"}
    return others | {"chain": named["chain"], "ranges": named["ranges"] | value.get("ranges", {})}
