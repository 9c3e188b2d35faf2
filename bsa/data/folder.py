"""Your own images, in a folder for each class: `test/cat/1.png`, `test/dog/7.jpg`.

Classes are numbered in the order of the folders' sorted names, as by `keras.utils.image_dataset_from_directory`.
Images are resized by Pillow's antialiased bilinear filter. As in TensorFlow's decoders, the rotation that a camera
stores is ignored, and an alpha channel is dropped.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bsa.data import Dataset, _made, _pictures, _remembered
from bsa.errors import DataError


def describe(*, data_dir: str | None = None, **params: Any) -> dict[str, Any]:
    """What enters the keys: a sum of all names and contents, the shape of an image, the number of classes.

    Also "class_names". `data_dir` is not needed. DataError says what is wrong, and with which file.
    """
    parts = {split: _seen(params, split) for split in ("test", "train") if params[split]}
    names = _names(params, "test")
    if params["train"] and _names(params, "train") != names:
        odd = sorted({*_names(params, "train")} ^ {*names})
        raise DataError(
            f"{params['train']}: expected a folder for each of the classes in {params['test']}, found that "
            f"{', '.join(odd[:5])} is in one of the two alone"
        )
    return {
        "fingerprint": " ".join(f"{split} {seen['sha256']}" for split, seen in parts.items()),
        "input_shape": _shape(params, parts),
        "num_classes": len(names),
        "class_names": names,
    }


def load(*, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
    """The "test" or the "train" part as a `Dataset`, in an order that is shuffled once, the same each time.

    Files of a large data set are read as their images are needed. DataError if there is no such part.
    """
    _made.check_split(split)
    described = describe(**params)
    if not params[split]:
        raise _made.no_training("folder", "FOLDER")
    shape, names = described["input_shape"], described["class_names"]
    found = [(number, file) for number, name in enumerate(names) for file in _files(params, split, name)]
    labels, files = (list(each) for each in zip(*found, strict=True))

    def read(rows):
        decoded = (_pictures.pixels(files[row].read_bytes(), shape[2], shape[:2]) for row in rows)
        return np.stack([*decoded]).astype(np.float32) / np.float32(255)

    return _made.dataset(read, shape, np.array(labels), len(names), names)


def _place(params, split):
    """The folder of a part; DataError if there is none."""
    place = Path(params[split]).expanduser()
    if not place.is_dir():
        found = "a file" if place.exists() else "no folder"
        raise DataError(
            f"{found} {place}: expected a folder with a folder of images for each class; a path is absolute, or from "
            "the current folder"
        )
    return place


def _names(params, split):
    """The names of the classes, in the order of their numbers."""
    place, known = _place(params, split), params["class_names"]
    there = sorted(each.name for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
    if known and not {*there} <= {*known}:
        odd = sorted({*there} - {*known})
        raise DataError(f"{place}: expected folders of the class_names alone, found {', '.join(odd[:5])} beside them")
    if not there:
        loose = f"{len(_pictures.inside(place))} images and no folder"
        raise DataError(f"{place}: expected a folder of images for each class, found {loose}")
    if len(there) < 2 and not known:
        raise DataError(
            f"{place}: expected a folder of images for each of at least 2 classes, found {there[0]} alone: name the "
            "folder that holds the folders of the classes"
        )
    return list(known or there)


def _files(params, split, name) -> Iterator[Path]:
    """The images of a class, sorted by name; none for a class in class_names without a folder."""
    place = _place(params, split) / name
    files = _pictures.inside(place) if place.is_dir() else []
    if place.is_dir() and not files:
        raise DataError(
            f"{place}: expected images of this class ({' '.join(_pictures.ENDINGS)}), found none: fill the folder, or "
            "delete it"
        )
    return files


def _seen(params, split):
    """What is known of a part from all of its files: "sha256", "grey", and "size" if they have one size."""
    place = _place(params, split)
    files = [file for name in _names(params, split) for file in _files(params, split, name)]

    def find():
        total, sizes, grey = hashlib.sha256(), {}, True
        for file in sorted(files):
            content, name = file.read_bytes(), file.relative_to(place).as_posix()
            height, width, mono = _pictures.look(content, file)
            sizes.setdefault((height, width), name)
            grey = grey and mono
            total.update(f"{hashlib.sha256(content).hexdigest()} {name}\n".encode())
        return {"sha256": total.hexdigest(), "grey": grey, "sizes": [[*size, name] for size, name in sizes.items()][:2]}

    return _remembered.remembered("images", files, find)


def _shape(params, parts):
    """[height, width, channels] of the images of all parts; DataError if they have several sizes."""
    sizes = [(*size, split) for split, seen in parts.items() for size in seen["sizes"]]
    height, width, name, split = sizes[0]
    other = next((size for size in sizes if size[:2] != (height, width)), None)
    if other and not params["size"]:
        raise DataError(
            f"{params[split]}: expected images of one size, found {height} x {width} in {name} and "
            f"{other[0]} x {other[1]} in {other[2]}: {_made.state('size', '[HEIGHT, WIDTH]')}, of the network"
        )
    channels = params["channels"] or (1 if all(seen["grey"] for seen in parts.values()) else 3)
    return [*(params["size"] or (height, width)), channels]
