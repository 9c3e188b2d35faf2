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


SIGNS = [np.full((32, 32, 3), 40 * number, np.uint8) for number in range(5)]


def prepare(folder, version="1.0.0", **more):
    """A small prepared set, which gtsrb takes as it is."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(32, 32, 3)), "label": tfds.features.ClassLabel(num_classes=43)}
    )
    images = tf.data.Dataset.from_tensor_slices({"image": SIGNS, "label": list(range(5))})
    tfds.dataset_builders.store_as_tfds_dataset(
        "gtsrb", version=version, features=features, split_datasets={"test": images}, data_dir=folder,
        disable_shuffling=True, **more,
    )  # fmt: skip
    return folder / "gtsrb" / version


def told(name, folder):
    with pytest.raises(DataError) as caught:
        bsa.load(name, split="test", data_dir=str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def unreachable(monkeypatch):
    """No download can begin, and each try is counted: it goes through a proxy that refuses."""
    from urllib3.util.retry import Retry

    tries, increment = [], Retry.increment

    def counted(self, *args, **kwargs):
        tries.append(args)
        return increment(self, *args, **kwargs)

    monkeypatch.setattr(Retry, "increment", counted)
    for scheme in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the port "discard", where nothing listens
    for none in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(none, raising=False)
    return tries


@pytest.mark.parametrize("version", ["0.9.0", "1.0.0", "7.1.0"])
def test_a_prepared_set_of_any_version_is_used(version, tmp_path, unreachable):
    prepare(tmp_path, version)
    data = bsa.load("gtsrb", split="test", data_dir=str(tmp_path))
    np.testing.assert_array_equal(np.round(255 * data.x), SIGNS)
    assert not unreachable


def test_array_records_are_read(tmp_path):
    pytest.importorskip("array_record")
    there = prepare(tmp_path, file_format="array_record")
    assert [file.name for file in there.glob("*record*")] == ["gtsrb-test.array_record-00000-of-00001"]
    data = bsa.load("gtsrb", split="test", data_dir=str(tmp_path))
    np.testing.assert_array_equal(np.round(255 * data.x), SIGNS)
    assert data.y.tolist() == list(range(5))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "gtsrb"])
def test_a_folder_that_is_there_and_cannot_be_used_is_said_at_once(name, tmp_path, unreachable):
    there = tmp_path / name / "3.0.1"
    there.mkdir(parents=True)
    (there / f"{name}-test.tfrecord-00000-of-00001").touch()
    assert f"{there}: expected a prepared data set, found no dataset_info.json" in told(name, tmp_path)
    (there / "dataset_info.json").write_text('{"name": "' + name)
    assert "dataset_info.json: expected the description of a data set, found Unterminated" in told(name, tmp_path)
    (there / "dataset_info.json").write_text("[]")
    assert "found other JSON" in told(name, tmp_path)
    (there / "dataset_info.json").write_text('{"name": "' + name + '", "fileFormat": "array_record"}')
    assert f"split test, in {there}: expected array_record files" in told(name, tmp_path)
    for deep in (there.parent, there):
        assert f"{deep} is the folder of one data set" in told(name, deep)
        assert f"Name {tmp_path} with --data-dir" in told(name, deep)
    assert not unreachable


def test_without_a_network_three_tries_say_so(tmp_path, unreachable):
    said = told("mnist", tmp_path)
    assert f"there is no prepared TFDS folder {tmp_path}/mnist, and it cannot be downloaded" in said
    assert "--data-dir FOLDER or BSA_DATA_DIR" in said
    assert 0 < len(unreachable) <= 4 * 4  # four files, a first try and three more
