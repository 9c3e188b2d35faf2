"""CIFAR-10 in one of two orders, told apart; other content refused."""

import json

import numpy as np
import pytest

import bsa
from bsa.data import _tfds, cifar10
from bsa.errors import DataError


@pytest.fixture(scope="module")
def test_set(data_dir):
    return bsa.load("cifar10", split="test", data_dir=data_dir)


def bytes_of(data):
    return np.round(data.x * 255).astype(np.uint8), data.y.astype(np.int64)


def given(monkeypatch, x, y, numbers, module):
    """A folder with these images, as the builder of that module leaves it."""
    ids = np.array([f"test_{n:05d}".encode() for n in numbers], object)
    monkeypatch.setattr(_tfds, "read", lambda *_: (x, y, ids))
    monkeypatch.setattr(_tfds, "prepared", lambda *_: ("there", {"moduleName": module}))


def test_real_images_with_their_published_means(test_set):
    assert test_set.x.shape == (10000, 32, 32, 3)
    assert test_set.x.dtype == np.float32
    assert (test_set.x.min(), test_set.x.max()) == (0, 1)
    assert np.bincount(test_set.y).tolist() == 10 * [1000]
    # 126.0246, 123.7085, 114.8543 of 255; the mean over all channels is published as 0.4765849205984478
    means = test_set.x.mean((0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(means * 255, [126.0246, 123.7085, 114.8543], atol=1e-3)
    assert means.mean() == pytest.approx(0.4765849205984478, abs=1e-7)  # float32 pixels


def test_training_images_have_their_published_means(data_dir):
    train = bsa.load("cifar10", split="train", data_dir=data_dir)
    assert np.bincount(train.y).tolist() == 10 * [5000]
    means = train.x.mean((0, 1, 2), dtype=np.float64) * 255
    # float32 pixels, 8 digits
    np.testing.assert_allclose(means, [125.306918046875, 122.950394140625, 113.86538318359375], rtol=1e-6)


def test_a_folder_without_the_original_numbers_gives_one_order_whatever_its_own(test_set, monkeypatch):
    x, y = bytes_of(test_set)
    shuffled = np.random.default_rng(0).permutation(10000)
    given(monkeypatch, x[shuffled], y[shuffled], range(10000), "adhoc_builder")
    again = bsa.load("cifar10", split="test")
    np.testing.assert_array_equal(again.y, test_set.y)
    np.testing.assert_array_equal(again.x, test_set.x)


def test_a_download_is_brought_back_to_file_order(test_set, monkeypatch):
    """No original order is at hand: one that begins with the original's labels stands for it."""
    x, y = bytes_of(test_set)
    taken = []
    for label in cifar10.FIRST["test"]:
        taken.append(next(i for i in np.flatnonzero(y == label) if i not in taken))
    files = np.array(taken + sorted(set(range(10000)) - set(taken)))  # the image of each file number
    stored = _tfds.shuffled_order("test", 10000)
    given(monkeypatch, x[files][stored], y[files][stored], stored, cifar10.OWN)
    restored = bsa.load("cifar10", split="test")
    np.testing.assert_array_equal(restored.y, y[files])
    np.testing.assert_array_equal(restored.x, test_set.x[files])


def test_numbers_that_are_not_the_originals_are_refused(test_set, monkeypatch):
    x, y = bytes_of(test_set)
    given(monkeypatch, x, y, range(10000), cifar10.OWN)
    with pytest.raises(DataError, match=r"expected labels that begin \[3, 8, 8, 0.* by their numbers, found"):
        bsa.load("cifar10", split="test")


def test_other_content_is_refused(test_set, monkeypatch):
    x, y = bytes_of(test_set)
    x[17, 3, 3, 0] ^= 1
    given(monkeypatch, x, y, range(10000), "adhoc_builder")
    with pytest.raises(DataError, match=r"is not the original data set: expected sha256 65a6.*\(10000\)"):
        bsa.load("cifar10", split="test")
    given(monkeypatch, x[1:], y[1:], range(9999), "adhoc_builder")
    with pytest.raises(DataError, match=r"\(9999\)"):
        bsa.load("cifar10", split="test")


def test_the_fingerprint_tells_the_orders_apart_and_needs_no_download(tmp_path):
    missing = cifar10.describe(data_dir=str(tmp_path))
    assert missing["input_shape"] == [32, 32, 3]
    fingerprints = {}
    for number, module in enumerate((cifar10.OWN, "tensorflow_datasets.core.dataset_builders.adhoc_builder")):
        folder = tmp_path / str(number) / "cifar10" / "3.0.2"
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text(json.dumps({"name": "cifar10", "moduleName": module}))
        fingerprints[module] = cifar10.describe(data_dir=str(tmp_path / str(number)))["fingerprint"]
    assert fingerprints[cifar10.OWN] == missing["fingerprint"]  # what is not there yet will be a download
    assert len(set(fingerprints.values())) == 2


def test_an_unknown_split_is_an_error():
    with pytest.raises(ValueError, match="train or test, found validation"):
        bsa.load("cifar10", split="validation")
