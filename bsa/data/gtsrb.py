"""GTSRB: German traffic signs at 32x32, colour, 43 classes. Source: Stallkamp et al. (2012).

A download by TFDS with our builder has 39,209 training and 12,630 test images in the archives' order. A folder that
was prepared in another way, perhaps with a part of the set, is used in its own order; its fingerprint is by content.
"""

import numpy as np

from bsa import files
from bsa.data import Dataset, _tfds
from bsa.errors import DataError

NAME = "gtsrb"
SHAPE, CLASSES = (32, 32, 3), 43
OWN = "bsa.data._gtsrb_builder"
NAMES = (  # as the benchmark's authors describe the signs, in the order of ClassId
    "Speed limit 20 km/h", "Speed limit 30 km/h", "Speed limit 50 km/h", "Speed limit 60 km/h",
    "Speed limit 70 km/h", "Speed limit 80 km/h", "End of speed limit 80 km/h", "Speed limit 100 km/h",
    "Speed limit 120 km/h", "No passing", "No passing over 3.5 t", "Right of way", "Priority road", "Yield", "Stop",
    "No vehicles", "No vehicles over 3.5 t", "No entry", "General caution", "Curve left", "Curve right",
    "Double curve", "Bumpy road", "Slippery road", "Road narrows on the right", "Road work", "Traffic signals",
    "Pedestrians", "Children crossing", "Bicycles crossing", "Ice and snow", "Wild animals", "End of all limits",
    "Turn right ahead", "Turn left ahead", "Ahead only", "Straight or right", "Straight or left", "Keep right",
    "Keep left", "Roundabout", "End of no passing", "End of no passing over 3.5 t",
)  # fmt: skip


def describe(data_dir=None):
    """What enters the keys: a fingerprint; for a folder that is not our builder's, the sha256 of its files."""
    folder, info = _tfds.prepared(NAME, data_dir)
    official = folder is None or info.get("moduleName") == OWN  # a missing data set will be downloaded
    fingerprint = "official 1.0.0, regions of interest, bilinear 32" if official else files.sha256(folder)
    return {"fingerprint": fingerprint, "input_shape": list(SHAPE), "num_classes": CLASSES, "class_names": [*NAMES]}


def load(*, split, data_dir=None):
    """The "train" or "test" part as a `Dataset` of shape (n, 32, 32, 3), in the folder's order.

    Raises DataError if the download fails, an archive is not the original, or a folder holds something else.
    """
    if split not in ("train", "test"):
        raise ValueError(f"expected split train or test, found {split}")
    x, y = _tfds.read(NAME, split, data_dir, builder=_builder)
    if x.shape[1:] != SHAPE or not 0 <= y.min() <= y.max() < CLASSES:
        found = f"{x.shape[1:]} and {y.min()} to {y.max()}"
        place = _tfds.folder(data_dir) / NAME
        raise DataError(f"{place}, split {split}: expected images {SHAPE} and labels 0 to {CLASSES - 1}, found {found}")
    return Dataset(x.astype(np.float32) / np.float32(255), y.astype(np.int32), CLASSES, NAMES)


def _builder(name, data_dir):
    """Our builder, which downloads."""
    from bsa.data._gtsrb_builder import Gtsrb

    return Gtsrb(data_dir=data_dir)
