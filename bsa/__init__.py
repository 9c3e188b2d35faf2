"""bsa: blind-spot attacks on robust networks, after Zhang et al. (ICLR 2019).

`load`, `build`, `import_weights`, `fit`, `attack`, `certificate`, `measure` and `sanity` are the library's front door:
they find a component by its name and fill in the defaults that specs use. Importing bsa does not import TensorFlow; the
first call does.
"""

import operator as _operator

from bsa.backend import check as _check_backend
from bsa.cells import blind_spot
from bsa.components import find as _find
from bsa.errors import UsageError as _UsageError
from bsa.spec import parameters as _parameters

__version__ = "0.1.0"
__all__ = ["attack", "blind_spot", "build", "certificate", "fit", "import_weights", "load", "measure", "sanity"]


def load(name, *, split, data_dir=None, **params):
    """A data set: `bsa.load("mnist", split="test")` is a `Dataset(x, y, num_classes)`.

    x is (n, height, width, channels), float32 in [0, 1]; y is (n,), int32; both in the original file order.
    `data_dir` is a folder of prepared TFDS sets; by default BSA_DATA_DIR, or TFDS's own folder, where it downloads.
    """
    return _find("data", name).load(split=split, data_dir=data_dir, **_parameters("data", name, params))


def build(name, *, input_shape, num_classes, seed=0, **params):
    """A network: `bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)` is a `keras.Model`.

    It takes [0, 1] images and gives logits; equal seeds give equal initial weights. Raises UsageError.
    """
    input_shape = _sizes("input_shape of three positive whole numbers", input_shape, 3)
    num_classes, seed = *_sizes("num_classes, a positive whole number", [num_classes], 1), _whole("seed", seed)
    find, params = _find("models", name), _parameters("models", name, params)
    return find.build(input_shape=input_shape, num_classes=num_classes, seed=seed, **params)


def _sizes(expected, given, count):
    """`given` as a tuple of `count` ints above 0, or UsageError."""
    try:
        sizes = tuple(_operator.index(size) for size in given)
    except TypeError:
        sizes = ()
    if len(sizes) != count or min(sizes) < 1:
        raise _UsageError(f"expected {expected}, found {given[0] if count == 1 else given}")
    return sizes


def _whole(name, given):
    """`given` as an int, or UsageError."""
    try:
        return _operator.index(given)
    except TypeError:
        raise _UsageError(f"expected a whole number as {name}, found {given!r}") from None


def import_weights(name, model, file, *, sha256=None, **params):
    """Put foreign weights into `model`, in place: `bsa.import_weights("wong_kolter", model, "mnist.pth")`.

    `name` is the file's format (`schemas/weights/`); `sha256`, where given, is checked first. Nothing in the file is
    executed. Returns the file's sha256, for the next call to state. Raises WeightsError that names the tensor, what
    was expected and what was found.
    """
    from bsa import foreign

    _find("weights", name).load(model, foreign.checked(file, sha256), **_parameters("weights", name, params))
    return sha256 or foreign.sha256(file)


def fit(name, model, data, *, seed=0, folder=None, progress=None, **params):
    """Train `model` in place on a `Dataset`: `bsa.fit("adversarial", model, data, steps=2000, epsilon=0.3)`.

    `folder` keeps checkpoints: the same call with the same folder goes on where a killed one stopped, bit for bit.
    `data` may as well be a tuple (x, y) or a `tf.data.Dataset` of such pairs, in the forms that `attack` takes, too.
    Losses of the model itself, such as a kernel_regularizer's, are part of what it is trained for, as in Keras.
    Returns the history, a dict of arrays with one value a step. `schemas/train/<name>.json` describes the parameters.
    Raises ValueError for data that the model cannot be trained on as they are, TrainingError where training fails.
    """
    _check_backend()
    from bsa.train import run

    return run(name, model, data, seed=seed, folder=folder, progress=progress, **_parameters("train", name, params))


def attack(name, model, **params):
    """An attack on a Keras classifier with logits: `bsa.attack("pgd", model, epsilon=0.3)`.

    Call it as `attack(x, y, seed=0)` with x (n, height, width, channels), uint8 or floats in [0, 1], and labels y,
    integers (n,) or (n, 1) or one-hot (n, classes); ValueError says what is wrong with others. It
    gives an `Attacked(x, success, distance, start, passes, correct, notes)`, whose `rate` is the success of a paper's
    table: among the images that the model classifies correctly as they are. The others count as no success.
    """
    return _find("attacks", name).make(model, **_parameters("attacks", name, params))


def certificate(name, model, **params):
    """A certificate for a Keras classifier: `bsa.certificate("outer_polytope", model, epsilon=0.1)`.

    Call it as `certificate(x, y)` with images and labels as `attack` takes them; it gives a
    `Certified(bounds, certified, radius, notes)`: no image within its `radius` of x is misclassified.
    """
    return _find("certify", name).make(model, **_parameters("certify", name, params))


def measure(name, model, x, y, *, training=None, progress=None, **params):
    """A measure of a network: `bsa.measure("nearest", model, x, y, training=bsa.load("mnist", split="train"))`.

    x and y are images and labels as `attack` takes them; `training`, which only some measures need, is a data set as
    `fit` takes it, and `progress(done, total)` is told how far it is. Gives a dict of arrays and numbers, which the
    measure's module describes, its parameters `schemas/measures/<name>.json`.
    """
    _check_backend()
    from bsa.attacks import checked, logits, target
    from bsa.data import pair
    from bsa.measures import View
    from bsa.models import embedding, image_shape
    from bsa.schema import FRAMED

    if name in FRAMED:
        raise _UsageError(f'expected a measure of a network alone, found "{name}": see bsa.sanity, or run a spec')
    exact = target(model)
    x, y, _ = checked(exact, x, y, None)
    if not len(x):
        raise _UsageError(f'measure "{name}": expected at least one image, found none')
    if training is not None:
        training = checked(exact, *pair(training, image_shape(model)), None)

    def embedded(layer, count=None):
        if training is None:
            expected = 'training images, such as training=bsa.load("mnist", split="train")'
            raise _UsageError(f'measure "{name}": expected {expected}, found none')
        return embedding(model, training[0][:count], layer), training[1][:count]

    view = View(
        x=x,
        y=y,
        logits=lambda x: logits(model, x),
        embedding=lambda x, layer: embedding(model, x, layer),
        training=embedded,
        progress=progress,
    )
    return _find("measures", name).measure(view, **_parameters("measures", name, params))


def sanity(name, model, x, y, *, seed=0, checks=None, **params):
    """Is an attack on a network a sound evaluation? `bsa.sanity("pgd", model, x, y, epsilon=0.3)` is a list of checks.

    `params` are those of the attack, x and y images and labels as it takes them, of which the first that `model`
    classifies correctly are used; `checks` may set the fields of `schemas/measures/sanity.json`.
    Each `Check(check, passed, found, expected, message, cell)` says what was found, and of a failure what to do.
    The first is of the accuracy on all of them: where it is hardly above chance it says what to look at.
    """
    _check_backend()
    from bsa.attacks import checked, target
    from bsa.cells import thresholds
    from bsa.measures.sanity import Sample
    from bsa.stages._loaded import first_correct
    from bsa.stages.sanity import SEEN, judged

    params, checks = _parameters("attacks", name, params), _parameters("measures", "sanity", checks or {})
    x, y, _ = checked(target(model), x, y, None)
    if not len(x):
        raise ValueError("expected images to check the attack on, found none")
    index = first_correct(target(model), x, y, checks["images"])
    at = thresholds(params.pop("thresholds"), params["epsilon"])
    samples = [Sample(None, x[index], y[index], index, at, given=(x[:SEEN], y[:SEEN]))]

    def make(params):
        return _find("attacks", name).make(model, thresholds=["epsilon"], **params)

    return judged(model, name, make, params, samples, seed=seed, **checks)
