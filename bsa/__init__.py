"""bsa: blind-spot attacks on robust networks, after Zhang et al. (ICLR 2019).

`load`, `build`, `fit` and `attack` are the library's front door: they find a component by its name and fill in the
defaults that specs use. Importing bsa does not import TensorFlow; the first call does.
"""

from bsa.cells import blind_spot
from bsa.components import find as _find
from bsa.spec import parameters as _parameters

__version__ = "0.1.0"
__all__ = ["attack", "blind_spot", "build", "fit", "load"]


def load(name, *, split, data_dir=None, **params):
    """A data set: `bsa.load("mnist", split="test")` is a `Dataset(x, y, num_classes)`.

    x is (n, height, width, channels), float32 in [0, 1]; y is (n,), int32; both in the original file order.
    `data_dir` is a folder of prepared TFDS sets; by default BSA_DATA_DIR, or TFDS's own folder, where it downloads.
    """
    return _find("data", name).load(split=split, data_dir=data_dir, **_parameters("data", name, params))


def build(name, *, input_shape, num_classes, seed=0, **params):
    """A network: `bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)` is a `keras.Model`.

    It takes [0, 1] images and gives logits; equal seeds give equal initial weights.
    """
    find, params = _find("models", name), _parameters("models", name, params)
    return find.build(input_shape=input_shape, num_classes=num_classes, seed=seed, **params)


def fit(name, model, data, *, seed=0, folder=None, progress=None, **params):
    """Train `model` in place on a `Dataset`: `bsa.fit("adversarial", model, data, steps=2000, epsilon=0.3)`.

    `folder` keeps checkpoints: the same call with the same folder goes on where a killed one stopped, bit for bit.
    Returns the history, a dict of arrays with one value a step. `schemas/train/<name>.json` describes the parameters.
    """
    from bsa.train import run

    return run(name, model, data, seed=seed, folder=folder, progress=progress, **_parameters("train", name, params))


def attack(name, model, **params):
    """An attack on a Keras classifier with logits: `bsa.attack("pgd", model, epsilon=0.3)`.

    Call it as `attack(x, y, seed=0)` with x (n, height, width, channels) in [0, 1] and integer labels y (n,); it
    gives an `Attacked(x, success, distance, start, passes)`.
    """
    return _find("attacks", name).make(model, **_parameters("attacks", name, params))
