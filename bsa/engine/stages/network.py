"""A network stage: built and trained, built and given foreign weights, or a file of its own."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import numpy as np

from bsa import catalog, files, foreign, signatures, train
from bsa.certify import Decided
from bsa.data import Dataset
from bsa.engine import pieces
from bsa.engine.stages.certify import CERTIFIED_AT_ONCE, deciders
from bsa.engine.stages.saved import WHOLE, load_network
from bsa.errors import BsaError

SUFFIX = {"keras": ".keras", "hdf5": ".h5", "saved_model": ""}  # of the copy of a whole network


def compute(stage, needs, part, desk):
    """Build and train a network: `network.keras` and `history.npz`; with foreign weights the first alone.

    Of a network in a file of its own: a copy of that, and in `network.json` how it is opened.
    """
    if desk.held:  # it lives in this process: the artefact holds its place
        files.write_json(part / WHOLE, {"name": stage.origin["file"]})
        return {"parameters": desk.held[1].count_params()}
    if stage.origin and "model" not in stage.params:
        return whole(stage, part)
    if stage.origin:
        return imported(stage, part, desk)
    model = build(stage)
    data = desk.dataset(stage.params["data"], "train")
    if needs:
        with contextlib.nullcontext(part) if desk.devices.chief else tempfile.TemporaryDirectory() as folder:
            data = left_over(stage, needs, data, Path(folder), desk)
    trained = stage.component
    history = train.run(
        trained["name"],
        model,
        data,
        seed=stage.params["seed"],
        folder=part,
        progress=desk.progress,
        devices=desk.devices,
        **trained["params"],
    )
    if not desk.devices.chief:
        return {}
    files.write(part / "history.npz", lambda file: np.savez_compressed(file, **history))
    _save(model, part / "network.keras")
    return {k: float(v[-100:].mean()) for k, v in history.items()} | {"steps": len(history["loss"])}


def left_over(stage, needs, data, part, desk):
    """The training images whose answers no network before this one in its cascade certifies (Wong et al. 2018)."""
    certificate = stage.params["certificate"]
    done = pieces.run(
        desk.works(deciders, needs, certificate["name"], certificate["params"]),
        Decided, "certified", data.x, data.y, np.arange(len(data.x)), CERTIFIED_AT_ONCE, part / files.WORK,
        desk.progress, desk.pool,
    )  # fmt: skip
    rows = np.flatnonzero(~done.certified)
    if len(rows) < stage.component["params"]["batch_size"]:
        raise BsaError(
            f"{stage.title}: expected at least one batch of {stage.component['params']['batch_size']} training images "
            f"that the networks before it do not certify, found {len(rows)}: the cascade is long enough without it"
        )
    return Dataset(data.x[rows], data.y[rows], data.num_classes)


def imported(stage, part, desk):
    """Build a network and put foreign weights into it: `network.keras`."""
    model, sha256 = build(stage), stage.params["sha256"]
    file = foreign.locate(stage.origin, sha256, desk.weights_dir)
    catalog.find("weights", stage.component["name"]).load(model, file, **stage.component["params"])
    _save(model, part / "network.keras")
    return {"parameters": model.count_params(), "sha256": sha256, "origin": stage.origin}


def whole(stage, part):
    """Keep a whole network, as it is, and how it is opened; its record says what was done to make logits of it."""
    file, component = foreign.whole(stage.origin), stage.component
    copy = part / f"original{SUFFIX[signatures.network(file)]}"
    with files.told(f"write {copy}"):
        shutil.rmtree(copy, ignore_errors=True)  # of a killed run
        shutil.copytree(file, copy) if file.is_dir() else shutil.copyfile(file, copy)
    data, params = stage.params["data"], component["params"] | {"sha256": stage.params["sha256"]}
    params |= {"input_shape": data["input_shape"], "num_classes": data["num_classes"]}
    if data.get("more_classes"):
        params["num_classes"] = None
    files.write_json(part / WHOLE, {"name": component["name"], "file": copy.name, "params": params})
    try:
        model = load_network(part)
    except BsaError as error:  # the user knows the file, and not its copy
        raise type(error)(str(error).replace(str(copy), str(file))) from error
    if model.output_shape[-1] < data["num_classes"]:
        raise BsaError(
            f"{file}: expected an output for each of the {data['num_classes']} classes that the labels tell of, found "
            f"{model.output_shape[-1]}: give the data or the network that belongs to it; labels are counted from 0"
        )
    found = {"parameters": model.count_params(), "sha256": stage.params["sha256"], "origin": stage.origin}
    done = model.wrapping
    return found | {"difference": done.difference, "notes": list(done.notes)}


def build(stage):
    """The untrained network of a network stage; one whose weights are foreign needs no seed."""
    model, data, seed = stage.params["model"], stage.params["data"], stage.params.get("seed", 0)
    return catalog.find("models", model["name"]).build(
        input_shape=data["input_shape"], num_classes=data["num_classes"], seed=seed, **model["params"]
    )


def _save(model, file):
    with files.told(f"write {file}"):
        model.save(file)
