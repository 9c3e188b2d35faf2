"""Networks that Keras 2 saved and Keras 3 cannot open unchanged.

Fields that Keras 3 no longer has are removed from the config, and outputs are compared with those of Keras 2 itself,
`tf_keras`; if they differ, or layers are missing, Keras 2 computes within one layer of Keras 3.
"""

import inspect
import json
import re
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

from bsa.errors import WeightsError, one_line

SAME = 1e-4  # of the largest output: sums in another order differ by less, another network by more
HALF = 0.02  # the same in float16 and bfloat16
SAFE = re.compile(r"nn\.|math\.|linalg\.|image\.|__operators__\.|[a-z_]+$")  # functions of TensorFlow that only compute
UNSAFE = {"py_function", "numpy_function", "load_op_library", "load_library", "map_fn", "while_loop", "cond", "print"}


def means_otherwise(path, form):
    """Whether Keras 2 saved a network that Keras 3 opens, and of which it computes something else.

    The hard sigmoid of Keras 2 is 0.2 x + 0.5 between 0 and 1, that of Keras 3 is x / 6 + 0.5.
    """
    version, config = _config(path, form)
    return version.startswith(("1.", "2.")) and '"hard_sigmoid"' in json.dumps(config)


def load(path, form, error, folder):
    """The network of a file that Keras 3 could not open as it is, for the reason `error`; work files go into `folder`.

    WeightsError where it holds code or Keras 2 cannot open it either; `error` where Keras 2 is not installed.
    """
    layers = list(_layers(_config(path, form)[1]))
    _check(path, layers)
    try:
        import tf_keras
    except ImportError:
        raise WeightsError(
            f"{path}: Keras {keras.__version__} cannot open it as it is ({one_line(error, 100)}): install "
            "tf_keras, which is Keras 2, and try again"
        ) from error
    try:
        old = tf_keras.models.load_model(_named(path, form, folder), compile=False, safe_mode=True)
    except Exception:  # of any kind: what Keras 3 said is as good
        raise error from None
    try:
        new = _converted(old, folder)
    except Exception:  # of any kind, by what a layer's from_config makes of a config
        return _layer(old)
    return new if _alike(new, old, layers) else _layer(old)


def _config(path, form):
    """Which Keras saved the network in a file, and its config, as JSON."""
    if form == "keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("metadata.json"))["keras_version"], json.loads(archive.read("config.json"))
    with h5py.File(path, "r") as file:
        return str(file.attrs.get("keras_version", "2.")), json.loads(file.attrs["model_config"])


def _layers(config):
    """The configs of layers in the config of a model, at any depth."""
    if isinstance(config, dict):
        if "class_name" in config and isinstance(config.get("config"), dict):
            yield config
        for part in config.values():
            yield from _layers(part)
    elif isinstance(config, list):
        for part in config:
            yield from _layers(part)


def _check(path, layers):
    """WeightsError for a network whose file holds code, or names a function that may do more than compute."""
    for layer in layers:
        if layer["class_name"] == "Lambda":
            raise ValueError("a Lambda layer is unsafe to open")
        function = str(layer["config"].get("function", "")).removeprefix("tf.")
        named = layer["class_name"] in ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod")
        if named and (not SAFE.match(function) or function in UNSAFE):
            raise WeightsError(f"{path}: expected layers that only compute, found the function tf.{function}")


def _named(path, form, folder):
    """A copy with the name by which Keras 2 knows the form of a file."""
    return shutil.copyfile(path, Path(folder, {"keras": "old.keras", "hdf5": "old.h5"}[form]))


def _converted(old, folder):
    """The network in Keras 3: its config without fields that this does not have, and its weights."""
    file = Path(folder, "new.h5")
    old.save(file)
    with h5py.File(file, "r+") as saved:
        config = json.loads(saved.attrs["model_config"])
        for layer in _layers(config):
            _amend(layer)
            inside = layer["config"].get("layers", ())
            stacks = {each["config"]["name"] for each in inside if each["class_name"] == "Sequential"}
            _renumber([layer["config"].get("output_layers"), *(each.get("inbound_nodes") for each in inside)], stacks)
        saved.attrs["model_config"] = json.dumps(config)
    return keras.saving.load_model(file, compile=False, safe_mode=True)


def _amend(layer):
    """Leave out of a layer's config what its class in Keras 3 does not take: the comparison shows if it mattered."""
    for end in ("input_layers", "output_layers"):  # of a model: one tensor, and no list of one
        if len(layer["config"].get(end, ())) == 1:
            (layer["config"][end],) = layer["config"][end]
    kind, config = getattr(keras.layers, layer["class_name"], None), layer["config"]
    if isinstance(config.get("dtype"), dict):  # a policy
        config["dtype"] = config["dtype"]["config"]["name"]
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if layer["class_name"] == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if kind is None or layer["class_name"] == "InputLayer":
        return
    taken = {name for each in kind.__mro__ for name in inspect.signature(each.__init__).parameters}
    for name in set(config) - taken - {"batch_input_shape"}:
        del config[name]
    for name in config:
        if name.endswith(("_regularizer", "_constraint")):  # they say how to train
            config[name] = None


def _renumber(nodes, names):
    """Count the calls of the layers called `names` from 0: Keras 2 counts the making of a Sequential as one of them."""
    if not isinstance(nodes, list):
        return
    if len(nodes) > 2 and isinstance(nodes[0], str) and nodes[0] in names:
        nodes[1] = max(nodes[1] - 1, 0)
    for part in nodes:
        _renumber(part, names)


def _alike(new, old, layers):
    """Whether both give the same for some images of noise."""
    rng = np.random.default_rng(0)
    shape = [64 if size is None else size for size in old.input_shape[1:]]
    x = np.concatenate([rng.uniform(0, high, (2, *shape)) for high in (1, 255)]).astype(np.float32)
    found, expected = (np.asarray(tf.cast(model(x, training=False), tf.float32)) for model in (new, old))
    low = any("16" in str(layer["config"].get("dtype")) for layer in layers)
    return np.abs(found - expected).max() <= (HALF if low else SAME) * np.abs(expected).max()


class Keras2(keras.layers.Layer):
    """A model of Keras 2 as a layer, in inference mode."""

    def __init__(self, old):
        super().__init__(name="keras_2", dtype="float32", trainable=False)
        self.old = old

    def call(self, x):
        return self.old(x, training=False)


def _layer(old):
    inputs = keras.Input(old.input_shape[1:], dtype="float32")
    return keras.Model(inputs, Keras2(old)(inputs), name=old.name)
