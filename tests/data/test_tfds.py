"""Data in file order, whichever order the prepared folder is in."""

import numpy as np
import pytest

import bsa
from bsa.data import _tfds
from bsa.errors import DataError

FIRST = {"mnist": [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], "fashion_mnist": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]}


@pytest.mark.parametrize("name", sorted(FIRST))
def test_test_images_come_in_the_order_of_the_original_files(name, data_dir):
    data = bsa.load(name, split="test", data_dir=data_dir)
    assert data.y[:10].tolist() == FIRST[name]
    assert data.x.shape == (10000, 28, 28, 1)
    assert data.x.dtype == np.float32
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert np.bincount(data.y).sum() == 10000
    assert data.num_classes == 10


def test_pixel_means_are_the_published_ones(data_dir):
    # MNIST's: 33.7912 of 255 over the test images
    assert bsa.load("mnist", split="test", data_dir=data_dir).x.mean(dtype=np.float64) * 255 == pytest.approx(
        33.7912, abs=1e-3
    )


def test_a_downloads_order_is_undone(data_dir, monkeypatch):
    data = bsa.load("mnist", split="test", data_dir=data_dir)
    order = _tfds.shuffled_order("test", 10000)
    assert data.y[order][:6].tolist() == [2, 0, 4, 8, 7, 6]  # how TFDS's own download of MNIST begins
    raw = np.round(data.x * 255).astype(np.uint8)
    monkeypatch.setattr(_tfds, "read", lambda *_: (raw[order], data.y[order].astype(np.int64)))
    restored = bsa.load("mnist", split="test", data_dir=data_dir)
    np.testing.assert_array_equal(restored.y, data.y)
    np.testing.assert_array_equal(restored.x, data.x)


def test_other_content_is_refused(data_dir, monkeypatch):
    data = bsa.load("mnist", split="test", data_dir=data_dir)
    raw = np.round(data.x * 255).astype(np.uint8)
    raw[17, 3, 3, 0] ^= 1
    monkeypatch.setattr(_tfds, "read", lambda *_: (raw, data.y.astype(np.int64)))
    with pytest.raises(DataError, match="is not the original data set"):
        bsa.load("mnist", split="test", data_dir=data_dir)


def test_without_folder_and_network_the_error_names_the_folder(tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import download_manager

    def refuse(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(download_manager.DownloadManager, "download", refuse)
    monkeypatch.setattr(download_manager.DownloadManager, "download_and_extract", refuse)
    with pytest.raises(DataError, match=rf"{tmp_path}/mnist.*--data-dir FOLDER or BSA_DATA_DIR"):
        bsa.load("mnist", split="test", data_dir=str(tmp_path))
