"""CIFAR-10: 50,000 training and 10,000 test images, 32x32 colour. Source: Krizhevsky (2009).

There are two orders, with different fingerprints. A download by TensorFlow Datasets numbers each image, so the order
of the original files can be restored: the paper attacks the first images there. A folder that was prepared in another
way may have any order, and nothing in it shows the original one: its images are sorted by the sha256 of image and
label, which gives the same order for every such folder.
"""

import hashlib

import numpy as np

from bsa.data import Dataset, _tfds
from bsa.errors import DataError

NAME = "cifar10"
OWN = "tensorflow_datasets.image_classification.cifar"  # the builder of a folder whose numbers are the original's
# sha256 over the sorted sha256 of each image and its label: the content in any order. Means and standard deviations of
# the channels agree with the published ones to the last digit.
SUMS = {
    "train": "6a3b2c04d0a79ce272dcdacaf0bc440275db5a8cbe3717521a28fada2ea0d2ed",
    "test": "65a6ffe079453e514083f99356b35e02cbfd581b4951e3937fae188974b79f39",
}
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FIRST = {"train": [6, 9, 9, 4, 1, 1, 2, 7, 8, 3], "test": [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]}  # labels in file order


def describe(data_dir=None):
    """What enters the keys: the sums of the content with its order, and the shapes that a network needs."""
    order = "file" if _numbered(data_dir) else "sha256"
    fingerprint = f"{SUMS['train']}{SUMS['test']}, order {order}"
    return {"fingerprint": fingerprint, "input_shape": [32, 32, 3], "num_classes": 10, "class_names": [*NAMES]}


def load(*, split, data_dir=None):
    """The "train" (50,000) or "test" (10,000) part as a `Dataset` of shape (n, 32, 32, 3).

    In file order if TFDS downloaded it, otherwise in the order of the images' sha256. Raises DataError if the download
    fails, or the content is not the original.
    """
    if split not in SUMS:
        raise ValueError(f"expected split {' or '.join(SUMS)}, found {split}")
    x, y, number = _tfds.read(NAME, split, data_dir, ("image", "label", "id"))
    sums = [hashlib.sha256(image.tobytes() + bytes([label])).digest() for image, label in zip(x, y, strict=True)]
    found = hashlib.sha256(b"".join(sorted(sums))).hexdigest()
    if found != SUMS[split]:
        raise DataError(_wrong(split, data_dir, f"sha256 {SUMS[split]} over its sorted images", f"{found} ({len(x)})"))
    numbered = _numbered(data_dir)  # after a download, if there was one
    order = sorted(range(len(x)), key=list(number if numbered else sums).__getitem__)
    x, y = x[order], y[order]
    if numbered and y[: len(FIRST[split])].tolist() != FIRST[split]:
        begin = y[: len(FIRST[split])].tolist()
        raise DataError(_wrong(split, data_dir, f"labels that begin {FIRST[split]} by their numbers", begin))
    return Dataset(x.astype(np.float32) / np.float32(255), y.astype(np.int32), 10, NAMES)


def _numbered(data_dir):
    """Whether a folder's numbers are those of the original files; a download has them."""
    folder, info = _tfds.prepared(NAME, data_dir)
    return folder is None or info.get("moduleName") == OWN


def _wrong(split, data_dir, expected, found):
    return (
        f"{NAME}, split {split}, in {_tfds.folder(data_dir)} is not the original data set: expected {expected}, "
        f"found {found}. Delete that folder so that it is prepared again."
    )
