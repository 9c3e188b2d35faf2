"""The glue: how each kind of stage is computed from the artefacts before it. One short function a kind.

Each takes the stage, the artefact folders of its needs and a `Desk`, writes its files into `part` and returns the
numbers for its record. What a killed run left in `part/work` is taken up.
"""

import functools
import json
from typing import NamedTuple

import keras
import numpy as np

from bsa import components, store, train
from bsa.attacks import Attacked, _starts, join, logits, target
from bsa.data import Dataset
from bsa.errors import BsaError
from bsa.measures.sanity import Sample, Subject
from bsa.spec import canonical, parameters

CHUNK = 2  # batches of images between two saves of an attack; refilling stays within, so that a chunk is reproducible


class Desk(NamedTuple):
    """What every stage may use: the data folder and where to report progress."""

    data_dir: str | None = None
    progress: object = None  # progress(done, total, **metrics), or None


def compute(stage, needs, part, desk):
    """Compute a stage into the folder `part`; `needs` are the folders of the stages it needs. Returns its numbers."""
    kinds = {"network": network, "attack": attack, "measure": measure, "sanity": sanity}
    return kinds[stage.kind](stage, needs, part, desk)


def network(stage, needs, part, desk):
    """Build and train a network: `network.keras` and `history.npz`."""
    model = build(stage)
    data = dataset(stage.params["data"]["name"], "train", desk.data_dir)
    trained = stage.component
    history = train.run(
        trained["name"],
        model,
        data,
        seed=stage.params["seed"],
        folder=part,
        progress=desk.progress,
        **trained["params"],
    )
    store.write(part / "history.npz", lambda file: np.savez_compressed(file, **history))
    model.save(part / "network.keras")
    return {k: float(v[-100:].mean()) for k, v in history.items()} | {"steps": len(history["loss"])}


def attack(stage, needs, part, desk):
    """Attack the first correctly classified images of a cell: `attack.npz`, in chunks that are saved as they finish."""
    model = load_network(needs[0])
    x, y = cell_images(stage, desk)
    params = dict(stage.component["params"])
    index = first_correct(model, x, y, params.pop("images"))
    if not len(index):
        raise BsaError(f"expected correctly classified images to attack, found none in {stage.title}")
    thresholds, size = params.pop("thresholds"), CHUNK * params["batch_size"]
    run = attacker(needs[0], stage.component["name"], canonical(params))
    run = functools.partial(run, seed=stage.params["seed"], thresholds=thresholds)
    done = _by_chunks(run, x[index], y[index], index, size, part / store.WORK, desk.progress)
    arrays = {"index": index, "x": x[index], "y": y[index], "adversarial": done.x, "distance": done.distance}
    arrays |= {"start": done.start, "passes": done.passes}
    store.write(part / "attack.npz", lambda file: np.savez_compressed(file, **arrays))
    means = {"success": float(done.success.mean()), "passes": float(done.passes.mean())}
    return {"attacked": len(index), **means, "notes": list(done.notes)}


def _by_chunks(run, x, y, index, size, folder, progress):
    """`run` on `size` images at a time, each chunk saved in `folder` as it ends; those found there are not redone."""
    places = [slice(at, at + size) for at in range(0, len(x), size)]
    files = {folder / f"chunk_{number:04d}.npz": place for number, place in enumerate(places)}
    found = {file: _saved(file, index[place]) for file, place in files.items()}
    if progress:
        progress(sum(len(chunk.x) for chunk in found.values() if chunk), len(x))
    for file, place in files.items():
        if found[file]:
            continue
        found[file] = run(x[place], y[place], index=index[place])
        arrays = found[file]._asdict() | {"index": index[place]}
        store.write(file, functools.partial(np.savez_compressed, **arrays))
        if progress:
            done = [chunk for chunk in found.values() if chunk]
            success = float(np.concatenate([chunk.success for chunk in done]).mean())
            progress(sum(len(chunk.x) for chunk in done), len(x), success=success)
    return join(found.values())


def _saved(file, index):
    """The chunk in a file, or None where there is none of exactly these images."""
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as saved:
        if not np.array_equal(saved["index"], index):
            return None
        return Attacked(**{name: saved[name] for name in Attacked._fields})


def measure(stage, needs, part, desk):
    """Measure a network in a cell: the measure's arrays as `measure.npz`, its numbers in the record."""
    model = load_network(needs[0])
    x, y = cell_images(stage, desk)
    found = components.find("measures", stage.component["name"]).measure(
        functools.partial(logits, model), x, y, **stage.component["params"]
    )
    arrays = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
    store.write(part / "measure.npz", lambda file: np.savez_compressed(file, **arrays))
    return {k: v for k, v in found.items() if k not in arrays}


def sanity(stage, needs, part, desk):
    """Check an attack on a network in all its cells: the record's metrics hold the checks."""
    _, *attacked = needs
    samples = []
    for number, folder in enumerate(attacked):
        with np.load(folder / "attack.npz", allow_pickle=False) as a:
            fields = {name: a[name] for name in ("x", "y", "index", "adversarial", "distance")}
        samples.append(Sample(cell=number, thresholds=stage.params["thresholds"][number], **fields))
    name, params = stage.params["attack"]["name"], stage.params["attack"]["params"]

    def make(params):
        return attacker(needs[0], name, canonical(params))  # the table's own attack is still there

    settings = stage.component["params"] | {"seed": stage.params["seed"]}
    found = judged(load_network(needs[0]), make, params, samples, progress=desk.progress, **settings)
    failed = sum(check.passed is False for check in found)
    return {"checks": [check._asdict() for check in found], "failed": failed}


def judged(model, make, params, samples, **settings):
    """The checks of `measures.sanity` for the attack that `make(params)` gives; see there for the rest."""
    exact = target(model)

    def other(name, params):
        return components.find("attacks", name).make(exact, **parameters("attacks", name, params))

    def point(start, x, index, radius):
        return _starts.project(_starts.points(start, x, index, settings["seed"], 0, radius), x, radius)

    subject = Subject(exact, params, make, other, point)
    return components.find("measures", "sanity").measure(subject, samples, **settings)


def build(stage):
    """The untrained network of a network stage."""
    model, data = stage.params["model"], stage.params["data"]
    return components.find("models", model["name"]).build(
        input_shape=data["input_shape"], num_classes=data["num_classes"], seed=stage.params["seed"], **model["params"]
    )


@functools.lru_cache(maxsize=4)
def attacker(folder, name, params):
    """An attack on the network in a folder; kept, so that the cells of a table share one traced graph."""
    model = load_network(folder)
    return components.find("attacks", name).make(model, thresholds=["epsilon"], **json.loads(params))


@functools.lru_cache(maxsize=4)
def load_network(folder):
    """The network in an artefact folder."""
    return keras.saving.load_model(folder / "network.keras", compile=False, safe_mode=True)


def cell_images(stage, desk):
    """The test images of a stage moved into its cell, (n, height, width, channels) float32, and their labels."""
    data = dataset(stage.params["data"]["name"], "test", desk.data_dir)
    gain, offset = np.float32(stage.params["gain"]), np.float32(stage.params["offset"])
    return np.clip(gain * data.x + offset, 0, 1), data.y


def first_correct(model, x, y, wanted, step=500):
    """The numbers of the first `wanted` correctly classified images, in file order; fewer where there are fewer."""
    right = np.empty(0, np.int64)
    for at in range(0, len(x), step):
        if len(right) >= wanted:
            break
        guess = logits(model, x[at : at + step]).argmax(-1)
        right = np.append(right, at + np.flatnonzero(guess == y[at : at + step]))
    return right[:wanted]


@functools.lru_cache(maxsize=4)
def dataset(name, split, data_dir) -> Dataset:
    """A split, kept in memory for the stages after this one."""
    return components.find("data", name).load(split=split, data_dir=data_dir)
