"""Your own images and labels in NumPy files: an .npz or a pair of .npy.

Images are (n, height, width, channels) or, if grey, (n, height, width); `pixels` gives the values of black and white.
Large files are read as their images are needed.
"""

from pathlib import Path
from typing import Any, NamedTuple

from bsa import given
from bsa.data import Dataset, _arrays, _made, _pixels, _remembered
from bsa.data._arrays import Header
from bsa.errors import DataError

FAMILIAR = {"x": ("x", "images", "image", "arr_0"), "y": ("y", "labels", "label", "arr_1")}
NAMES = "class_names"  # an array of strings by this name in an .npz has the names of the classes


class Part(NamedTuple):
    """The training or the test part, not read yet: its images and labels."""

    x: Header
    y: Header
    names: Header | None  # of the classes


def describe(*, data_dir: str | None = None, **params: Any) -> dict[str, Any]:
    """What enters the keys: the sha256 of the files, the shape of an image and the number of classes.

    Also "class_names", if they are known. `data_dir` is not needed. DataError says what is wrong.
    """
    parts = _parts(**params)
    shape = _shape(parts["test"].x)
    if "train" in parts and _shape(parts["train"].x) != shape:
        found = f"{shape} and, in {parts['train'].x.file}, {_shape(parts['train'].x)}"
        raise DataError(f"{parts['test'].x.file}: expected images of one shape in both parts, found {found}")
    sums = {name: [_remembered.sha256(file) for file in _files(params[name])] for name in ("test", "train")}
    count, names = _classes(parts, params)
    return {
        "fingerprint": " ".join(f"{name} {' '.join(found)}" for name, found in sums.items() if found),
        "input_shape": list(shape),
        "num_classes": count,
        **({"class_names": names} if names else {}),
    }


def load(*, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
    """The "test" or the "train" part as a `Dataset`; DataError if the files lack it or hold something else.

    In file order; files that are sorted by class are shuffled, the same each time.
    """
    _made.check_split(split)
    parts = _parts(**params)
    if split not in parts:
        raise _made.no_training("arrays", "FILE.npz")
    shape, (count, names) = _shape(parts[split].x), _classes(parts, params)
    labels, _ = _labels(parts[split])
    read = _pixels.reader(parts[split].x, params["pixels"])
    return _made.dataset(lambda rows: read(rows).reshape(-1, *shape), shape, labels, count, names)


def _files(places):
    """The paths that "test" or "train" names."""
    return [Path(place).expanduser() for place in ([places] if isinstance(places, str) else places or [])]


def _parts(*, test, train, x, y, **_):
    """The existing parts, by split."""
    found = {"test": _part(_files(test), "test", x, y)}
    if train:
        found["train"] = _part(_files(train), "train", x, y)
    elif isinstance(test, str) and not (x or y):
        arrays = {n: h for n, h in _arrays.headers(_files(test)[0]).items() if "train" in n.lower()}
        both = _guess(arrays, "train")
        if both and found["test"].x.name not in arrays:
            found["train"] = Part(*both, found["test"].names)
    return found


def _part(paths, split, x, y):
    """The images and labels in a file, or in a pair of files."""
    arrays = [_arrays.headers(path) for path in paths]
    if len(paths) == 2:
        if any(set(each) != {""} for each in arrays):
            raise DataError(f"{paths[0]}, {paths[1]}: expected a pair of .npy files [images, labels], found an .npz")
        return Part(arrays[0][""], arrays[1][""], None)
    (found,), (file,) = arrays, paths
    if set(found) == {""}:
        raise DataError(
            f'{file}: expected a pair of .npy files, found one alone: write "{split}": ["{file}", "LABELS.npy"], on '
            f"the command line {file},LABELS.npy"
        )
    for key, name in (("x", x), ("y", y)):
        if name and name not in found:
            raise DataError(f'{file}: expected an array "{name}", as "{key}" says, found {_listed(found)}')
    both = (found[x], found[y]) if x and y else _guess(found, split, x, y)
    if not both:
        odd = next((header for header in found.values() if header.dtype.hasobject), None)
        if odd:
            _arrays.whole(odd)  # raises an error that says what to do
        raise DataError(
            f"{file}: expected one array of images (n, height, width, channels) and one of labels (n,), found "
            f'{_listed(found)}: {_made.state("x", "IMAGES")}, and "y" likewise'
        )
    return Part(*both, found.get(NAMES))


def _listed(arrays):
    shown = [str(header) for header in arrays.values()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") or "no arrays"


def _guess(arrays, split, x=None, y=None):
    """The images and labels by their shapes and, if several fit, by their names; None if in doubt."""
    pictures = {x: arrays[x]} if x else {n: h for n, h in arrays.items() if len(h.shape) in (3, 4) and n != y}
    images = _one(pictures, split, FAMILIAR["x"])
    if images is None:
        return None
    count = images.shape[:1]
    columns = {n: h for n, h in arrays.items() if len(h.shape) in (1, 2) and n != NAMES}
    fitting = {n: h for n, h in columns.items() if h.shape[:1] == count} or columns
    labels = _one({y: arrays[y]} if y else fitting, split, FAMILIAR["y"])
    return (images, labels) if labels else None


def _one(arrays, split, familiar):
    """The only array, or the one named for the split, or the one with a usual name; None if in doubt."""
    of_split, usual = ([n for n in arrays if split in n.lower()], [n for n in arrays if n.lower() in familiar])
    chosen = next((names[0] for names in (list(arrays), of_split, usual) if len(names) == 1), None)
    return arrays.get(chosen)


def _shape(x):
    """(height, width, channels) of the images of a header; DataError if they are no images."""
    shape = x.shape[1:]
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
        advice = "save numpy.moveaxis(x, 1, -1), which has the channels last"
    elif len(shape) not in (2, 3):
        advice = "save x.reshape(-1, HEIGHT, WIDTH, CHANNELS)"
    elif not all(x.shape):
        advice = "save some"
    else:
        return (*shape, 1)[:3]
    raise DataError(f"{x.file}: expected images of shape (n, height, width, channels), found {x}: {advice}")


def _labels(part):
    """The labels (n,) int32 of a part, and how many classes they show."""
    y = _arrays.whole(part.y)
    try:
        found = given.labels(y, part.x.shape[0])
    except ValueError as error:
        raise DataError(f"{part.y.place}: {error}") from None
    one_hot = y.ndim == 2 and y.shape[1] > 1
    return found, y.shape[1] if one_hot else int(found.max()) + 1


def _classes(parts, params):
    """The number of classes, and their names: [] if they are not known."""
    known = params[NAMES]
    if known is None and parts["test"].names is not None:
        names = _arrays.whole(parts["test"].names).ravel().tolist()
        known = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]
    told = max(_labels(part)[1] for part in parts.values())
    count = params["num_classes"] or max(told, len(known or ()), 2)
    for what, most in (("num_classes", count), (NAMES, len(known) if known else count)):
        if told > most:
            raise DataError(f"{parts['test'].y.file}: expected labels below {most}, as {what} says, found {told - 1}")
    if known and len(known) != count:
        raise DataError(f"{parts['test'].y.file}: expected {count} class_names, one for each class, found {len(known)}")
    return count, list(known or ())
