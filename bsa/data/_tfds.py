"""Image sets by TensorFlow Datasets, brought back to the order of the original files and checked.

A TFDS download is shuffled once, when it is prepared: examples are sorted by a hash of their number, salted with the
split's name. The paper attacks the first images in file order, so that order is restored by sorting back.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from bsa.data import Dataset
from bsa.errors import DataError


def load(name, sums, *, split, data_dir=None, num_classes=10):
    """The split "train" or "test" of a TFDS image set as a `Dataset`, in file order.

    `sums[split]` is the sha256 of the uint8 images in file order followed by their labels as bytes. A prepared
    folder is used as it is, whichever of the two orders it is in; otherwise TFDS downloads. Raises DataError where
    the download fails or the content is not the original's.
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
            "Delete that folder so that it is prepared afresh."
        )
    return Dataset(x.astype(np.float32) / np.float32(255), y.astype(np.int32), num_classes)


def shuffled_order(split, n):
    """The file numbers of a split's n examples in the order in which a TFDS download stores them, shape (n,)."""
    from tensorflow_datasets.core import hashing

    hasher = hashing.Hasher(split)
    return np.array(sorted(range(n), key=hasher.hash_key))


def folder(data_dir):
    """Where TFDS looks."""
    named = data_dir or os.environ.get("BSA_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return Path(named or "~/tensorflow_datasets").expanduser()


def prepared(name, data_dir):
    """The folder of a prepared set and what its `dataset_info.json` says; (None, {}) where there is none.

    The folder is that of the newest version. Read without TFDS, for `describe`.
    """
    found = sorted((folder(data_dir) / name).glob("*/dataset_info.json"), key=lambda file: _version(file.parent.name))
    return (found[-1].parent, json.loads(found[-1].read_text(encoding="utf-8"))) if found else (None, {})


def _version(text):
    return [int(part) if part.isdecimal() else -1 for part in text.split(".")]


def _sum(x, y):
    return hashlib.sha256(x.tobytes() + y.astype(np.uint8).tobytes()).hexdigest()


def read(name, split, data_dir, keys=("image", "label"), builder=None):
    """The arrays called `keys` in the folder's order: images (n, height, width, channels) uint8, labels (n,).

    `builder(name, data_dir=...)` gives the TFDS builder; TFDS's own of that name if it is left out.
    """
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    data_dir = data_dir or os.environ.get("BSA_DATA_DIR")
    try:
        made = (builder or tfds.builder)(name, data_dir=data_dir)
        made.download_and_prepare()
        in_order = tfds.ReadConfig(interleave_cycle_length=1)
        whole = made.as_dataset(split=split, batch_size=-1, shuffle_files=False, read_config=in_order)
        return tuple(whole[key].numpy() for key in keys)
    except DataError:
        raise
    except Exception as error:  # TFDS fails in many ways: no network, no space, a checksum, a broken shard
        reason = (str(error).strip() or "no message").splitlines()[0][:200]
        raise DataError(
            f"cannot read {name}: looked for a prepared TFDS folder {folder(data_dir) / name} and, as it "
            f"was not usable, tried to download ({type(error).__name__}: {reason}). "
            f"On a machine without network, prepare it elsewhere with bsa.load('{name}', split='train', "
            "data_dir=FOLDER), copy FOLDER here and name it with --data-dir FOLDER or BSA_DATA_DIR."
        ) from error
