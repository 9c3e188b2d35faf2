"""Any labelled image data set of TensorFlow Datasets: a prepared folder of any version and file format, or a download.

Images are resized, if asked for, by Pillow's antialiased bilinear filter.
"""

import difflib
import json
import re
import tempfile
from typing import Any

import numpy as np

from bsa.data import Dataset, _arrays, _made, _pictures, _tfds
from bsa.errors import DataError

NAME = re.compile(r"(?P<name>[^:/]+)(?P<config>/[^:]+)?(?::(?P<version>.+))?")
PART = re.compile(r"\s*\+?\s*(\w+)(?:\[[^\]]*\])?")  # of a split such as train[:50%]+test


def describe(*, data_dir: str | None = None, **params: Any) -> dict[str, Any]:
    """What enters the keys: a sum of the files of the splits, the shape of an image, the number of classes.

    Also "class_names", if the data set has them. A data set that is not prepared in `data_dir` is downloaded first; for
    a prepared one nothing is imported. DataError says what is wrong.
    """
    there, info = _there(params["dataset"], data_dir)
    features = _features(there)
    shape, count = _image(params, features, there), _classes(params, features, there)
    wanted = sorted({name for split in _splits(params).values() for name in _named(split, info, there)})
    sums = [_shards(there, name) for name in wanted]
    names = there / f"{params['label']}.labels.txt"
    known = names.read_text(encoding="utf-8").split("\n")[:count] if names.is_file() else []
    return {
        "fingerprint": " ".join(f"{name} {found}" for name, found in zip(wanted, sums, strict=True)),
        "input_shape": shape,
        "num_classes": count,
        **({"class_names": known} if len(known) == count and all(known) else {}),
    }


def load(*, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
    """The "test" or the "train" part as a `Dataset`, in the folder's order, shuffled if that is sorted by class.

    A large data set is unpacked to a temporary file, from which images are read on demand. DataError if the download
    fails, the data set has no such split, or it cannot be read.
    """
    _made.check_split(split)
    described = describe(data_dir=data_dir, **params)
    if split not in _splits(params):
        raise _made.no_training("tfds", "SPLIT")
    there, info = _there(params["dataset"], data_dir)
    shape = described["input_shape"]
    with _tfds.told(f"{params['dataset']}, split {params[split]}", there, info):
        made = _tfds.opened(params["dataset"], there, data_dir)
        examples = _tfds.examples(made, params[split], info)
        read, y = _unpacked(examples, params, shape)
    if not len(y):
        raise DataError(f"{there}: expected images in the split {params[split]}, found none")
    return _made.dataset(read, shape, y, described["num_classes"], described.get("class_names", ()))


def _splits(params):
    return {split: params[split] for split in ("test", "train") if params[split]}


def _there(dataset, data_dir):
    """The folder of a data set, downloaded if necessary, and its dataset_info.json."""
    parts = NAME.fullmatch(dataset)
    name, version = parts["name"] + (parts["config"] or ""), parts["version"]
    there, info = _tfds.prepared(name, data_dir, version)
    if there:
        return there, info
    base = _tfds.folder(data_dir)
    configs = sorted({file.parts[-3] for file in (base / name).glob("*/*/dataset_info.json")})
    if len(configs) == 1:
        return _tfds.prepared(f"{name}/{configs[0]}", data_dir, version)
    if configs:
        raise DataError(f"{base / name}: expected the name of a config, {name}/{' or '.join(configs)}, found {dataset}")
    _check_name(parts["name"], base)
    with _tfds.told_of_download(dataset, data_dir, f"'tfds', dataset='{dataset}'"):
        made = _tfds.opened(dataset, None, data_dir)
    return _tfds.prepared(f"{name}/{made.builder_config.name}" if made.builder_config else name, data_dir, version)


def _check_name(name, base):
    """DataError, with the most similar name, where TFDS knows no set of that name and none is prepared."""
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    if name in known:
        return
    there = [file.parts[-3] for file in base.glob("*/*/dataset_info.json")]
    near = difflib.get_close_matches(name, [*there, *known], n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise DataError(f'expected a data set that TFDS knows or that is prepared in {base}, found "{name}"{hint}')


def _features(there):
    """The features of an example by name, from features.json."""
    try:
        found = json.loads((there / "features.json").read_text(encoding="utf-8"))
        return found["featuresDict"]["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{there}: expected a features.json of an example's features, found {type(error).__name__}. {_tfds.AGAIN}"
        ) from None


def _of(key, kind, params, features, there):
    """The entry of features.json for the image or the label; DataError if there is none of that name and kind."""
    found = features.get(params[key], {}).get(kind)
    if found is None:
        of_kind = [name for name, feature in features.items() if kind in feature]
        advice = _made.state(key, " or ".join(of_kind)) if of_kind else "this data set has none: use another one"
        what = "an image" if key == "image" else "a label of classes"
        raise DataError(
            f'{there}: expected {what} "{params[key]}" in an example, found {", ".join(sorted(features))}: {advice}'
        )
    return found


def _image(params, features, there):
    """[height, width, channels]"""
    found = _of("image", "image", params, features, there)
    *size, channels = (int(length) for length in found["shape"]["dimensions"])
    if found.get("dtype", "uint8") != "uint8":
        raise DataError(f"{there}: expected images of 8 bits, uint8, found {found['dtype']}: save them as arrays")
    if min(size) < 1 and not params["size"]:
        raise DataError(
            f"{there}: expected images of one size, found that they differ: "
            f"{_made.state('size', '[HEIGHT, WIDTH]')}, of the network"
        )
    return [*(params["size"] or size), channels if channels > 0 else 3]


def _classes(params, features, there):
    return int(_of("label", "classLabel", params, features, there)["numClasses"])


def _named(split, info, there):
    """The names of the splits in a split such as train[:50%]+test; DataError for an unknown one."""
    known = [each["name"] for each in info.get("splits", ())]
    names = PART.findall(split)
    if not names or PART.sub("", split).strip():
        raise DataError(f'expected a split such as test, test[:1000] or train[80%:], found "{split}"')
    for name in names:
        if name not in known:
            raise DataError(f'{there}: expected one of the splits {", ".join(known)}, found "{name}"')
    return names


def _shards(there, name):
    """The sha256 over the names and sums of a split's files, and of what says how to read them."""
    files = sorted(file for file in there.iterdir() if file.is_file() and f"-{name}." in file.name)
    if not files:
        raise DataError(f"{there}: expected files of the split {name}, found none. {_tfds.AGAIN}")
    return _made.sum_of([*files, there / "features.json"])


def _unpacked(examples, params, shape):
    """`read(rows)` of the images of examples, kept in memory or, if they are large, a temporary file; labels (n,)."""
    content, labels = tempfile.SpooledTemporaryFile(_arrays.SMALL), []  # noqa: SIM115 - open as long as it is read
    for example in examples:
        content.write(_picture(np.asarray(example[params["image"]]), shape).tobytes())
        labels.append(int(example[params["label"]]))
    y = np.array(labels, np.int64)
    read = _arrays.rows(content, 0, (len(y), *shape), np.dtype(np.uint8), "a temporary file")
    return lambda rows: read(rows).astype(np.float32) / np.float32(255), y


def _picture(image, shape):
    """An image (h, w, c) uint8 at a shape."""
    if image.shape == tuple(shape):
        return image
    from PIL import Image

    grey = image.shape[-1] == 1
    drawn = Image.fromarray(image[..., 0] if grey else image[..., :3]).convert("L" if shape[2] == 1 else "RGB")
    return _pictures.resized(drawn, shape[:2])
