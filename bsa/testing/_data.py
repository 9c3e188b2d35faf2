"""The table of checks that every data set must pass."""

import json
from typing import Any

import numpy as np

import bsa
from bsa import catalog
from bsa.data import Dataset
from bsa.spec.parameters import parameters
from bsa.testing._shared import expect, expect_equal, expect_error, told

BLOCK = 1000  # images that are in memory at once, of a set that is read as it is needed


class Given:
    """A data set by its name and parameters: what it says of itself, and its two splits."""

    def __init__(self, name: str, data_dir: str | None = None, **params: Any) -> None:
        self.name, self.params, self.data_dir = name, params, data_dir
        self.test, self.missing = self.load("test"), ""
        try:
            self.train: Dataset | None = self.load("train")
        except bsa.errors.DataError as error:  # a set may have test images alone
            self.train, self.missing = None, str(error)

    @property
    def parts(self) -> dict[str, Dataset]:
        """The splits that there are, by name."""
        return ({"train": self.train} if self.train is not None else {}) | {"test": self.test}

    def load(self, split: str) -> Dataset:
        """A split, read afresh."""
        return bsa.load(self.name, split=split, data_dir=self.data_dir, **self.params)

    def describe(self) -> dict:
        """What the plan knows of it without reading it."""
        params = parameters("data", self.name, self.params)
        return dict(catalog.find("data", self.name).describe(data_dir=self.data_dir, **params))


def check_data(name: str, *, data_dir: str | None = None, **params: Any) -> None:
    """Check a data set by its name, with parameters as in a spec; AssertionError says what is wrong."""
    told("data", name, DATA, Given(name, data_dir, **params))


def it_describes_itself(data: Given) -> None:
    """A fingerprint, the shape of an image and the number of classes: JSON values, the same at every call."""
    found = data.describe()
    keys = {"fingerprint", "input_shape", "num_classes"}
    expect(keys <= found.keys(), f"expected {', '.join(sorted(keys))} of describe(), found {', '.join(sorted(found))}")
    expect(found == json.loads(json.dumps(found)), f"expected JSON values of describe(), found {found}")
    expect(found == data.describe(), "expected the same of describe() at every call")
    shape = found["input_shape"]
    expect(len(shape) == 3 and all(type(size) is int and size > 0 for size in shape),
           f"expected input_shape as height, width and channels, found {shape}")  # fmt: skip


def classes_have_names_or_none(data: Given) -> None:
    """Where describe() has "class_names", one for each class, the same as those of each split."""
    described = data.describe()
    names = described.get("class_names", [])
    sound = all(type(name) is str for name in names) and len({*names}) in (0, described["num_classes"])
    expect(sound, f"expected {described['num_classes']} different class_names, found {names}")
    for split, part in data.parts.items():
        expect(part.class_names == tuple(names), f"expected class_names of the {split} images as described, {names}, "
               f"found {part.class_names}")  # fmt: skip


def training_images_are_there_or_asked_for(data: Given) -> None:
    """What there is none of is told in a sentence that says what to state."""
    said = "expected training images" in data.missing and "\n" not in data.missing
    expect(
        data.train is not None or said,
        f"expected training images, or a DataError that says what to state for them, found {data.missing}",
    )


def images_and_labels_are_what_networks_take(data: Given) -> None:
    """x (n, height, width, channels) float32 in [0, 1]; y (n,) int32 from 0 to num_classes - 1."""
    described = data.describe()
    for split, part in data.parts.items():
        x, y, classes = part
        where = f"expected of the {split} images"
        expect(len(x) > 0, f"{where} at least one, found none")
        expect(x.dtype == np.float32 and x.shape[1:] == tuple(described["input_shape"]),
               f"{where} float32 of shape (n, {described['input_shape']}), found {x.dtype} {x.shape}")  # fmt: skip
        blocks = (np.asarray(x[at : at + BLOCK]) for at in range(0, len(x), BLOCK))
        sound = all(np.isfinite(block).all() and block.min() >= 0 and block.max() <= 1 for block in blocks)
        expect(sound, f"{where} pixels in [0, 1], found others")
        expect(y.dtype == np.int32 and y.shape == (len(x),),
               f"{where} a label each, (n,) int32, found {y.dtype} {y.shape}")  # fmt: skip
        expect(classes == described["num_classes"], f"{where} {described['num_classes']} classes, found {classes}")
        expect(y.min() >= 0 and y.max() < classes, f"{where} labels from 0 to {classes - 1}, found others")


def every_class_can_be_learnt(data: Given) -> None:
    """Each has training images, and the test images are others."""
    if data.train is None:
        return
    missing = sorted(set(range(data.train.num_classes)) - set(data.train.y.tolist()))
    expect(not missing, f"expected training images of every class, found none of {missing[:10]}")
    train, test = (np.asarray(part.x[:BLOCK]) for part in (data.train, data.test))
    same = data.train.x.shape == data.test.x.shape and np.array_equal(train, test)
    expect(not same, "expected other test than training images, found the same")


def it_is_the_same_every_time(data: Given) -> None:
    """To the bit, in the same order."""
    found, expected = ((np.asarray(part.x[:BLOCK]), *part[1:]) for part in (data.load("test"), data.test))
    expect_equal(found, expected, "expected the same images at every call")


def another_split_is_refused(data: Given) -> None:
    """ValueError, or an error of bsa's."""
    with expect_error((ValueError, bsa.BsaError), 'expected an error for the split "validation_", which is none'):
        data.load("validation_")


DATA = (
    it_describes_itself,
    classes_have_names_or_none,
    training_images_are_there_or_asked_for,
    images_and_labels_are_what_networks_take,
    every_class_can_be_learnt,
    it_is_the_same_every_time,
    another_split_is_refused,
)
