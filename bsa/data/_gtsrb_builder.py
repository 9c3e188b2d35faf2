"""A TFDS builder of GTSRB: the official archives, checked, cropped to the signs and resized to 32x32.

The prepared data set is `gtsrb` 1.0.0 of TFDS: 39,209 training and 12,630 test images in the archives' order, 43
classes. Source: Stallkamp, Schlipsing, Salmen and Igel (2012), Man vs. computer.
"""

import csv
import hashlib
import io
import zipfile

import numpy as np
import tensorflow_datasets as tfds

from bsa.errors import DataError

SIZE, CLASSES = 32, 43
URL = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
# MD5 sums as several public loaders state them (torchvision those of the two test archives); no sha256 is published.
ARCHIVES = {
    "train": ("GTSRB_Final_Training_Images.zip", "f33fd80ac59bff73c82d25ab499e03a3"),
    "test": ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
    "truth": ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
}
TRAINING = "GTSRB/Final_Training/Images/{0:05d}/"  # a class: its images and their GT-{0:05d}.csv
TEST, TRUTH = "GTSRB/Final_Test/Images/", "GT-final_test.csv"
# Images of each class; of the test images the number alone.
COUNTS = [210, 2220, 2250, 1410, 1980, 1860, 420, 1440, 1410, 1470, 2010, 1320, 2100, 2160, 780, 630, 420, 1110, 1200,
          210, 360, 330, 390, 510, 270, 1500, 600, 240, 540, 270, 450, 780, 240, 689, 420, 1200, 390, 210, 2070, 300,
          360, 240, 240]  # fmt: skip
TEST_COUNT = 12630


class Gtsrb(tfds.core.GeneratorBasedBuilder):
    """German traffic signs, as `tfds.builder("gtsrb")` finds them once this module is imported."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(SIZE, SIZE, 3), encoding_format="png")
        label = tfds.features.ClassLabel(num_classes=CLASSES)
        return tfds.core.DatasetInfo(
            builder=self,
            description="German Traffic Sign Recognition Benchmark: regions of interest, bilinear at 32x32.",
            features=tfds.features.FeaturesDict({"image": image, "label": label}),
            supervised_keys=("image", "label"),
            homepage="https://benchmark.ini.rub.de/",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        files = dl_manager.download({part: URL + name for part, (name, _) in ARCHIVES.items()})
        for part, (name, md5) in ARCHIVES.items():
            _check(files[part], name, md5)
        return {
            "train": self._generate_examples(_training(files["train"])),
            "test": self._generate_examples(_test(files["test"], files["truth"])),
        }

    def _generate_examples(self, found):
        for number, (image, label) in enumerate(found):
            yield number, {"image": image, "label": label}


def _check(file, name, md5):
    with open(file, "rb") as archive:
        found = hashlib.file_digest(archive, "md5").hexdigest()
    if found != md5:
        raise DataError(f"{URL}{name}: expected an archive of md5 {md5}, found {found}")


def _training(file):
    """Pairs (image, class) by class and file; DataError unless each class has its number of images."""
    with zipfile.ZipFile(file) as archive:
        for label, count in enumerate(COUNTS):
            folder = TRAINING.format(label)
            rows = _rows(archive, f"{folder}GT-{label:05d}.csv", count)
            for row in rows:
                yield _image(archive, folder, row), _label(row, label)


def _test(file, truth):
    """Pairs (image, class) by file."""
    with zipfile.ZipFile(truth) as archive:
        rows = _rows(archive, TRUTH, TEST_COUNT)
    with zipfile.ZipFile(file) as archive:
        for row in rows:
            yield _image(archive, TEST, row), _label(row)


def _rows(archive, name, count):
    """The lines of a CSV file, by column: Filename, Width, Height, Roi.X1, ..., ClassId."""
    rows = list(csv.DictReader(io.StringIO(archive.read(name).decode()), delimiter=";"))
    if len(rows) != count:
        raise DataError(f"{name}: expected {count} images, found {len(rows)}")
    return rows


def _label(row, expected=None):
    label = int(row["ClassId"])
    if label not in (range(CLASSES) if expected is None else (expected,)):
        raise DataError(f"{row['Filename']}: expected class {expected or f'0 to {CLASSES - 1}'}, found {label}")
    return label


def _image(archive, folder, row):
    """The region of interest of a line's image, (32, 32, 3) uint8: columns X1 to X2, X2 excluded, rows likewise."""
    from PIL import Image  # heavy, and needed here alone

    with archive.open(folder + row["Filename"]) as file:
        image = Image.open(file).convert("RGB")
    left, top, right, bottom = (int(row[f"Roi.{edge}"]) for edge in ("X1", "Y1", "X2", "Y2"))
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        region = (left, top, right, bottom)
        raise DataError(f"{row['Filename']}: expected a region within {image.size}, found {region}")
    # Pillow's filter is antialiased: it grows with the factor when it shrinks an image
    return np.asarray(image.crop((left, top, right, bottom)).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
