"""TensorFlow 1 checkpoints of Madry et al. (2018), as released for their MNIST and CIFAR-10 challenges."""

import glob
import re
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import tensorflow as tf

from bsa import files, signatures
from bsa.errors import WeightsError, one_line
from bsa.weights import BROKEN, count, fits, put, shapes, shown

TYPES = (tf.float32, tf.float64, tf.float16, tf.bfloat16)


def load(model, path):
    """Put the checkpoint at `path` (a folder, a prefix such as `model.ckpt-100`, one of its files, a zip) into `model`.

    The MNIST network's variables have no names but their numbers: `Variable`, `Variable_1`, ... in the order in which
    they were made, which is that of the weights. Those of the CIFAR-10 network are in `NAMES`. In another checkpoint
    they may have the names of the weights (`conv1/kernel`). Step counters and optimizer slots are passed over. Raises
    WeightsError for missing names, other shapes, more than one checkpoint, data that end early or are damaged, and a
    zip with a member that climbs out of its folder.
    """
    path = files.prefix(path)
    if path.is_file():
        signatures.check(path, "a TensorFlow checkpoint", ("zip", "table"))
    if not path.is_file() or signatures.kind(path) != "zip":
        _load(model, path, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        _extract(path, Path(folder), model)
        _load(model, Path(folder), path)


def _load(model, place, file):
    """`file` is what messages call the checkpoint at `place`."""
    prefix = _prefix(place, file)
    for part in sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}*")):
        if files.prefix(part) == prefix or part == prefix:
            takes = ("table",) if part == prefix or part.suffix == ".index" else signatures.SHARD
            signatures.check(part, "a file of a TensorFlow checkpoint", takes)
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        there, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        names = _names({name for name in there if types[name] in TYPES and there[name]}, model)
        if not names:
            wanted = f"variables Variable, Variable_1, ..., or {shown(shapes(model))}"
            raise WeightsError(f"{file}: expected {wanted}, found {shown(sorted(there))}")
        count(model, names, file)
        missing = [name for name in names if name not in there]
        if missing:
            raise WeightsError(f"{file}: expected variables {shown(missing)}, found {shown(sorted(there))}")
        for name, (weight, shape) in zip(names, shapes(model).items(), strict=True):
            fits(name, there[name], weight, shape, file)
        found = [(name, _numbers(reader.get_tensor(name))) for name in names]
    except IndexError as error:  # what TensorFlow makes of reading beyond the end
        what = f"one whose data end early, a truncated download ({one_line(error)})"
        raise WeightsError(f"{file}: expected a TensorFlow checkpoint, found {what}: {signatures.AGAIN}") from None
    except (tf.errors.OpError, RuntimeError, ValueError, LookupError, OSError) as error:
        what = f"another file or a damaged one ({one_line(error)})"
        raise WeightsError(f"{file}: expected a TensorFlow checkpoint, found {what}: {signatures.AGAIN}") from None
    put(model, found, file)


def _numbers(array):
    """An array of NumPy's own types: bfloat16 is not one."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _names(there, model):
    """The names of the weights in a checkpoint in the network's order; `there` are those of its arrays of numbers."""
    first = next((names for sign, names in NAMES.items() if sign in there), None)
    numbered = {name: re.fullmatch(r"Variable(?:_(\d+))?", name) for name in there}
    if not any(numbered.values()) and set(shapes(model)) <= there:
        return list(shapes(model))
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


MOST = 2**33  # bytes in a zip; below, as many as ten checkpoints of the network with two slots of an optimizer
ROOM = 2**26  # bytes beside, for graphs and logs


def _prefix(place, file):
    """The prefix of the one checkpoint at a place: itself, or somewhere in the folder."""
    if place.with_name(f"{place.name}.index").is_file() or place.is_file():
        return place
    files = [each for each in sorted(place.rglob("*")) if each.is_file() and not each.name.startswith("._")]
    found = [each for each in files if each.suffix == ".index"]
    if not found:  # a file alone is the format of TensorFlow's first years
        found = [each.with_name(f"{each.name}.index") for each in files if signatures.kind(each) == "table"]
    if len(found) > 1:  # a folder's own note says which is the last
        states = [tf.train.get_checkpoint_state(str(note.parent)) for note in place.rglob("checkpoint")]
        last = {Path(state.model_checkpoint_path).name for state in states if state}
        found = [index for index in found if index.name.removesuffix(".index") in last] or found
    if len(found) != 1:
        names = shown(index.relative_to(place) for index in found)
        raise WeightsError(f"{file}: expected one TensorFlow checkpoint (an .index file), found {names}")
    return found[0].with_name(found[0].name.removesuffix(".index"))


def _extract(path, folder, model):
    """Unpack a zip into `folder`, unless it is huge or a member would land outside of the folder or is a link."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name, link = entry.filename, stat.S_ISLNK(entry.external_attr >> 16)
                rooted = PureWindowsPath(name).drive or name.startswith(("/", "\\"))
                if link or rooted or ".." in (*PurePosixPath(name).parts, *PureWindowsPath(name).parts):
                    raise WeightsError(f'{path}: refused: its member "{name}" would be outside of the zip\'s folder')
            size = sum(entry.file_size for entry in archive.infolist())
            most = min(MOST, ROOM + 160 * model.count_params())
            if size > most:
                raise WeightsError(f"{path}: refused: it unpacks to {size} bytes, over {most}; unpack it yourself")
            archive.extractall(folder)
    except BROKEN as error:
        raise WeightsError(f"{path}: expected a zip with a checkpoint, found {one_line(error)}") from None
