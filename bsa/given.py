"""Images and labels in the usual forms, checked and converted to what bsa computes with."""

from typing import Any

import numpy as np

from bsa.lazy import LazyImages

RANGE = "expected pixels in [0, 1], found"
SLIGHT = 0.01  # so far beyond [0, 1] resampling and rounding may overshoot; another range of pixels goes further
PAIRS = "a Dataset, a tuple (x, y) of images and labels, or a tf.data.Dataset of such pairs"


def images(x: Any, shape: tuple[int | None, ...] | None = None) -> Any:
    """Images as an array (n, height, width, channels), float32 in [0, 1].

    A float32 array in [0, 1] and a `LazyImages`, whose pixels were checked before, are returned as they are.

    `x` are uint8 images, which are divided by 255, or floats in [0, 1]. `shape` is the shape of one image, with None
    for sizes that are open; None if it is not known. ValueError says what was expected, what was found and what to do.
    """
    x = x if isinstance(x, LazyImages) else _array(x, "images x")
    _fitting(x, x.shape[1:] if shape is None else tuple(shape))
    if isinstance(x, LazyImages):
        return x
    if x.dtype.name == "bfloat16":  # no kind of NumPy's own
        x = x.astype(np.float32)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"expected images x of uint8 or float pixels, found {x.dtype}")
    low, high = (float(f(initial=0)) for f in (x.min, x.max)) if x.dtype.kind != "b" else (0, 1)
    if not (np.isfinite(low) and np.isfinite(high)):
        wrong = ~np.isfinite(x).reshape(len(x), -1).all(1)
        raise ValueError(
            f"expected pixels that are numbers, found NaN or infinity in {wrong.sum()} of {len(x)} images, the first "
            f"of them image {wrong.argmax()}: repair or leave out such images"
        )
    if x.dtype == np.uint8:
        if high == 1:
            raise ValueError(
                "expected uint8 pixels from 0 to 255, found none above 1: give images of 0 and 1 as floats, "
                "x.astype('float32')"
            )
        return x.astype(np.float32) / np.float32(255)
    if low < 0 or high > 1:
        raise ValueError(f"{RANGE} [{low:g}, {high:g}]: {_advice(low, high)}")
    return np.asarray(x, np.float32)


def labels(y: Any, count: int, classes: int | None = None) -> np.ndarray:
    """The labels of `count` images as an array (count,), int32, from 0 to `classes` - 1, if that is known.

    `y` are integers of any type, (count,) or (count, 1), or one-hot (count, classes). Raises ValueError as `images`
    does.
    """
    y = _array(y, "labels y")
    if y.shape == (count,) == (0,):  # NumPy takes an empty list for floats
        return y.astype(np.int32)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif y.ndim == 2:
        y = _from_one_hot(y, classes)
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise ValueError(
            f"expected integer labels y of shape ({count},), one for each image, found {y.dtype} of shape "
            f"{y.shape}{_of_labels(y, count)}"
        )
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= (classes or np.iinfo(np.int32).max):
        to = classes - 1 if classes else "the number of classes - 1"
        advice = ": count them from 0, y - 1" if low == 1 and high == classes else ""
        raise ValueError(f"expected labels from 0 to {to}, found {low} to {high}{advice}")
    return y.astype(np.int32)


def pair(data: Any, shape: tuple[int | None, ...] | None = None) -> tuple[Any, Any]:
    """The images and labels (x, y) of a `Dataset`, a tuple (x, y) or a `tf.data.Dataset`, unchanged.

    A `tf.data.Dataset` of pairs, batched or not, is read once, in its order; `shape` is the shape of one image, which
    distinguishes a batch from an image. Raises ValueError for anything else, and for an infinite `tf.data.Dataset`.
    """
    if hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator"):
        return _read(data, 3 if shape is None else len(shape))
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if not (isinstance(data, tuple | list) and len(data) == 2):
        found = f"{type(data).__name__} of {len(data)}" if isinstance(data, tuple | list) else type(data).__name__
        raise ValueError(f"expected {PAIRS}, found {found}")
    if all(isinstance(part, tuple) and len(part) == 2 for part in data):
        raise ValueError(f"expected {PAIRS}, found two tuples, as keras.datasets returns: give one of them, the first")
    return tuple(data)


def _array(given, what):
    try:
        array = np.asarray(given)
    except Exception as error:  # NumPy, TensorFlow and others fail each in their own way
        reason = (str(error).strip() or "no message").splitlines()[0][:100]
        raise ValueError(
            f"expected {what} as an array of numbers, found {type(given).__name__} ({type(error).__name__}: {reason})"
        ) from None
    if array.dtype == object:
        raise ValueError(f"expected {what} as an array of numbers, found {type(given).__name__} of other values")
    return array


def _fitting(x, shape):
    """ValueError if x is no array of images of `shape`; the message says what would make it one."""

    def fits(found):
        return len(found) == len(shape) and all(e in (None, f) for e, f in zip(shape, found, strict=True))

    if x.ndim and fits(x.shape[1:]):
        return
    advice = ""
    if x.ndim and fits((*x.shape[1:], 1)):
        advice = ": x[..., None] has a channel"
    elif fits(x.shape):
        advice = ": x[None] is a batch of one"
    elif x.ndim == 4 and fits((*x.shape[2:], x.shape[1])):
        advice = ": numpy.moveaxis(x, 1, -1) has the channels last"
    names = ("height", "width", "channels") if len(shape) == 3 else ("any",) * len(shape)
    sizes = ", ".join(str(name if size is None else size) for size, name in zip(shape, names, strict=True))
    raise ValueError(f"expected images x of shape (n, {sizes}), found shape {x.shape}{advice}")


def _advice(low, high):
    """What to do with pixels from `low` to `high`, which are not in [0, 1]."""
    if low >= -SLIGHT and high <= 1 + SLIGHT:
        return "use numpy.clip(x, 0, 1)"
    if low >= 0 and high <= 255:
        return "divide 8-bit pixels by 255, or give them as uint8"
    if low >= 0:
        return "divide by the largest value that a pixel can have, 16-bit pixels by 65535"
    if low >= -0.5 - SLIGHT and high <= 0.5 + SLIGHT:
        return "give x + 0.5, and put keras.layers.Rescaling(1, offset=-0.5) at the beginning of the model"
    if low >= -1 - SLIGHT and high <= 1 + SLIGHT:
        return "give (x + 1) / 2, and put keras.layers.Rescaling(2, offset=-1) at the beginning of the model"
    return (
        "undo the standardisation, x * deviation + mean, and put "
        "keras.layers.Normalization(mean=mean, variance=deviation**2) at the beginning of the model"
    )


def _from_one_hot(y, classes):
    """The labels (n,) of y (n, classes)."""
    if classes and y.shape[1] != classes:
        raise ValueError(f"expected one-hot labels y of {classes} classes, found shape {y.shape}")
    if y.dtype.kind not in "fiub" or not (((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()):
        raise ValueError(
            f"expected integer labels y, or one-hot labels (a single 1 among 0s), found others of shape {y.shape}: "
            "y.argmax(-1) gives the most likely class of each"
        )
    return y.argmax(-1)


def _of_labels(y, count):
    """What to do with labels that are not integers."""
    if y.shape != (count,):
        return ""
    if y.dtype.kind in "fb":
        whole = y.dtype.kind == "b" or (np.isfinite(y).all() and (y == np.floor(y)).all())
        return ": give y.astype(int)" if whole else f", such as {y[y != np.floor(y)][0]:g}: labels number the classes"
    return ": numpy.unique(y, return_inverse=True)[1] numbers them"


def _read(data, rank):
    """The arrays of a `tf.data.Dataset` of pairs; images have `rank` axes, batches one more."""
    spec = data.element_spec
    if not (isinstance(spec, tuple) and len(spec) == 2):
        raise ValueError(f"expected a tf.data.Dataset of pairs (image, label), found elements {spec}")
    if int(data.cardinality()) == -1:
        raise ValueError("expected a tf.data.Dataset with an end, found one that repeats forever: give data.take(n)")
    try:
        parts = list(data.as_numpy_iterator())
        x, y = ([part[side] for part in parts] for side in (0, 1))
        join = np.stack if x and np.ndim(x[0]) <= rank else np.concatenate
        return join(x), join(y)
    except Exception as error:  # what its functions raise, sizes that differ, no elements
        reason = (str(error).strip() or "no message").splitlines()[0][:200]
        raise ValueError(
            f"expected a tf.data.Dataset of pairs (image, label) of one size, found {type(error).__name__}: {reason}"
        ) from error
