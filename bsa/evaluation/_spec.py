"""The spec of an evaluation, made in memory from a network, data and a radius. No TensorFlow."""

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

WIDE = 0.2  # from this radius on, cells are those of the paper's Table 2 (made for 0.3); below, of Table 3 (for 0.1)
CELLS = {
    True: [[1, 0], [0.9, 0], [0.9, 0.05], [0.8, 0], [0.8, 0.1]],
    False: [[1, 0], [0.95, 0], [0.95, 0.025], [0.9, 0], [0.9, 0.05]],
}
IMAGES = 1000
SEEN = 10  # times as many images for accuracy: it takes a pass each, an attack a hundred
# Bounds cost more than attacks: only few images, and only whether they are certified at epsilon.
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
    """The spec, an unchecked dict, that evaluates a network within `epsilon` on the original images and in blind spots.

    Args:
        model: a file or folder that Keras saved; the name of a network (`bsa components models`) whose `weights` are in
            a file; or a spec, whose network and data are used.
        epsilon: the radius, in [0, 1] pixels, or a fraction such as "8/255".
        data: as `bsa.data.named` takes it.
        pixels: what a saved network takes.
        outputs: what a saved network gives.
        weights: the file with the weights of a named network.
        network: which network of a spec with several.
        test: the test part of the data.
        train: the training part of the data.
        images: how many correctly classified images are attacked in each cell, the first ones.
        cells: the cells [scale, shift]; by default five of the paper's.
        paper: whether to run the paper's attack, too.
        certify: whether to certify some images, where that is possible.
        name: the name of the results.

    Raises:
        UsageError: arguments that do not fit together, unknown names, missing files.
        WeightsError: a file that is no network.
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
    """The spec that searches for a network's blind spots: `search` is its "explore"; for the rest see `experiment`."""
    named = given.pop("name", None) or f"{legal(model)}_explore"  # the results of an evaluation have the plain name
    spec = experiment(model, **given, name=named, epsilon=search["epsilon"])
    kept = {key: spec[key] for key in spec if key not in ("blind_spot", "attack", "certify", "measures", "report")}
    return kept | {"explore": search, "report": [{"name": "map"}]}


def evaluated(taken, *, name, epsilon, images, cells, paper, certify):
    """The spec of an evaluation of the network and data in `taken`; for the rest see `experiment`."""
    radius = fraction(epsilon) if isinstance(epsilon, str) else epsilon  # the check of the spec finds what is no number
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
    """The name of the results of a network in a file: its name in lower case, with _ for other characters."""
    return re.sub("[^a-z0-9]+", "_", Path(model).stem.lower()).strip("_")[:100] or "network"


def _network(model, weights, network, reading):
    """What a spec says of a network, with the data of the spec that it comes from."""
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
            "and call bsa.evaluate in Python, for PyTorch after bsa.from_torch"
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
    """A network of a spec on other data: a network that the spec trains needs the spec's own."""
    if "train" in taken and taken["data"] != data:
        raise UsageError(
            f"{model}: expected its own data, {taken['data'].get('name')}, which it is trained on, found "
            f"{data['name']}: leave out --data, or give a saved network"
        )
    return taken | {"data": data}
