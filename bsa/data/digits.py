"""scikit-learn's handwritten digits (1,797 images, 8x8, 16 grey values), enlarged to 28x28. Nothing to download.

The data are the test half of the UCI "Optical Recognition of Handwritten Digits" set (Alpaydin and Kaynak, 1998).
The first 1,297 images train, the last 500 test: their writers differ, as file order follows the writers.
"""

import numpy as np

from bsa.data import Dataset

TRAIN = 1297
SIZE = 28


def describe(data_dir=None):
    """What enters the keys: a fingerprint of the content, and the shapes that a network needs."""
    return {"fingerprint": "sklearn-digits-1797-bilinear-28", "input_shape": [SIZE, SIZE, 1], "num_classes": 10}


def load(*, split, data_dir=None):
    """The "train" (1,297) or "test" (500) part as a `Dataset` of shape (n, 28, 28, 1). `data_dir` is not needed."""
    from sklearn.datasets import load_digits

    if split not in ("train", "test"):
        raise ValueError(f'expected split "train" or "test", found "{split}"')
    digits = load_digits()
    x = enlarge(digits.images / 16, SIZE).astype(np.float32)[..., None]
    y = digits.target.astype(np.int32)
    part = slice(None, TRAIN) if split == "train" else slice(TRAIN, None)
    return Dataset(np.clip(x[part], 0, 1), y[part], 10)


def enlarge(images, size):
    """Square images (n, k, k) resized to (n, size, size): bilinear, half-pixel centres, edges repeated."""
    rows = _weights(images.shape[1], size)
    return np.einsum("ri,nij,cj->nrc", rows, images, rows)


def _weights(old, new):
    """The (new, old) matrix of linear interpolation along one axis."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = np.minimum(at.astype(int), old - 2)
    out = np.zeros((new, old))
    out[np.arange(new), low] = 1 - (at - low)
    out[np.arange(new), low + 1] = at - low
    return out
