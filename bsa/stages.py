"""The glue: how each kind of stage is computed from the artefacts before it. One short function a kind.

Each takes the stage, the artefact folders of its needs and a `Desk`, writes its files into `part` and returns the
numbers for its record. What a killed run left in `part/work` is taken up.
"""

import functools
import json
from typing import NamedTuple

import keras
import numpy as np

from bsa import chunks, components, foreign, store, train
from bsa.attacks import Attacked, _starts, logits, target
from bsa.certify import Certified
from bsa.data import Dataset
from bsa.errors import BsaError
from bsa.measures import invariant as invariants
from bsa.measures.sanity import Sample, Subject
from bsa.spec import canonical, parameters

CHUNK = 2  # batches of images between two saves of an attack; refilling stays within, so that a chunk is reproducible
CERTIFIED_AT_ONCE = 200  # images between two saves of a certificate
WITNESSES = "witnesses"  # the folder in a `.part` for what violates the invariant


class Desk(NamedTuple):
    """What every stage may use: where to report progress, and the folders of data and of foreign weights."""

    data_dir: str | None = None
    progress: object = None  # progress(done, total, **metrics), or None
    weights_dir: str | None = None


def compute(stage, needs, part, desk):
    """Compute a stage into the folder `part`; `needs` are the folders of the stages it needs. Returns its numbers."""
    kinds = {"network": network, "measure": measure, "certify": certify, "attack": attack}
    kinds |= {"invariant": invariant, "sanity": sanity}
    return kinds[stage.kind](stage, needs, part, desk)


def network(stage, needs, part, desk):
    """Build and train a network: `network.keras` and `history.npz`; with foreign weights the first alone."""
    if stage.origin:
        return imported(stage, part, desk)
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


def imported(stage, part, desk):
    """Build a network and put foreign weights into it: `network.keras`."""
    model, sha256 = build(stage), stage.params["sha256"]
    file = foreign.locate(stage.origin, sha256, desk.weights_dir)
    components.find("weights", stage.component["name"]).load(model, file, **stage.component["params"])
    model.save(part / "network.keras")
    return {"parameters": model.count_params(), "sha256": sha256, "origin": stage.origin}


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
    done = chunks.run(run, Attacked, "success", x[index], y[index], index, size, part / store.WORK, desk.progress)
    arrays = {"index": index, "x": x[index], "y": y[index], "adversarial": done.x, "distance": done.distance}
    arrays |= {"start": done.start, "passes": done.passes}
    store.write(part / "attack.npz", lambda file: np.savez_compressed(file, **arrays))
    means = {"success": float(done.success.mean()), "passes": float(done.passes.mean())}
    return {"attacked": len(index), **means, "notes": list(done.notes)}


def certify(stage, needs, part, desk):
    """Certify the first images of a cell, misclassified ones too: `certify.npz`, in chunks as an attack."""
    x, y = cell_images(stage, desk)
    params = dict(stage.component["params"])
    index = np.arange(min(params.pop("images"), len(x)))
    certificate = certifier(needs[0], stage.component["name"], canonical(params))
    size, folder = CERTIFIED_AT_ONCE, part / store.WORK
    x, y = x[index], y[index]
    done = chunks.run(
        lambda x, y, index: certificate(x, y), Certified, "certified", x, y, index, size, folder, desk.progress
    )
    radius = np.where(done.certified, np.maximum(done.radius, params["epsilon"]), done.radius)
    correct = logits(load_network(needs[0]), x).argmax(-1) == y
    arrays = {"index": index, "y": y, "correct": correct, "radius": radius}
    arrays |= {"bounds": done.bounds, "certified": done.certified}
    store.write(part / "certify.npz", lambda file: np.savez_compressed(file, **arrays))
    errors = {"error": 100 * float(1 - correct.mean()), "certified_error": 100 * float(1 - done.certified.mean())}
    return {
        "images": len(index),
        **errors,
        "median_radius": invariants.median_radius(arrays),
        "notes": list(done.notes),
    }


def invariant(stage, needs, part, desk):
    """No image broken within its certified radius, in the table's attack and at half the median certified radius.

    Raises InvariantError, with both witnesses saved in `part`.
    """
    proven, attacked = _arrays(needs[1] / "certify.npz"), _arrays(needs[2] / "attack.npz")
    predict = functools.partial(logits, load_network(needs[0]))

    def held(attacked):
        return invariants.hold(invariants.compare(proven, attacked), predict, part / WITNESSES, stage.title)

    first = held(attacked)
    radius, rows = invariants.challenge(proven, attacked, stage.component["params"]["challenge"])
    found = {name: attacked[name][rows] for name in ("index", "x", "y")}
    if len(rows):
        name, params = stage.params["attack"]["name"], stage.params["attack"]["params"]
        mode = {"mode": "success"} if "mode" in params else {}
        run = attacker(needs[0], name, canonical(params | mode))
        run = functools.partial(run, seed=stage.params["seed"], thresholds=[radius])
        size = CHUNK * params["batch_size"]
        done = chunks.run(
            run, Attacked, "success", **found, size=size, folder=part / store.WORK, progress=desk.progress
        )
        found |= {"adversarial": done.x, "distance": done.distance}
        held(found)
    figures = {"images": first.images, "broken": first.broken, "gap": first.gap}
    return figures | {"challenge": {"radius": radius, "images": len(rows)}}


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
        saved = _arrays(folder / "attack.npz")
        fields = {name: saved[name] for name in ("x", "y", "index", "adversarial", "distance")}
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
    """The untrained network of a network stage; one whose weights are foreign needs no seed."""
    model, data, seed = stage.params["model"], stage.params["data"], stage.params.get("seed", 0)
    return components.find("models", model["name"]).build(
        input_shape=data["input_shape"], num_classes=data["num_classes"], seed=seed, **model["params"]
    )


@functools.lru_cache(maxsize=4)
def attacker(folder, name, params):
    """An attack on the network in a folder; kept, so that the cells of a table share one traced graph."""
    model = load_network(folder)
    return components.find("attacks", name).make(model, thresholds=["epsilon"], **json.loads(params))


@functools.lru_cache(maxsize=4)
def certifier(folder, name, params):
    """A certificate for the network in a folder; kept, for the same reason."""
    return components.find("certify", name).make(load_network(folder), **json.loads(params))


def _arrays(file):
    """The arrays of an `.npz` file, by name."""
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


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
