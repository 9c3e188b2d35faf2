"""GTSRB: the builder on archives in the official layout, with a few made images; a prepared folder as it is."""

import hashlib
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download import download_manager

import bsa
from bsa.data import _gtsrb_builder as gtsrb_builder
from bsa.data import gtsrb
from bsa.errors import DataError

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def ppm(image):
    return b"P6\n%d %d\n255\n" % image.shape[1::-1] + image.tobytes()


def signs(count, seed):
    """Images of several sizes with a border of 5 pixels around the sign, with their lines of a CSV file, no classes."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        height, width = rng.integers(25, 80, 2)
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        yield image, f"{number:05d}.ppm;{width};{height};5;6;{width - 5};{height - 4}"


def write(folder, training, test, truth):
    """The three archives: `training` lists each class's signs, `test` signs, `truth` their classes."""
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        for label, found in enumerate(training):
            place = f"GTSRB/Final_Training/Images/{label:05d}"
            for image, line in found:
                archive.writestr(f"{place}/{line.split(';')[0]}", ppm(image))
            lines = "".join(f"{line};{label}\n" for _, line in found)
            archive.writestr(f"{place}/GT-{label:05d}.csv", HEADER + lines)
    with zipfile.ZipFile(folder / "test.zip", "w") as archive:
        for image, line in test:
            archive.writestr(f"GTSRB/Final_Test/Images/{line.split(';')[0]}", ppm(image))
    with zipfile.ZipFile(folder / "truth.zip", "w") as archive:
        lines = "".join(f"{line};{label}\n" for (_, line), label in zip(test, truth, strict=True))
        archive.writestr("GT-final_test.csv", HEADER + lines)


@pytest.fixture
def official(tmp_path, monkeypatch):
    """Small archives in the place of the download; their signs and classes."""
    counts, truth = [1 + label % 2 for label in range(43)], [7, 42, 0]
    training, test = [list(signs(count, label)) for label, count in enumerate(counts)], list(signs(3, 99))
    write(tmp_path, training, test, truth)
    files = {part: tmp_path / f"{part}.zip" for part in gtsrb_builder.ARCHIVES}

    def download(self, urls):
        assert urls["truth"].endswith("/GTSRB_Final_Test_GT.zip")
        return {part: files[part] for part in urls}

    sums = {part: (file.name, hashlib.md5(file.read_bytes()).hexdigest()) for part, file in files.items()}
    sums["truth"] = ("GTSRB_Final_Test_GT.zip", sums["truth"][1])
    monkeypatch.setattr(gtsrb_builder, "ARCHIVES", sums)
    monkeypatch.setattr(gtsrb_builder, "COUNTS", counts)
    monkeypatch.setattr(gtsrb_builder, "TEST_COUNT", 3)
    monkeypatch.setattr(download_manager.DownloadManager, "download", download)
    return training, test, truth


def test_the_archives_are_cut_resized_and_kept_in_order(official, tmp_path):
    training, test, truth = official
    place = str(tmp_path / "data")
    before = gtsrb.describe(data_dir=place)
    found = bsa.load("gtsrb", split="test", data_dir=place)
    assert found.x.shape == (3, 32, 32, 3)
    assert found.num_classes == 43
    assert found.y.tolist() == truth
    for (image, _), made in zip(test, found.x, strict=True):
        cut = Image.fromarray(image[6:-4, 5:-5])
        np.testing.assert_array_equal(np.round(255 * made), cut.resize((32, 32), Image.Resampling.BILINEAR))
    train = bsa.load("gtsrb", split="train", data_dir=place)
    assert train.y.tolist() == [label for label, found in enumerate(training) for _ in found]
    assert gtsrb.describe(data_dir=place) == before  # the same before and after the download
    assert tfds.builder("gtsrb", data_dir=place).info.splits["test"].num_examples == 3


def test_resizing_averages_where_it_shrinks(tmp_path):
    """A sign of 64x64 pixels in stripes of one pixel is grey at 32x32, and not black or white."""
    stripes = np.zeros((74, 74, 3), np.uint8)
    stripes[:, ::2] = 255
    write(tmp_path, [], [(stripes, "00000.ppm;74;74;5;5;69;69")], [1])
    row = {"Filename": "00000.ppm", "Roi.X1": 5, "Roi.Y1": 5, "Roi.X2": 69, "Roi.Y2": 69}
    with zipfile.ZipFile(tmp_path / "test.zip") as archive:
        made = gtsrb_builder._image(archive, gtsrb_builder.TEST, row)
        with pytest.raises(DataError, match=r"expected a region within \(74, 74\), found \(5, 5, 75, 69\)"):
            gtsrb_builder._image(archive, gtsrb_builder.TEST, row | {"Roi.X2": 75})
    # a triangle of half-width 2 weighs 1, 3, 3, 1 eighths: as many white as black pixels; the edges see less
    assert np.abs(made[:, 1:-1].astype(int) - 127).max() <= 1


def test_another_archive_or_another_number_of_images_is_refused(official, tmp_path, monkeypatch):
    monkeypatch.setattr(gtsrb_builder, "TEST_COUNT", 4)
    with pytest.raises(DataError, match=r"GT-final_test.csv: expected 4 images, found 3"):
        bsa.load("gtsrb", split="test", data_dir=str(tmp_path / "data"))
    other = gtsrb_builder.ARCHIVES | {"test": ("GTSRB_Final_Test_Images.zip", "0" * 32)}
    monkeypatch.setattr(gtsrb_builder, "ARCHIVES", other)
    with pytest.raises(DataError, match=r"GTSRB_Final_Test_Images.zip: expected an archive of md5 0000"):
        bsa.load("gtsrb", split="test", data_dir=str(tmp_path / "data"))


def test_the_official_numbers():
    assert len(gtsrb_builder.COUNTS) == 43
    assert sum(gtsrb_builder.COUNTS) == 39209


def test_a_prepared_folder_is_used_as_it_is(data_dir, tmp_path):
    train, test = (bsa.load("gtsrb", split=split, data_dir=data_dir) for split in ("train", "test"))
    assert train.x.shape[1:] == test.x.shape[1:] == (32, 32, 3)
    assert (train.x.min(), train.x.max()) == (0, 1)
    assert sorted(set(train.y)) == sorted(set(test.y)) == list(range(43))
    there, missing = gtsrb.describe(data_dir=data_dir), gtsrb.describe(data_dir=str(tmp_path))
    assert there["num_classes"] == 43
    assert there["fingerprint"] != missing["fingerprint"]  # a part of the set, and not the official download


def test_a_prepared_folder_of_other_images_is_refused(tmp_path):
    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(16, 16, 3)), "label": tfds.features.ClassLabel(num_classes=43)}
    )
    images = tf.data.Dataset.from_tensors({"image": np.zeros((16, 16, 3), np.uint8), "label": 1})
    tfds.dataset_builders.store_as_tfds_dataset(
        "gtsrb", version="1.0.0", features=features, split_datasets={"test": images}, data_dir=tmp_path
    )
    with pytest.raises(DataError, match=r"expected images \(32, 32, 3\) and labels 0 to 42, found \(16, 16, 3\)"):
        bsa.load("gtsrb", split="test", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="train or test, found validation"):
        bsa.load("gtsrb", split="validation")
