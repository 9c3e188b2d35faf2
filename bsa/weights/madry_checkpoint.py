"""TensorFlow 1 checkpoints of Madry et al. (2018), as released for their MNIST and CIFAR-10 challenges."""

import re
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import tensorflow as tf

from bsa.errors import WeightsError
from bsa.weights import BROKEN, count, fits, put, shapes, shown


def load(model, path):
    """Put the checkpoint at `path` (a folder, a checkpoint's prefix such as `model.ckpt-100`, or a zip) into `model`.

    The MNIST network's variables have no names but their numbers: `Variable`, `Variable_1`, ... in the order in which
    they were made, which is that of the weights. Those of the CIFAR-10 network are in `NAMES`. Step counters and
    optimizer slots are passed over. Raises WeightsError for missing names, other shapes, more than one checkpoint, and
    a zip with a member that climbs out of its folder.
    """
    path = Path(path)
    if not zipfile.is_zipfile(path):
        _load(model, path, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        _extract(path, Path(folder))
        _load(model, Path(folder), path)


def _load(model, place, file):
    """`file` is what messages call the checkpoint at `place`."""
    prefix = _prefix(place, file)
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        there, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        names = _names({name for name in there if types[name] == tf.float32 and there[name]})
        count(model, names, file)
        missing = [name for name in names if name not in there]
        if missing:
            raise WeightsError(f"{file}: expected variables {shown(missing)}, found {shown(sorted(there))}")
        for name, (weight, shape) in zip(names, shapes(model).items(), strict=True):
            fits(name, there[name], weight, shape, file)
        found = [(name, reader.get_tensor(name)) for name in names]
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{file}: expected a TensorFlow checkpoint, found {error}") from None
    put(model, found, file)


def _names(there):
    """The names of the weights in a checkpoint in the network's order; `there` are those of its float32 arrays."""
    first = next((names for sign, names in NAMES.items() if sign in there), None)
    numbered = {name: re.fullmatch(r"Variable(?:_(\d+))?", name) for name in there}
    return first or sorted((n for n, m in numbered.items() if m), key=lambda n: int(numbered[n][1] or 0))


def _cifar():
    """The variables of the CIFAR-10 network: three groups of five units of two convolutions, each after its norm."""

    def norm(scope):  # in Keras's order
        return [f"{scope}/BatchNorm/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]

    names = ["input/init_conv/DW"]
    for scope in (f"unit_{group}_{unit}" for group in (1, 2, 3) for unit in range(5)):
        before = "shared_activation" if scope == "unit_1_0" else "residual_only_activation"
        names += [
            *norm(f"{scope}/{before}"),
            f"{scope}/sub1/conv1/DW",
            *norm(f"{scope}/sub2"),
            f"{scope}/sub2/conv2/DW",
        ]
    return [*names, *norm("unit_last"), "logit/DW", "logit/biases"]


NAMES = {"input/init_conv/DW": _cifar()}  # a variable that tells an architecture, and all of its variables in order


MOST = 2**33  # bytes in a zip: ten checkpoints of the CIFAR-10 network with their optimizer's slots


def _prefix(place, file):
    """The prefix of the one checkpoint at a place: itself, or somewhere in the folder."""
    if place.with_name(f"{place.name}.index").is_file():
        return place
    found = sorted(place.rglob("*.index"))
    if len(found) > 1:  # a folder's own note says which is the last
        states = [tf.train.get_checkpoint_state(str(note.parent)) for note in place.rglob("checkpoint")]
        last = {Path(state.model_checkpoint_path).name for state in states if state}
        found = [index for index in found if index.name.removesuffix(".index") in last] or found
    if len(found) != 1:
        names = shown(index.relative_to(place) for index in found)
        raise WeightsError(f"{file}: expected one TensorFlow checkpoint (an .index file), found {names}")
    return found[0].with_suffix("")


def _extract(path, folder):
    """Unpack a zip into `folder`, unless it is huge or a member would land outside of the folder or is a link."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name, link = entry.filename, stat.S_ISLNK(entry.external_attr >> 16)
                rooted = PureWindowsPath(name).drive or name.startswith(("/", "\\"))
                if link or rooted or ".." in (*PurePosixPath(name).parts, *PureWindowsPath(name).parts):
                    raise WeightsError(f'{path}: refused, for its member "{name}" lands outside of the zip\'s folder')
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST:
                raise WeightsError(f"{path}: refused, for it unpacks to {size} bytes, over {MOST}: unpack it yourself")
            archive.extractall(folder)
    except BROKEN as error:
        raise WeightsError(f"{path}: expected a zip with a checkpoint, found {error}") from None
