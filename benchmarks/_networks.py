"""The networks that attacks are compared on: a list in JSON, each as a spec states it, with a radius and cells."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _network
from bsa import backend, criteria, foreign
from bsa.engine import run
from bsa.engine.display import Display
from bsa.engine.store import Store
from bsa.errors import UsageError
from bsa.spec import Experiment, resolve

OURS = ("epsilon", "cells", "settings", "comment")  # of a network's fields; the others are a spec's
FIELDS = {"name", "data", "model", "epsilon", "cells"}  # that it must have


class Listed(NamedTuple):
    """A network of the list: what makes it, the radius (in [0, 1] pixels) and cells (scale, shift) of its attacks."""

    name: str
    spec: Experiment
    epsilon: float
    cells: list
    settings: dict[str, Any] | None  # of corner_descent, by the spec that the network is of


def read(path):
    """The networks in a file, by name. UsageError where it is no such list, SpecError where a network cannot be."""
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: expected a list of networks as JSON, found that {error}") from None
    if not (isinstance(given, list) and all(isinstance(each, dict) for each in given)):
        raise UsageError(f"{path}: expected a list of networks, each an object with {', '.join(sorted(FIELDS))}")
    found = [_listed(each, f"{path}, network {number}") for number, each in enumerate(given)]
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise UsageError(f"{path}: expected networks of different names, found {', '.join(names)}")
    return dict(zip(names, found, strict=True))


def _listed(given, where):
    if missing := FIELDS - set(given):
        raise UsageError(f"{where}: expected {', '.join(sorted(FIELDS))}, found no {', '.join(sorted(missing))}")
    spec = {key: value for key, value in given.items() if key not in OURS}
    spec = resolve(spec | {"blind_spot": {"cells": given["cells"]}}, where)
    (epsilon,) = criteria.thresholds([given["epsilon"]], 1)
    return Listed(given["name"], spec, epsilon, given["cells"], given.get("settings"))


def made(listed, root=None, data_dir=None, weights_dir=None):
    """The `keras.Model`: with its weights, or trained once and then found in the store at `root`.

    Weights are looked for in `weights_dir` (BSA_WEIGHTS_DIR), and in weights/ beside this folder.
    """
    backend.check()
    from bsa.engine import stages
    from bsa.engine.stages.desk import load_network

    if not (foreign.folder(weights_dir) / _file(listed)).is_file() and _shipped(listed).is_file():
        weights_dir = _shipped(listed).parent
    store, desk = Store(root), stages.Desk(data_dir, weights_dir=weights_dir)
    (stage,) = run.planned(foreign.pinned(listed.spec, weights_dir), data_dir)
    run.ensure(stage, store, lambda: desk, Display())
    return load_network(store.path(stage.key))


def _file(listed):
    return listed.spec.get("weights", {}).get("file", "")


def _shipped(listed):
    return _network.root() / "weights" / _file(listed)
