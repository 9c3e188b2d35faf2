"""The spec of an evaluation, made in memory from a few words: a network, data and a radius. No TensorFlow."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bsa import catalog, signatures
from bsa.criteria import fraction
from bsa.data import named
from bsa.errors import UsageError, suggest
from bsa.spec import read
from bsa.spec.experiment import networks

SAVED = (".keras", ".h5", ".hdf5")  # what Keras saves a whole network in, beside a folder of TensorFlow's
WEIGHTS = {".pth": "wong_kolter", ".pt": "wong_kolter", ".npz": "npz"}  # of anything else: madry_checkpoint

WIDE = 0.2  # a radius from which on the cells are those of the paper's Table 2, made for 0.3; below of Table 3, for 0.1
CELLS = {
    True: [[1, 0], [0.9, 0], [0.9, 0.05], [0.8, 0], [0.8, 0.1]],
    False: [[1, 0], [0.95, 0], [0.95, 0.025], [0.9, 0], [0.9, 0.05]],
}
IMAGES = 1000
SEEN = 10  # times as many images for accuracy: a pass each, where an attack takes a hundred
# bounds are dearer than attacks: of few images, whether they hold within epsilon, and not how far
CERTIFICATE = {"name": "outer_polytope", "images": 100, "tolerance": None, "optional": True}


def experiment(
    model: str,
    *,
    epsilon: float | str,
    data: str | None = None,
    pixels: Any = None,
    outputs: str | None = None,
    weights: str | None = None,
    network: str | None = None,
    test: str | None = None,
    train: str | None = None,
    images: int = IMAGES,
    cells: Sequence[Sequence[float]] | None = None,
    paper: bool = False,
    certify: bool = True,
    name: str | None = None,
) -> dict[str, Any]:
    """The spec, a dict not yet checked, that evaluates a network within `epsilon` on images and in blind spots.

    `model` is a file or folder that Keras saved; the name of a network (`models`) whose `weights` stand in a file; or a
    spec, of which the only network, or the one called `network`, is taken together with its data. `data` is as
    `bsa.data.named` takes it, `test` and `train` are its parts; `pixels` and `outputs` are what a saved network takes
    and gives. Of each cell, by default five of the paper's, the first `images` that are classified correctly are
    attacked, with `paper` by the paper's attack, too; `certify` proves what can be proven of some. `name` names the
    results. Raises UsageError, and WeightsError for a file that is no network.
    """
    taken = _network(model, weights, network, {"pixels": pixels, "outputs": outputs})
    if data is not None:
        taken = _on_other_data(taken, model, named(data))
    if "data" not in taken:
        raise UsageError("expected --data: the test images, such as test.npz, a folder, tfds:NAME or mnist")
    parts = {part: given for part, given in {"test": test, "train": train}.items() if given is not None}
    if parts:
        taken["data"] = taken["data"] | parts
    asked = {"epsilon": epsilon, "images": images, "cells": cells, "paper": paper, "certify": certify}
    return evaluated(taken, name=name or legal(model), **asked)


def exploration(model: str, *, search: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The spec that searches for a network's blind spots: `search` is its "explore"; see `experiment` for the rest."""
    named = given.pop("name", None) or f"{legal(model)}_explore"  # the results of an evaluation have the shorter name
    spec = experiment(model, **given, name=named, epsilon=search["epsilon"])
    kept = {key: spec[key] for key in spec if key not in ("blind_spot", "attack", "certify", "measures", "report")}
    return kept | {"explore": search, "report": [{"name": "map"}]}


def evaluated(taken, *, name, epsilon, images, cells, paper, certify):
    """The spec of an evaluation of what `taken` says of a network and its data; see `experiment` for the rest."""
    radius = fraction(epsilon) if isinstance(epsilon, str) else epsilon  # what is none is told with the spec's problems
    wide = isinstance(radius, int | float) and radius >= WIDE
    at = {"epsilon": epsilon, "thresholds": ["epsilon", "scale*epsilon"] if paper else ["epsilon"], "images": images}
    attacks = ["corner_descent", *(["carlini_wagner_linf"] if paper else [])]
    return {
        "name": name,
        **taken,
        "blind_spot": {"cells": [list(cell) for cell in (CELLS[wide] if cells is None else cells)]},
        "attack": [{"name": attack} | at for attack in attacks],
        **({"certify": CERTIFICATE | {"epsilon": epsilon}} if certify else {}),
        "measures": [{"name": "accuracy", "images": SEEN * images}],
        "report": [{"name": "success_table"}, {"name": "examples"}],
    }


def legal(model: str) -> str:
    """The name of results for a network in a file: its name in lower case, with _ for what is no letter or number."""
    return re.sub("[^a-z0-9]+", "_", Path(model).stem.lower()).strip("_")[:100] or "network"


def _network(model, weights, network, reading):
    """What a spec says of a network, with the data of the spec that it is taken from."""
    path = Path(model).expanduser()
    reading = {key: value for key, value in reading.items() if value is not None}
    ending = path.suffix.lower()
    saved = ending in SAVED or path.is_dir() or (path.is_file() and ending not in (*WEIGHTS, ".json"))
    if weights is not None:
        return {"model": {"name": _architecture(model, saved)}, "weights": _weights(weights)} | _unread(reading)
    if saved:
        if path.is_file() and ending not in SAVED:
            signatures.network(path)  # which says what it is, and what to do
        if network is not None:
            raise UsageError(f"{model}: expected --network with a spec of several networks alone, found one network")
        return {"model": {"name": "keras_file", "file": model} | reading}
    if ending in WEIGHTS:
        raise UsageError(
            f"{model}: expected a network that Keras saved ({', '.join(SAVED)} or a SavedModel's folder), found a file "
            f"of weights: name their network, such as `bsa evaluate wong_small --weights {model}`, or load it yourself "
            "and give it, of PyTorch by way of bsa.from_torch, to bsa.evaluate in Python"
        )
    return _of_spec(model, network) | _unread(reading)


def _unread(reading):
    if reading:
        given = " and ".join(f"--{key}" for key in reading)
        raise UsageError(f"expected {given} with a network that Keras saved alone: others take [0, 1] and give logits")
    return {}


def _architecture(name, saved):
    if saved and name not in catalog.names("models"):
        raise UsageError(f"{name}: expected the name of a network whose weights --weights has, found a whole network")
    catalog.check_name("models", name)
    return name


def _weights(file):
    return {"name": WEIGHTS.get(Path(file).suffix.lower(), "madry_checkpoint"), "file": str(Path(file).absolute())}


def _of_spec(name, network):
    """The network, the data and the seed of a spec."""
    known = catalog.names("models")
    if name in known:
        raise UsageError(f"{name}: expected its weights, too, --weights FILE (.npz, .pth or a TensorFlow 1 checkpoint)")
    try:
        _, spec, _ = read(name)
    except UsageError:
        near = suggest(name, known)
        raise UsageError(
            f"no network {name}: expected a file that Keras saved ({', '.join(SAVED)}), a SavedModel's folder, a spec, "
            f"or one of {', '.join(known)} with --weights. {near}".strip()
        ) from None
    if "experiments" in spec:
        raise UsageError(f"{name}: expected the spec of one experiment, found a collection: name one of its specs")
    found = networks(spec)
    if network is None and len(found) == 1:
        network = next(iter(found))
    if network not in found:
        raise UsageError(f"{name}: expected --network, one of {', '.join(found)}, found {network or 'none'}")
    if "after" in found[network]:
        raise UsageError(f"{name}: expected a network that stands alone, found {network} behind others in a cascade")
    return {key: spec[key] for key in ("data", "seed") if key in spec} | found[network]


def _on_other_data(taken, model, data):
    """A network of a spec on data of one's own: one that is trained is trained on the spec's."""
    if "train" in taken and taken["data"] != data:
        raise UsageError(
            f"{model}: expected its own data, {taken['data'].get('name')}, which it is trained on, found "
            f"{data['name']}: leave out --data, or give a saved network"
        )
    return taken | {"data": data}
