"""A whole network from a Keras file, or the folder of a SavedModel, wrapped for attacks."""

import re
from pathlib import Path

import keras

from bsa import files, registered, signatures
from bsa.errors import UsageError, WeightsError, one_line
from bsa.models import _saved
from bsa.rewrites.wrapped import wrap

PLUGINS = (
    "register its class with @keras.saving.register_keras_serializable() in a file FOLDER/layers/NAME.py, and give "
    "--plugins FOLDER (in Python: bsa.catalog.add_folder)"
)


def build(
    *,
    file,
    pixels,
    outputs,
    input_shape=None,
    num_classes=None,
    seed=0,
    sha256=None,
    output=None,
):
    """The network in `file`, from [0, 1] images to logits.

    A .keras or .h5 file is opened in Keras's safe mode, with the layers that plug-ins registered. A SavedModel is a
    TensorFlow program: open only those that you trust.

    Args:
        file: a .keras or .h5 file, or the folder of a SavedModel.
        pixels: what the network takes, see `bsa.wrap`.
        outputs: what the network gives, see `bsa.wrap`.
        input_shape: of the data, if known.
        num_classes: of the data, if known.
        seed: not used, since the file has the weights.
        sha256: if given, the file must have this hash.
        output: which one of several outputs, see `bsa.wrap`.

    Raises:
        UsageError: the network does not fit the data.
        WeightsError: the file is no network, or cannot be opened.
    """
    path = Path(file).expanduser()
    model = opened(path, sha256)
    try:
        wrapped = wrap(model, pixels=pixels, outputs=outputs, output=output, input_shape=input_shape)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    found = wrapped.output_shape[-1]
    if num_classes is not None and found != num_classes:
        raise UsageError(
            f"{path}: expected an output for each of the {num_classes} classes of the data, found {found}: give the "
            'data or the network that belongs to it; where the data lack a class, name all in "class_names"'
        )
    return wrapped


def opened(path, sha256=None):
    """The `keras.Model` in the file or folder at `path`, as it was saved."""
    form = signatures.network(path)
    if sha256 and (found := files.sha256(path)) != sha256:
        raise WeightsError(f"{path}: expected sha256 {sha256}, found {found}")
    registered.register()
    try:
        model = _saved.LOADERS[form](path)
    except (MemoryError, WeightsError):
        raise
    except Exception as error:  # of any kind, by what the file holds
        raise WeightsError(f"{path}: {_why(error)}") from error
    if not isinstance(model, keras.Model):
        raise WeightsError(f"{path}: expected a network, found {type(model).__name__}")
    return model


def _why(error):
    """What the reader of a file says, as a sentence that says what to do."""
    said = str(error)
    unknown = re.search(r"(?:Could not locate (?:class|function)|Unknown [a-z ]+:) '?([\w>]+)", said)
    if "ambda" in said and "unsafe" in said:
        return (
            "expected layers without code, found a Lambda layer, whose code in the file is not run: write it as "
            f"a layer class, {PLUGINS}"
        )
    if unknown:
        return f'expected layers that are known, found "{unknown[1]}", which Keras does not have: {PLUGINS}'
    return f"expected a network that Keras {keras.__version__} opens, found {type(error).__name__}: {one_line(error)}"
