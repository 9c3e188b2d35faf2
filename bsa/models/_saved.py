"""How each form of a saved network is opened."""

import shutil
import tempfile
from pathlib import Path

import h5py
import keras
import tensorflow as tf

from bsa import signatures
from bsa.errors import WeightsError
from bsa.models import _keras2

ENDPOINTS = ("serving_default", "serve")  # of a SavedModel: what Keras calls its answers


def load_keras(path):
    """A .keras archive, whatever its name."""
    return _opened(path, "keras", ".keras")


def load_h5(path):
    """An HDF5 file of Keras 2 or 3; WeightsError where it holds weights alone."""
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise WeightsError(f"{path}: expected {signatures.NETWORK}, found weights: {signatures.ARRAYS}")
    return _opened(path, "hdf5", ".h5")


def _opened(path, form, suffix):
    """The network in a file: by Keras 3, else by way of Keras 2."""
    with tempfile.TemporaryDirectory() as folder:
        file = path if path.suffix == suffix else shutil.copyfile(path, Path(folder, f"network{suffix}"))
        try:
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # of any kind, by what the file holds
            return _keras2.load(path, form, error, folder)
        if _keras2.means_otherwise(path, form):
            return _keras2.load(path, form, ValueError("hard_sigmoid is another function there"), folder)
        return model


def load_program(path):
    """The folder of a SavedModel: what it serves, on float32 images."""
    served = tf.saved_model.load(str(path)).signatures
    name = next((name for name in ENDPOINTS if name in served), None)
    if name is None:
        known = ", ".join(served) or "none"
        raise WeightsError(f"{path}: expected a SavedModel with the signature {' or '.join(ENDPOINTS)}, found {known}")
    taken = list(served[name].structured_input_signature[1].values())
    if len(taken) != 1 or not taken[0].dtype.is_floating:
        found = ", ".join(f"{spec.name} of {spec.dtype.name}" for spec in taken)
        raise WeightsError(f"{path}: expected a SavedModel that takes images as floats, found {found}: export one that "
                           "does, with keras.Input(dtype='float32')")  # fmt: skip
    inputs = keras.Input(taken[0].shape[1:], dtype=taken[0].dtype.name)
    layer = keras.layers.TFSMLayer(str(path), call_endpoint=name, trainable=False, name="saved_model")
    return keras.Model(inputs, layer(inputs), name="saved_model")


LOADERS = {"keras": load_keras, "hdf5": load_h5, "saved_model": load_program}
