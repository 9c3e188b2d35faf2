"""The desk at which stages are computed: folders, devices, progress, and what is kept in memory for those that follow.

What is kept is the desk's own, so that two runs in a process share nothing.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from bsa import catalog
from bsa.data import Dataset
from bsa.devices import strategy
from bsa.devices.strategy import ONE, Devices
from bsa.engine import pieces
from bsa.engine.pool import Pool
from bsa.engine.stages.saved import load_network
from bsa.execution import DEFAULT, Execution
from bsa.lazy import LazyImages
from bsa.networks import AT_ONCE, batch, embedding, logits
from bsa.search.variants import pilot
from bsa.spec import digest
from bsa.transforms import chain, move

MOVES = ("gain", "offset", "transform")  # of a stage's parameters: how images are moved
CHUNK = 2  # batches of images that an attack finishes together; refilling stays within, so that it is reproducible


class Images(NamedTuple):
    """The test images in a cell; of a set that is read as it is needed x and clipped are `LazyImages`."""

    x: np.ndarray  # (n, height, width, channels) float32
    y: np.ndarray  # (n,) int32
    clipped: np.ndarray  # (n,) float32: the share of each image's pixel values that were clipped to [0, 1]


class Kept:
    """The last few things of each kind, by what they were made of."""

    def __init__(self):
        self._kinds = {}

    def get(self, kind, key, make, most=4):
        """What `make()` gave for this key, where it is among the `most` last asked for; else what it gives now."""
        things = self._kinds.setdefault(kind, {})
        things[key] = things.pop(key) if key in things else make()  # the last asked for is the last in the dict
        while len(things) > most:
            del things[next(iter(things))]
        return things[key]


@dataclasses.dataclass(frozen=True)
class Desk:
    """What every stage may use.

    `progress(done, total, **metrics)` is told of the stage at work; `pool`, if there is one, has other processes help
    with the chunks of attacks and certificates; `execution` is that of attacks. In another process a desk is that
    process's own, see `of_process`.
    """

    data_dir: str | None = None
    weights_dir: str | None = None
    devices: Devices = ONE
    progress: Callable | None = None
    pool: Pool | None = None
    execution: Execution = DEFAULT
    kept: Kept = dataclasses.field(default_factory=Kept, repr=False)
    held: tuple[Dataset, keras.Model] | None = None  # test images and the network, where they stand in no file

    def __reduce__(self):
        return of_process, (self.data_dir, self.weights_dir, self.execution)

    def dataset(self, source, split) -> Dataset:
        """A split of the data set that a stage's "data" describes, with its parameters."""

        if self.held and split == "test":
            return self.held[0]

        def load():
            params = source.get("params", {})
            return catalog.find("data", source["name"]).load(split=split, data_dir=self.data_dir, **params)

        return self.kept.get("data", (digest(source), split), load)

    def cell(self, params) -> Images:
        """The test images in the cell that a stage's parameters state."""
        return self.images(params["data"], **{key: params[key] for key in MOVES if key in params})

    def images(self, source, gain=1, offset=0, transform=None) -> Images:
        """The test images moved into a cell: by x' = gain * x + offset, or by the "steps" of a `transform`."""
        data = self.dataset(source, "test")
        move = functools.partial(moved, gain=gain, offset=offset, transform=transform)
        if isinstance(data.x, LazyImages):
            x, clipped = (data.x.then(lambda *block, n=n: move(*block)[n], shape) for n, shape in enumerate((None, ())))
        else:
            x, clipped = move(data.x, np.arange(len(data.x)))
        return Images(x, data.y, clipped)

    def network(self, folder):
        """The network in an artefact folder."""
        return self.held[1] if self.held else self.kept.get("network", folder, lambda: load_network(folder))

    def replicas(self, folder):
        """The network in a folder once for each of the devices; where none are named, once."""
        names = self.devices.names
        if not names:
            return [self.network(folder)]

        def copies():
            return [strategy.on(name, load_network)(folder) for name in names]

        return self.kept.get("replicas", folder, copies)

    def logits(self, folder):
        """`logits(x)` of the network in a folder, shared by the devices."""
        return self._shared(logits, folder)

    def embedding(self, folder):
        """`embedding(x, layer)` of the network in a folder, shared by the devices."""
        return self._shared(embedding, folder)

    def training_embedding(self, folder, layer, source, count=None):
        """The embedding of the first `count` (None: all) training images, (n, features) float32, and labels (n,)."""

        def embed():
            data = self.dataset(source, "train")
            return self.embedding(folder)(data.x[:count], layer), data.y[:count]

        # 245 MB for 60,000 images and 1,024 features
        return self.kept.get("embedding", (folder, layer, digest(source), count), embed, most=1)

    def attacks(self, folder, name, params):
        """An attack on the network in a folder, one for each of the devices; where none are named, one.

        Kept, so that the cells of a table share one traced graph.
        """
        return self._each("attacks", folder, name, params | {"execution": self.execution})

    def pilot(self, folder, name, params):
        """What measures on images what an attack's parameters leave to be measured, or None; kept, likewise."""

        def made():
            return pilot(catalog.find("attacks", name), self.network(folder), params, self.execution)

        return self.kept.get("pilots", (folder, name, digest(params)), made)

    def chunk(self, folder):
        """How many images an attack on the network in a folder finishes together."""
        return CHUNK * batch(self.network(folder), self.execution)

    def certificates(self, folder, name, params):
        """A certificate for the network in a folder, one for each of the devices; kept, for the same reason."""
        return self._each("certify", folder, name, params)

    def works(self, make, *what, **call):
        """What `make(desk, *what)` gives, one function for each of the devices, each called with `call` as well.

        Another process can make them again, if it is sent them: `make` is a function of a module.
        """
        return [Work(each, (self, make, what, n), call) for n, each in enumerate(make(self, *what))]

    def _shared(self, function, folder):
        works, names = [functools.partial(function, model) for model in self.replicas(folder)], self.devices.names
        if names:
            works = [strategy.on(name, work) for name, work in zip(names, works, strict=True)]
        return pieces.shared(works, AT_ONCE)

    def _each(self, kind, folder, name, params):
        def made():
            make, models, names = catalog.find(kind, name).make, self.replicas(folder), self.devices.names
            if not names:
                return [make(models[0], **params)]
            on = strategy.on
            return [on(at, on(at, make)(model, **params)) for at, model in zip(names, models, strict=True)]

        return self.kept.get(kind, (folder, name, digest(params)), made)


class Work:
    """A function, and what another process makes it of: `Desk.works` says how."""

    def __init__(self, function: Callable, origin: tuple, call: dict[str, Any]):
        self.function, self.origin, self.call = function, origin, call

    def __call__(self, *images, **more):
        return self.function(*images, **self.call, **more)

    def __reduce__(self):
        return _made_again, (self.origin, self.call)


def _made_again(origin, call):
    desk, make, what, number = origin
    return Work(make(desk, *what)[number], origin, call)


@functools.cache
def of_process(data_dir, weights_dir, execution):
    """The desk of a process that serves one run alone, as Ray's workers do: its stages share what is kept."""
    return Desk(data_dir, weights_dir, execution=execution)


def moved(x, index, gain, offset, transform):
    """Images x (n, ...) with the numbers `index` in a cell, and the share of each that was clipped (n,).

    By x' = gain * x + offset or, where there is a `transform`, by its "steps" and "seed", as plans have them.
    """
    if transform is None:
        return np.clip(np.float32(gain) * x + np.float32(offset), 0, 1), np.zeros(len(x), np.float32)
    steps, seed = transform["steps"], transform["seed"]
    made = chain(*(catalog.find("transforms", step["name"]).make(**step["params"]) for step in steps))
    pairs = zip(made.steps, steps, strict=True)
    point = {own.names[key]: value for own, step in pairs for key, value in step["point"].items()}
    out, clipped = np.empty_like(x), np.empty(len(x), np.float32)
    for at in range(0, len(x), AT_ONCE):
        rows = slice(at, at + AT_ONCE)
        out[rows], clipped[rows] = move(made, x[rows], point, seed, index[rows])
    return out, clipped


def shares(stage, clipped):
    """What a stage's record says of clipping: the mean share of pixel values, where a `transform` moved the images."""
    return {"clipped": float(np.mean(clipped))} if "transform" in stage.params else {}


def first_correct(model, x, y, wanted, step=500):
    """The numbers of the first `wanted` correctly classified images, in file order; fewer where there are fewer."""
    right = np.empty(0, np.int64)
    for at in range(0, len(x), step):
        if len(right) >= wanted:
            break
        guess = logits(model, x[at : at + step]).argmax(-1)
        right = np.append(right, at + np.flatnonzero(guess == y[at : at + step]))
    return right[:wanted]


def arrays(file):
    """The arrays of an `.npz` file, by name."""
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)
