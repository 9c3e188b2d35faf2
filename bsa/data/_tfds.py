"""Image data sets of TensorFlow Datasets, restored to the order of the original files and checked.

TFDS shuffles a data set once, when it is prepared: examples are sorted by a hash of their number, salted with the
split's name. The paper attacks the first images in file order, so that order is restored by sorting back.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from bsa.data import Dataset
from bsa.errors import DataError


def load(name, sums, *, split, data_dir=None, num_classes=10, class_names=()):
    """The split "train" or "test" of a TFDS image data set as a `Dataset`, in file order.

    `sums[split]` is the sha256 of the uint8 images in file order followed by their labels as bytes. A prepared folder
    is used in whichever of the two orders it is; otherwise TFDS downloads. Raises DataError if the download fails or
    the content is not the original.
    """
    if split not in sums:
        raise ValueError(f"expected split {' or '.join(sums)}, found {split}")
    x, y = read(name, split, data_dir)
    if _sum(x, y) != sums[split]:
        back = np.argsort(shuffled_order(split, len(x)))
        x, y = x[back], y[back]
    if _sum(x, y) != sums[split]:
        raise DataError(
            f"{name}, split {split}, in {folder(data_dir)} is not the original data set: "
            f"expected sha256 {sums[split]} in file order, found {_sum(x, y)} ({len(x)} images). "
            "Delete that folder so that it is prepared again."
        )
    return Dataset(x.astype(np.float32) / np.float32(255), y.astype(np.int32), num_classes, class_names)


def shuffled_order(split, n):
    """The file numbers of a split's n examples in the order in which a TFDS download stores them, shape (n,)."""
    from tensorflow_datasets.core import hashing

    hasher = hashing.Hasher(split)
    return np.array(sorted(range(n), key=hasher.hash_key))


def folder(data_dir):
    """The folder where TFDS looks."""
    named = data_dir or os.environ.get("BSA_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return Path(named or "~/tensorflow_datasets").expanduser()


def prepared(name, data_dir, version=None):
    """The folder of a prepared data set and its `dataset_info.json`; (None, {}) if there is none.

    The folder is that of the newest version, or of `version`; `name` may have a config, as in `cifar10_1/v4`. Read
    without TFDS, for `describe`. Raises DataError if a folder exists but cannot be used, or is in the wrong place: a
    download would hide the mistake.
    """
    base = folder(data_dir)
    found = sorted((base / name).glob("*/dataset_info.json"), key=lambda file: _version(file.parent.name))
    found = [file for file in found if version in (None, file.parent.name)]
    if found:
        return found[-1].parent, _info(found[-1])
    for inside in ("dataset_info.json", "*/dataset_info.json"):
        if any(base.glob(inside)):
            right = base.parents[inside.count("/") == 0]
            raise DataError(
                f"{base} is the folder of one data set: expected the folder of data sets that it lies in. Name {right} "
                "with --data-dir or BSA_DATA_DIR."
            )
    for other in (base / name).glob("*.*.*"):
        if _version(other.name) >= [0, 0, 0] and version in (None, other.name) and any(other.iterdir()):
            raise DataError(f"{other}: expected a prepared data set, found no dataset_info.json. {AGAIN}")
    return None, {}


AGAIN = "Copy it here again, or delete that folder so that it is prepared again."


def _info(file):
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: expected the description of a data set, found {error}. {AGAIN}") from None
    if not isinstance(info, dict):
        raise DataError(f"{file}: expected the description of a data set, found other JSON. {AGAIN}")
    return info


def _version(text):
    return [int(part) if part.isdecimal() else -1 for part in text.split(".")]


def _sum(x, y):
    return hashlib.sha256(x.tobytes() + y.astype(np.uint8).tobytes()).hexdigest()


def read(name, split, data_dir, keys=("image", "label"), builder=None):
    """The arrays called `keys` in the folder's order: images (n, height, width, channels) uint8, labels (n,).

    A prepared folder is read; if there is none, `builder(name, data_dir=...)`, by default TFDS's own, downloads. Raises
    DataError if either fails: a download does not repair a folder that cannot be read.
    """
    there, info = prepared(name, data_dir)
    with told(f"{name}, split {split}", there, info) if there else told_of_download(name, data_dir, name):
        return _arrays(opened(name, there, data_dir, builder), split, keys, info.get("fileFormat", "tfrecord"))


def opened(name, there, data_dir, builder=None):
    """The TFDS builder of the prepared folder `there` or, if that is None, of `name` after its download."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    if there:
        return tfds.builder_from_directory(there)
    return _downloaded((builder or tfds.builder)(name, data_dir=str(folder(data_dir))))


@contextlib.contextmanager
def told(what, there, info):
    """Whatever TFDS raises while it reads the folder `there`, as a DataError of one sentence."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of many kinds: a checksum, a broken shard
        kind = f"{info.get('fileFormat', 'tfrecord')} files, as its dataset_info.json says"
        raise DataError(f"cannot read {what}, in {there}: expected {kind}, found {_reason(error)}. {AGAIN}") from error


@contextlib.contextmanager
def told_of_download(name, data_dir, call):
    """The same for a download; `call` is the first argument of the `bsa.load` that prepares the data set elsewhere."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of many kinds: no network, no space
        call = call if "'" in call else f"'{call}'"
        raise DataError(
            f"cannot read {name}: there is no prepared TFDS folder {folder(data_dir) / name}, and it cannot be "
            f"downloaded ({_reason(error)}). On a machine without network, prepare it elsewhere with "
            f"bsa.load({call}, split='train', data_dir=FOLDER), copy FOLDER here and name it with --data-dir FOLDER "
            "or BSA_DATA_DIR."
        ) from error


def _reason(error):
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0][:200]}"


def _downloaded(made):
    """A TFDS builder whose data set exists, downloaded if necessary.

    TFDS silently tries ten times in four minutes; without a network, three times are enough.
    """
    from tensorflow_datasets.core.download import downloader

    tries = downloader.MAX_RETRIES
    downloader.MAX_RETRIES = min(tries, 3)
    try:
        made.download_and_prepare()
    finally:
        downloader.MAX_RETRIES = tries
    return made


def _arrays(made, split, keys, form):
    import tensorflow_datasets as tfds

    if form == "array_record":  # which TensorFlow has no reader of
        examples = list(made.as_data_source(split=split))
        return tuple(np.array([example[key] for example in examples]) for key in keys)
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    whole = made.as_dataset(split=split, batch_size=-1, shuffle_files=False, read_config=in_order)
    return tuple(whole[key].numpy() for key in keys)


def examples(made, split, info):
    """The examples of a split as dicts of arrays, one after the other, in the folder's order."""
    import tensorflow_datasets as tfds

    if info.get("fileFormat") == "array_record":  # which TensorFlow has no reader of
        yield from made.as_data_source(split=split)
        return
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    yield from made.as_dataset(split=split, shuffle_files=False, read_config=in_order).as_numpy_iterator()
