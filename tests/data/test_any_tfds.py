"""Any set of TensorFlow Datasets: a prepared folder is read as it is, in parts and resized; what is none is told."""

import json

import numpy as np
import pytest

import bsa
from bsa import testing
from bsa.data import LazyImages, _arrays, _made, tfds
from bsa.errors import DataError
from bsa.spec.parameters import parameters

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 3), dtype=np.uint8)
LABELS = np.random.default_rng(1).permutation(np.arange(20) % 3)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder of sets: `own` of two splits, `uneven` whose images differ in size, `untold` without a label."""
    import tensorflow as tf
    import tensorflow_datasets

    folder, sets = tmp_path_factory.mktemp("sets"), tensorflow_datasets.features
    label = sets.ClassLabel(names=["cat", "dog", "emu"])

    def store(name, features, parts, **more):
        tensorflow_datasets.dataset_builders.store_as_tfds_dataset(
            name, version="1.2.0", features=sets.FeaturesDict(features), split_datasets=parts, data_dir=folder,
            disable_shuffling=True, **more,
        )  # fmt: skip

    def examples(part, *keys):
        content = {"image": IMAGES[part], "label": LABELS[part]}
        return tf.data.Dataset.from_tensor_slices({key: content[key] for key in keys})

    first, rest = slice(0, 12), slice(12, 20)
    parts = {"train": examples(first, "image", "label"), "test": examples(rest, "image", "label")}
    store("own", {"image": sets.Image(shape=(6, 8, 3)), "label": label}, parts)
    uneven = ({"image": IMAGES[n, n % 2 :], "label": LABELS[n]} for n in range(20))
    kinds = {"image": tf.TensorSpec((None, 8, 3), tf.uint8), "label": tf.TensorSpec((), tf.int64)}
    parts = {"test": tf.data.Dataset.from_generator(lambda: uneven, output_signature=kinds)}
    store("uneven", {"image": sets.Image(shape=(None, None, 3)), "label": label}, parts)
    store("untold", {"image": sets.Image(shape=(6, 8, 3))}, {"test": examples(rest, "image")})
    return folder


def load(folder, dataset, split="test", **params):
    return bsa.load("tfds", split=split, data_dir=str(folder), dataset=dataset, **params)


def describe(folder, dataset, **params):
    return tfds.describe(data_dir=str(folder), **parameters("data", "tfds", {"dataset": dataset, **params}))


def test_the_public_table(prepared):
    testing.check_data("tfds", data_dir=str(prepared), dataset="own", train="train")


def test_splits_and_parts_of_them_are_read_in_order(prepared):
    found = load(prepared, "own:1.2.0")
    np.testing.assert_array_equal(found.x, IMAGES[12:].astype(np.float32) / np.float32(255))
    assert found.y.tolist() == LABELS[12:].tolist()
    assert (found.num_classes, found.class_names) == (3, ("cat", "dog", "emu"))
    part = load(prepared, "own", test="train[2:9]+test[:1]")
    np.testing.assert_array_equal(np.round(255 * part.x), IMAGES[[*range(2, 9), 12]])
    assert describe(prepared, "own", test="train[2:5]") | {"fingerprint": ""} == describe(prepared, "own") | {
        "fingerprint": ""
    }
    halves = [describe(prepared, "own", test=split)["fingerprint"] for split in ("test", "train")]
    assert halves[0] != halves[1]


def test_images_of_several_sizes_are_resized(prepared, monkeypatch):
    found = load(prepared, "uneven", size=[6, 8])
    assert found.x.shape == (20, 6, 8, 3)
    np.testing.assert_array_equal(np.round(255 * found.x[::2]), IMAGES[::2])  # these have that size
    monkeypatch.setattr(_made, "MOST", 0)
    monkeypatch.setattr(_arrays, "SMALL", 1)  # on the disk
    large = load(prepared, "uneven", size=[6, 8])
    assert isinstance(large.x, LazyImages)
    np.testing.assert_array_equal(large.x[np.array([9, 3])], found.x[[9, 3]])
    with pytest.raises(DataError, match=r"images of one size, found that they differ: state .size.: \[HEIGHT, WIDTH\]"):
        load(prepared, "uneven")


@pytest.mark.parametrize(
    ("dataset", "params", "message"),
    [
        ("cifar1", {}, 'a data set that TFDS knows or that is prepared in .*, found "cifar1"; did you mean "cifar10"'),
        ("own", {"test": "tset"}, 'expected one of the splits train, test, found "tset"'),
        ("own", {"test": "test["}, r'expected a split such as test, .* found "test\["'),
        ("own", {"test": "test[x:]"}, "cannot read own, split test.x:., in"),
        (
            "own",
            {"image": "picture"},
            r'expected an image "picture" in an example, found image, label: state .image.: ima',
        ),
        (
            "untold",
            {},
            'expected a label of classes "label" in an example, found image: this data set has none: use another',
        ),
        ("own:9.0.0", {}, r"expected a data set that TFDS knows or that is prepared in"),
    ],
)
def test_what_is_no_such_set_ends_in_a_sentence(prepared, dataset, params, message):
    with pytest.raises(DataError, match=message) as told:
        load(prepared, dataset, **params)
    assert "\n" not in str(told.value)


def test_configs_and_a_broken_folder_are_told(prepared, tmp_path):
    import shutil

    for config in ("small", "large"):
        shutil.copytree(prepared / "own", tmp_path / "own" / config)
    with pytest.raises(DataError, match="expected the name of a config, own/large or small, found own"):
        load(tmp_path, "own")
    assert len(load(tmp_path, "own/small").y) == 8
    (tmp_path / "own" / "small" / "1.2.0" / "features.json").write_text(json.dumps({"featuresDict": []}))
    with pytest.raises(DataError, match=r"expected a features.json of an example's features, found TypeError"):
        load(tmp_path, "own/small")
    with pytest.raises(DataError, match=r"expected training images, .*: state .train.: SPLIT in"):
        load(prepared, "own", "train")
