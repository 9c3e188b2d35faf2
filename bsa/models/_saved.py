"""How the forms of a whole network are opened."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import h5py
import keras

from bsa import signatures
from bsa.errors import WeightsError


def load_keras(path):
    """A .keras archive, whatever its name."""
    with _named(path, (".keras",)) as file:
        return keras.saving.load_model(file, compile=False, safe_mode=True)


def load_h5(path):
    """An HDF5 file of Keras 2 or 3; WeightsError where it holds weights alone."""
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise WeightsError(f"{path}: expected {signatures.NETWORK}, found weights: {signatures.ARRAYS}")
    with _named(path, (".h5", ".hdf5")) as file:
        return keras.saving.load_model(file, compile=False, safe_mode=True)


@contextlib.contextmanager
def _named(path, suffixes):
    """`path`, or a copy that has a name by which Keras knows its form."""
    if path.suffix in suffixes:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copyfile(path, Path(folder, f"network{suffixes[0]}")))


LOADERS = {"keras": load_keras, "hdf5": load_h5}
