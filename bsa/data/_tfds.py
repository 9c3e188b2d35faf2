"""Image sets by TensorFlow Datasets, brought back to the order of the original files and checked.

A TFDS download is shuffled once, when it is prepared: examples are sorted by a hash of their number, salted with the
split's name. The paper attacks the first images in file order, so that order is restored by sorting back.
"""

import hashlib
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
    x, y = _read(name, split, data_dir)
    if _sum(x, y) != sums[split]:
        back = np.argsort(shuffled_order(split, len(x)))
        x, y = x[back], y[back]
    if _sum(x, y) != sums[split]:
        raise DataError(
            f"{name}, split {split}, in {_folder(data_dir)} is not the original data set: "
            f"expected sha256 {sums[split]} in file order, found {_sum(x, y)} ({len(x)} images). "
            "Delete that folder so that it is prepared afresh."
        )
    return Dataset(x.astype(np.float32) / np.float32(255), y.astype(np.int32), num_classes)


def shuffled_order(split, n):
    """The file numbers of a split's n examples in the order in which a TFDS download stores them, shape (n,)."""
    from tensorflow_datasets.core import hashing

    hasher = hashing.Hasher(split)
    return np.array(sorted(range(n), key=hasher.hash_key))


def _folder(data_dir):
    """Where TFDS looks."""
    import tensorflow_datasets as tfds

    named = data_dir or os.environ.get("BSA_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return Path(named or tfds.core.constants.DATA_DIR).expanduser()


def _sum(x, y):
    return hashlib.sha256(x.tobytes() + y.astype(np.uint8).tobytes()).hexdigest()


def _read(name, split, data_dir):
    """Images (n, height, width, channels) uint8 and labels (n,), in the folder's order."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    data_dir = data_dir or os.environ.get("BSA_DATA_DIR")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        builder.download_and_prepare()
        read = tfds.ReadConfig(interleave_cycle_length=1)
        whole = builder.as_dataset(split=split, batch_size=-1, shuffle_files=False, read_config=read)
        return whole["image"].numpy(), whole["label"].numpy()
    except Exception as error:  # TFDS fails in many ways: no network, no space, a checksum, a broken shard
        reason = (str(error).strip() or "no message").splitlines()[0][:200]
        raise DataError(
            f"cannot read {name}: looked for a prepared TFDS folder {_folder(data_dir) / name} and, as it "
            f"was not usable, tried to download ({type(error).__name__}: {reason}). "
            f"On a machine without network, prepare it elsewhere with tfds.load('{name}', data_dir=FOLDER), copy "
            "FOLDER here and name it with --data-dir FOLDER or BSA_DATA_DIR."
        ) from error
