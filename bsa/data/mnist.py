"""MNIST: 60,000 training and 10,000 test images, 28x28 grey. Source: LeCun, Cortes and Burges (1998)."""

from bsa.data import _tfds

SUMS = {
    "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
    "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
}


def describe(data_dir=None):
    """What enters the keys: the sha256 of the content, and the shapes that a network needs."""
    return {"fingerprint": SUMS["train"] + SUMS["test"], "input_shape": [28, 28, 1], "num_classes": 10}


def load(*, split, data_dir=None):
    """The "train" (60,000) or "test" (10,000) part as a `Dataset` of shape (n, 28, 28, 1), in file order."""
    return _tfds.load("mnist", SUMS, split=split, data_dir=data_dir)
