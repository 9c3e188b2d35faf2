"""What a word on the command line means as data: `x.npz`, `folder/`, `tfds:svhn_cropped`, `mnist`. No TensorFlow."""

import re
from pathlib import Path
from typing import Any

from bsa import catalog
from bsa.errors import UsageError, suggest

TFDS = re.compile(r"tfds:(?P<dataset>[^:]+(?::\d+\.[\d*]+\.[\d*]+)?)(?::(?P<test>.+))?")  # a version is the set's own
SPLITS = ("test", "val", "valid", "validation")  # folders of test images: the first one that exists is used
FORMS = "FILE.npz, IMAGES.npy,LABELS.npy, a folder with a folder of images for each class, tfds:NAME"


def named(text: str) -> dict[str, Any]:
    """The "data" of a spec that `text` stands for; UsageError if it stands for none.

    `FILE.npz` and `IMAGES.npy,LABELS.npy` are `arrays`; a folder is `folder`, with its subfolders test (or val) and
    train as parts, if it has them; `tfds:NAME` and `tfds:NAME:SPLIT`, such as `tfds:svhn_cropped:test[:1000]`, are
    `tfds`. Any other name is that of a data set without parameters; `./mnist` is a folder of that name.
    """
    if text.startswith("tfds:"):
        return _tfds(text)
    if "/" not in text and "\\" not in text and text in catalog.names("data"):
        return _component(text)
    parts = text.split(",")
    if all(part.lower().endswith((".npz", ".npy")) for part in parts) and len(parts) <= 2:
        return {"name": "arrays", "test": text if len(parts) == 1 else parts}
    path = Path(text).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        raise UsageError(f"expected data as {FORMS}, found the file {text}")
    names, near = ", ".join(_whole()), suggest(text, _whole())
    raise UsageError(f'expected data as {FORMS} or one of {names}, found no "{text}". {near}'.strip())


def _tfds(text):
    found = TFDS.fullmatch(text)
    if not found:
        raise UsageError(f'expected data as tfds:NAME or tfds:NAME:SPLIT, such as tfds:svhn_cropped, found "{text}"')
    return {"name": "tfds"} | {key: part for key, part in found.groupdict().items() if part}


def _component(name):
    if name not in _whole():
        example = ", ".join(catalog.fragment("data", name)["required"])
        raise UsageError(f'expected data as {FORMS}, found "{name}" alone, which needs {example}: it is for specs')
    return {"name": name}


def _whole():
    """The data sets that need no parameters."""
    return [name for name in catalog.names("data") if not catalog.fragment("data", name).get("required")]


def _folder(path):
    inside = [each.name for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")]
    tests = [name for name in SPLITS if name in inside]
    if not tests or not ("train" in inside or {*inside} <= {*SPLITS}):
        return {"name": "folder", "test": str(path)}
    train = {"train": str(path / "train")} if "train" in inside else {}
    return {"name": "folder", "test": str(path / tests[0])} | train
