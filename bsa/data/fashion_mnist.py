"""Fashion-MNIST: 60,000 training and 10,000 test images, 28x28 grey. Source: Xiao, Rasul and Vollgraf (2017)."""

from bsa.data import _tfds

SUMS = {
    "train": "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
    "test": "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
}
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def describe(data_dir=None):
    """What enters the keys: the sha256 of the content, and the shapes that a network needs."""
    described = {"fingerprint": SUMS["train"] + SUMS["test"], "input_shape": [28, 28, 1], "num_classes": 10}
    return described | {"class_names": [*NAMES]}


def load(*, split, data_dir=None):
    """The "train" (60,000) or "test" (10,000) part as a `Dataset` of shape (n, 28, 28, 1), in file order."""
    return _tfds.load("fashion_mnist", SUMS, split=split, data_dir=data_dir, class_names=NAMES)
