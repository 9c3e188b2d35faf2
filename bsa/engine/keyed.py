"""What keys contain of an experiment: components with their versions, its data, and how images are moved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsa import catalog
from bsa.spec import Experiment, cells
from bsa.spec.cells import Cell
from bsa.spec.parts import Component, component
from bsa.transforms.scale_shift import affine


def hashed(kind: str, component: Component) -> dict[str, Any]:
    """A component as keys and records hold it, with the version of its code."""
    name, params = component
    made = {"name": name, "version": _version(kind, name), "params": params}
    if "attacks" in params:  # an ensemble: what its members compute is part of what it computes
        made["members"] = [part(kind, member["name"]) for member in params["attacks"]]
    if steps := _steps(params):  # likewise what moves images
        made["transforms"] = [part("transforms", step["name"]) for step in steps]
    return made | catalog.identity(kind, name)


def _steps(params):
    """The transformations in a component's parameters, and in those of what it is made of."""
    parts = [params, *(params[key] for key in ("transform", "attack", "standard") if key in params)]
    return [step for each in (*parts, *params.get("attacks", ())) for step in each.get("chain", ())]


def part(kind: str, name: str) -> Any:
    """A part of a component, such as a member of an ensemble: its version, and the origin of one from elsewhere."""
    identity = catalog.identity(kind, name)
    return {"version": _version(kind, name)} | identity if identity else _version(kind, name)


def _version(kind, name):
    return catalog.fragment(kind, name)["version"]


def source(data: Component, described: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage knows of a data set; its parameters too, where it has any. `content` says what of it a key holds."""
    made = {"name": data.name, "version": _version("data", data.name)} | catalog.identity("data", data.name)
    described = {name: value for name, value in described.items() if name != "class_names"}
    return made | ({"params": _placed(data)} if data.params else {}) | described


def _placed(data):
    """The parameters of a data set, with absolute paths: who computes may be in another folder."""
    fields = catalog.fragment("data", data.name)["properties"]
    return {key: _absolute(v) if fields[key].get("path") else v for key, v in data.params.items()}


def _absolute(place):
    if isinstance(place, list):
        return [_absolute(each) for each in place]
    return place and str(Path(place).expanduser().absolute())


def content(params: dict[str, Any]) -> dict[str, Any]:
    """`params` of a stage without where its data lie and what their classes are called: the content is what counts."""
    source = params.get("data", {})
    if "params" not in source:
        return params
    fields = catalog.fragment("data", source["name"])["properties"]
    kept = {key: value for key, value in source["params"].items() if fields[key].get("keyed", True)}
    return params | {"data": source | {"params": kept}}


def sources(spec: Experiment, source: dict[str, Any]) -> dict[Cell, dict[str, Any]]:
    """What a key holds of the images in each cell: the data set, and how its images are moved there.

    A cell that is the paper's alone is told by what it does to pixels in [0, 1]: x' = gain * x + offset.
    """
    return {cell: {**_moved(spec, cell), "data": source} for cell in spec.cells}


def _moved(spec, cell):
    steps = cells.moves(spec, cell)
    if not steps:
        return {"gain": 1, "offset": 0}
    if [given["name"] for given, _ in steps] == [cells.PAPER]:
        given, point = steps[0]
        gain, offset = affine(**point, pixel_range=given["pixel_range"])
        return {"gain": gain, "offset": offset}
    made = [hashed("transforms", component(given)) | {"point": point} for given, point in steps]
    return {"transform": {"steps": made, "seed": spec.seed}}
