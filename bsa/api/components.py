"""Components by name: each function finds one and fills in the defaults that specs use."""

from __future__ import annotations  # networks and results are named without importing TensorFlow

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bsa import backend, catalog, foreign
from bsa.errors import UsageError
from bsa.spec.parameters import parameters, sizes, whole

if TYPE_CHECKING:
    import keras
    import numpy as np

    from bsa import contracts
    from bsa.data import Dataset

Progress = Callable[..., Any]  # progress(done, total, **numbers)


def load(name: str, *, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
    """A data set: `bsa.load("mnist", split="test")` returns a `Dataset(x, y, num_classes)`.

    x is (n, height, width, channels), float32 in [0, 1]; y is (n,), int32; both in the original file order.
    `data_dir` is a folder of prepared TFDS data sets. By default it is BSA_DATA_DIR or TFDS's own folder, and missing
    data sets are downloaded there.
    """
    return catalog.find("data", name).load(split=split, data_dir=data_dir, **parameters("data", name, params))


def build(
    name: str,
    *,
    input_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    **params: Any,
) -> keras.Model:
    """A network: `bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)` returns a `keras.Model`.

    The model takes images in [0, 1] and gives logits.

    Args:
        name: a network (`bsa components models`), or "keras_file".
        input_shape: (height, width, channels); not needed for a trained network from a file.
        num_classes: the number of logits; not needed for a trained network from a file.
        seed: equal seeds give equal initial weights.
        **params: the parameters of the network, such as `file="net.keras"`.

    Raises:
        UsageError: an unknown name, or parameters that do not fit.
    """
    find, params, seed = catalog.find("models", name), parameters("models", name, params), whole("seed", seed)
    known = foreign.complete({"name": name})
    shape = sizes("input_shape of three positive whole numbers", input_shape, 3, known)
    classes = sizes("num_classes, a positive whole number", None if num_classes is None else [num_classes], 1, known)
    return find.build(input_shape=shape, num_classes=classes and classes[0], seed=seed, **params)


def import_weights(
    name: str,
    model: keras.Model,
    file: str | os.PathLike,
    *,
    sha256: str | None = None,
    **params: Any,
) -> str:
    """Load foreign weights into `model`, in place: `bsa.import_weights("wong_kolter", model, "mnist.pth")`.

    Nothing in the file is executed.

    Args:
        name: the format of the file (`schemas/weights/`).
        model: the network that the weights belong to.
        file: the file, or for some formats the folder.
        sha256: if given, the file must have this hash.
        **params: the parameters of the format.

    Returns:
        The sha256 of the file, to be stated in the next call.

    Raises:
        WeightsError: names the tensor, what was expected and what was found.
    """
    from bsa import files

    catalog.find("weights", name).load(model, foreign.checked(file, sha256), **parameters("weights", name, params))
    return sha256 or files.sha256(file)


def fit(
    name: str,
    model: keras.Model,
    data: Any,
    *,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
    progress: Progress | None = None,
    **params: Any,
) -> dict[str, np.ndarray]:
    """Train `model` in place: `bsa.fit("adversarial", model, data, steps=2000, epsilon=0.3)`.

    Losses of the model itself, such as those of a kernel_regularizer, are added to the objective, as in Keras.

    Args:
        name: the objective.
        model: the network, in place.
        data: a `Dataset`, a tuple (x, y) or a `tf.data.Dataset` of such pairs, in the forms that `attack` takes.
        seed: equal seeds give equal training.
        folder: where checkpoints are kept. After a kill, the same call with the same folder continues, bit for bit.
        progress: `progress(done, total, **numbers)` is called during training.
        **params: the parameters of the objective (`schemas/train/<name>.json`).

    Returns:
        The history: a dict of arrays with one value per step.

    Raises:
        ValueError: the model cannot be trained on such data.
        TrainingError: training failed, for example because the loss is no longer a number.
    """
    backend.check()
    from bsa.train import run

    return run(name, model, data, seed=seed, folder=folder, progress=progress, **parameters("train", name, params))


def certificate(name: str, model: keras.Model, **params: Any) -> contracts.Certificate:
    """A certificate for a Keras classifier: `bsa.certificate("outer_polytope", model, epsilon=0.1)`.

    Call it as `certificate(x, y)`, with images and labels as `attack` takes them. It returns a
    `Certified(bounds, certified, radius, notes)`: no image within `radius` of x is misclassified.
    """
    return catalog.find("certify", name).make(model, **parameters("certify", name, params))


def measure(
    name: str,
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    training: Any = None,
    progress: Progress | None = None,
    **params: Any,
) -> dict[str, Any]:
    """A measure of a network: `bsa.measure("nearest", model, x, y, training=bsa.load("mnist", split="train"))`.

    Args:
        name: the measure.
        model: the network.
        x: images, as `attack` takes them.
        y: labels, as `attack` takes them.
        training: the training data, as `fit` takes them; only some measures need them.
        progress: `progress(done, total)` is called during the work.
        **params: the parameters of the measure (`schemas/measures/<name>.json`).

    Returns:
        A dict of arrays and numbers, which the measure's module describes.

    Raises:
        UsageError: a measure that needs more than a network, no images, or no training data where they are needed.
    """
    backend.check()
    from bsa.given import pair
    from bsa.measures import View
    from bsa.networks import checked, embedding, image_shape, logits, target

    if name in catalog.names("checks"):
        raise UsageError(f'expected a measure of a network alone, found "{name}": see bsa.sanity, or run a spec')
    exact = target(model)
    x, y, _ = checked(exact, x, y, None)
    if not len(x):
        raise UsageError(f'measure "{name}": expected at least one image, found none')
    if training is not None:
        training = checked(exact, *pair(training, image_shape(model)), None)

    def embedded(layer, count=None):
        if training is None:
            expected = 'training images, such as training=bsa.load("mnist", split="train")'
            raise UsageError(f'measure "{name}": expected {expected}, found none')
        return embedding(model, training[0][:count], layer), training[1][:count]

    view = View(
        x=x,
        y=y,
        logits=lambda x: logits(model, x),
        embedding=lambda x, layer: embedding(model, x, layer),
        training=embedded,
        progress=progress,
    )
    return catalog.find("measures", name).measure(view, **parameters("measures", name, params))
