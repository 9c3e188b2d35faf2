"""What several stages read: data, networks and what is made of them, kept in memory for the stages that follow."""

import functools
import json

import keras
import numpy as np

from bsa import catalog, signatures
from bsa.data import Dataset
from bsa.devices import strategy as devices
from bsa.engine import pieces
from bsa.errors import StoreError, WeightsError, one_line
from bsa.networks import AT_ONCE, embedding, logits
from bsa.spec import canonical

CHUNK = 2  # batches of images that an attack finishes together; refilling stays within, so that it is reproducible


def dataset(source, split, data_dir) -> Dataset:
    """A split of the data set that a stage's "data" names, with its parameters."""
    return _dataset(source["name"], split, data_dir, canonical(source.get("params", {})))


@functools.lru_cache(maxsize=4)
def _dataset(name, split, data_dir, params):
    return catalog.find("data", name).load(split=split, data_dir=data_dir, **json.loads(params))


def cell_images(stage, desk):
    """The test images of a stage moved into its cell, (n, height, width, channels) float32, and their labels."""
    data = dataset(stage.params["data"], "test", desk.data_dir)
    gain, offset = np.float32(stage.params["gain"]), np.float32(stage.params["offset"])
    return np.clip(gain * data.x + offset, 0, 1), data.y


@functools.lru_cache(maxsize=4)
def load_network(folder):
    """The network in an artefact folder; StoreError where it is none that Keras opens safely."""
    file, advice = folder / "network.keras", f"Delete the folder {folder} and run again."
    try:
        signatures.check(file, "a Keras archive", ("keras",))
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except WeightsError as error:
        raise StoreError(f"{error}. {advice}") from None
    except MemoryError:
        raise
    except Exception as error:  # of any kind, by what the file holds
        what = f"{type(error).__name__}: {one_line(error)}"
        raise StoreError(f"{file}: expected a network that Keras opens safely, found {what}. {advice}") from None
    if not isinstance(model, keras.Model):
        raise StoreError(f"{file}: expected a network, found {type(model).__name__}. {advice}")
    return model


@functools.lru_cache(maxsize=4)
def replicas(folder, names):
    """The network in a folder once for each of the devices `names`; without names, once."""
    if not names:
        return [load_network(folder)]
    return [devices.on(name, load_network.__wrapped__)(folder) for name in names]


def scorer(folder, names=()):
    """`logits(x)` of the network in a folder, shared by the devices `names`."""
    return _shared(logits, folder, names)


def embedder(folder, names=()):
    """`embedding(x, layer)` of the network in a folder, shared by the devices `names`."""
    return _shared(embedding, folder, names)


def _shared(function, folder, names):
    works = [functools.partial(function, model) for model in replicas(folder, names)]
    if names:
        works = [devices.on(name, work) for name, work in zip(names, works, strict=True)]
    return pieces.shared(works, AT_ONCE)


def training_embedding(folder, layer, source, data_dir, names=(), count=None):
    """The embedding of the first `count` (None: all) training images, (n, features) float32, and their labels (n,)."""
    params = canonical(source.get("params", {}))
    return _training_embedding(folder, layer, source["name"], params, data_dir, names, count)


@functools.lru_cache(maxsize=1)  # 245 MB for 60,000 images and 1,024 features
def _training_embedding(folder, layer, name, params, data_dir, names, count):
    data = _dataset(name, "train", data_dir, params)
    return embedder(folder, names)(data.x[:count], layer), data.y[:count]


@functools.lru_cache(maxsize=4)
def attackers(folder, name, params, names=()):
    """An attack on the network in a folder, one for each of the devices `names`; without names, one.

    Kept, so that the cells of a table share one traced graph.
    """
    return _each(catalog.find("attacks", name).make, folder, names, **json.loads(params))


@functools.lru_cache(maxsize=4)
def certifiers(folder, name, params, names=()):
    """A certificate for the network in a folder, one for each of the devices; kept, for the same reason."""
    return _each(catalog.find("certify", name).make, folder, names, **json.loads(params))


def _each(make, folder, names, **params):
    models = replicas(folder, names)
    if not names:
        return [make(models[0], **params)]
    return [
        devices.on(name, devices.on(name, make)(model, **params)) for name, model in zip(names, models, strict=True)
    ]


def works(make, *what, **call):
    """What `make(*what)` gives, one for each device, as functions that another process, too, can make of that.

    `make` is a function of a module, `what` can be hashed, and `call` are more arguments of each function.
    """
    return [functools.partial(_work, make, what, number, **call) for number in range(len(_made(make, what)))]


def _work(make, what, number, *images, **call):
    return _made(make, what)[number](*images, **call)


@functools.lru_cache(maxsize=1)
def _made(make, what):
    return make(*what)


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
