"""Arrays of one's own: every form of them is the same data set; for what is none, a sentence says what to do."""

import json
import os

import numpy as np
import platformdirs
import pytest

import bsa
from bsa import testing
from bsa.data import LazyImages, _arrays, _made, _remembered, arrays
from bsa.errors import DataError
from bsa.spec.parameters import parameters

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (30, 7, 5, 3), dtype=np.uint8)
Y = RNG.permutation(np.arange(30) % 4)


@pytest.fixture
def saved(tmp_path):
    """`saved(name=array, ...)`: the path of an .npz that holds them."""

    def save(compressed=False, **content):
        (np.savez_compressed if compressed else np.savez)(tmp_path / "own.npz", **content)
        return str(tmp_path / "own.npz")

    return save


def load(test, split="test", **params):
    return bsa.load("arrays", split=split, test=test, **params)


def describe(test, **params):
    return arrays.describe(**parameters("data", "arrays", {"test": test, **params}))


def test_the_public_table(saved):
    testing.check_data("arrays", test=saved(x_train=X, y_train=Y, x_test=255 - X, y_test=Y))


def test_every_form_of_images_is_the_same_data(saved, tmp_path):
    expected = X.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(load(saved(x=X, y=Y)).x, expected)  # as the data sets that ship divide
    forms = {"float32": expected, "float64": X / 255, "uint8": X}
    for x in forms.values():
        found = load(saved(compressed=True, images=x, labels=Y))
        assert (found.x.dtype, found.y.dtype, found.num_classes) == (np.float32, np.int32, 4)
        np.testing.assert_array_equal(found.x, expected)
        np.testing.assert_array_equal(found.y, Y)
    stated = {"[0, 65535]": (X.astype(np.uint16) * 257, [0, 65535]), "[-1, 1]": (X / 127.5 - 1, [-1, 1])}
    stated["[0, 255]"] = X.astype(np.int64), [0, 255]
    for x, pixels in stated.values():
        # one rounding of float32 more, at most
        np.testing.assert_allclose(load(saved(x=x, y=Y), pixels=pixels).x, expected, atol=2**-23)
    grey = load(saved(x=X[..., 0], y=Y))
    np.testing.assert_array_equal(grey.x, expected[..., :1])
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    np.testing.assert_array_equal(load([str(tmp_path / "a.npy"), str(tmp_path / "b.npy")]).x, expected)


def test_labels_of_every_form_are_integers(saved):
    for y in (Y.astype(np.uint8), Y[:, None], np.eye(4)[Y], np.eye(4, dtype=bool)[Y]):
        found = load(saved(x=X, y=y))
        np.testing.assert_array_equal(found.y, Y)
        assert found.num_classes == 4
    assert describe(saved(x=X, y=Y), num_classes=7)["num_classes"] == 7
    assert describe(saved(x=X, y=np.eye(9)[Y]))["num_classes"] == 9


def test_images_and_labels_are_found_by_shape_and_name(saved):
    both = {"x_train": X[:9], "y_train": Y[:9], "x_test": X[9:20], "y_test": Y[9:20]}  # as keras.datasets' mnist.npz
    medical = {f"{part}_{what}": both[f"{key}_{part}"] for part in ("train", "test")
               for what, key in (("images", "x"), ("labels", "y"))}  # fmt: skip
    for file in (saved(**both), saved(**medical, val_images=X[20:], val_labels=Y[20:])):
        assert load(file).y.tolist() == Y[9:20].tolist()
        assert load(file, "train").y.tolist() == Y[:9].tolist()
    assert load(saved(arr_0=X, arr_1=Y)).y.tolist() == Y.tolist()  # numpy.savez(file, X, Y)
    assert load(saved(pictures=X, truth=Y, ids=np.arange(30).astype(str)), y="truth").y.tolist() == Y.tolist()
    assert load(saved(x=X, y=Y, mask=X[..., 0] > 9, weights=np.ones(30))).y.tolist() == Y.tolist()


def test_class_names_are_told_and_enter_no_key(saved):
    names = ["cat", "dog", "emu", "fox"]
    plain, named = describe(saved(x=X, y=Y)), describe(saved(x=X, y=Y), class_names=names)
    assert named == plain | {"class_names": names}
    for kept in (names, np.array(names, bytes)):
        assert load(saved(x=X, y=Y, class_names=kept)).class_names == tuple(names)
    with pytest.raises(DataError, match="expected 9 class_names, one for each class, found 4"):
        describe(saved(x=X, y=Y), class_names=names, num_classes=9)
    with pytest.raises(DataError, match="expected labels below 2, as class_names says, found 3"):
        describe(saved(x=X, y=Y), class_names=names[:2])


def test_images_that_are_saved_class_after_class_are_shuffled_once_and_for_all(saved):
    order = np.argsort(Y, kind="stable")
    file = saved(x=X[order], y=Y[order])
    found, again = load(file), load(file)
    assert len(set(found.y[:8].tolist())) > 2
    np.testing.assert_array_equal(found.y, again.y)
    label = {image.tobytes(): y for image, y in zip(X.astype(np.float32) / np.float32(255), Y, strict=True)}
    assert [label[image.tobytes()] for image in found.x] == found.y.tolist()  # each keeps its own


def test_keys_are_by_content(saved, tmp_path):
    first = describe(saved(x=X, y=Y))
    copy = tmp_path / "copy.npz"
    copy.write_bytes((tmp_path / "own.npz").read_bytes())
    assert describe(str(copy)) == first
    assert json.loads(json.dumps(first)) == first
    changed = X.copy()
    changed[3, 2, 1, 0] ^= 1
    assert describe(saved(x=changed, y=Y))["fingerprint"] != first["fingerprint"]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Whatever is read is taken for large; what is found of it is kept in a folder of this test."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    for module, name in ((_arrays, "SMALL"), (_made, "MOST"), (_remembered, "LARGE")):
        monkeypatch.setattr(module, name, 0)


@pytest.mark.parametrize("form", ["stored", "compressed", "npy"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_large_ones_are_read_as_they_are_needed(small, saved, tmp_path, form, kind):
    x = X if kind == np.uint8 else (X / 255).astype(kind)
    file = saved(compressed=form == "compressed", x=x, y=Y)
    if form == "npy":
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", Y)
        file = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    found = load(file)
    assert isinstance(found.x, LazyImages)
    rows = np.array([3, 4, 5, 2, 29, 0, 0])
    expected = X.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(found.x[rows], expected[rows])
    np.testing.assert_array_equal(np.asarray(found.x), expected)


def test_what_takes_long_is_found_once_for_each_state_of_a_file(small, tmp_path):
    file, found = tmp_path / "large", []
    file.write_bytes(b"1")

    def ask():
        return _remembered.remembered("it", [file], lambda: found.append(1) or len(found))

    assert [ask(), ask()] == [1, 2]  # changed just now: it may change again within a tick of the clock
    for nanoseconds in (10**18, 10**18 + 1):
        os.utime(file, ns=(nanoseconds, nanoseconds))
        assert ask() == ask() == len(found)
    assert len(found) == 4
    for kept in (tmp_path / "cache").rglob("*.json"):
        kept.write_text("{")
    assert ask() == 5


WRONG = {
    "no file": (None, {}, "no file .*nowhere.npz: expected an .npz file .* absolute, or from the current folder"),
    "text": ("images.npz", {}, "expected an .npz file of numpy.savez, or a pair .* found a file of another kind"),
    "JSON": ("{}", {}, "found a file of another kind"),
    "no images": ({"a": Y, "b": Y}, {}, r"found a int64 \(30,\), b int64 \(30,\): state .x.: IMAGES in"),
    "several": (
        {"a": X, "b": X, "y": Y},
        {},
        r"found a uint8 \(30, 7, 5, 3\), b .*--set data.x=IMAGES\)",
    ),
    "no such array": ({"x": X, "y": Y}, {"x": "z"}, 'expected an array "z", as "x" says, found x uint8'),
    "objects": (
        {"x": np.array([X[0], X[1][:3]], object), "y": Y[:2]},
        {},
        "found one of Python objects",
    ),
    "names": ({"x": X, "y": Y.astype(str)}, {}, r"y: expected integer labels .*numpy.unique\(y, return_inv"),
    "floats": ({"x": X, "y": Y + 0.5}, {}, r"integer labels y .*such as \d.5: labels number the cla"),
    "whole floats": ({"x": X, "y": Y * 1.0}, {}, r"give y.astype\(int\)"),
    "from below 0": ({"x": X, "y": Y - 1}, {}, "expected labels from 0 .* found -1 to 2"),
    "fewer labels": (
        {"x": X, "y": Y[:9]},
        {},
        r"integer labels y of shape \(30,\), one for each image",
    ),
    "channels first": (
        {"x": np.moveaxis(X, -1, 1), "y": Y},
        {},
        r"save numpy.moveaxis\(x, 1, -1\), which has",
    ),
    "flat": ({"x": X.reshape(30, -1), "y": Y}, {"x": "x", "y": "y"}, r"save x.reshape\(-1, HEIGHT"),
    "16 bits": ({"x": X.astype(np.uint16) * 257, "y": Y}, {}, r"--set data.pixels=\[0,65535\]"),
    "bytes as floats": (
        {"x": X * 1.0, "y": Y},
        {},
        r'from 0 to 255: state "pixels": \[0, 255\] in "data"',
    ),
    "from -1": ({"x": X / 127.5 - 1, "y": Y}, {}, r'state "pixels": \[-1, 1\] in "data"'),
    "standardised": ({"x": (X / 255 - 0.45) / 0.2, "y": Y}, {}, r"standardised: save x \* deviation"),
    "other pixels": (
        {"x": X, "y": Y},
        {"pixels": [0, 100]},
        r"pixels in \[0, 100\], found uint8 from 0 to 255",
    ),
    "all but black": (
        {"x": X / 255, "y": Y},
        {"pixels": [0, 255]},
        r'all but black: state "pixels": \[0, 1\]',
    ),
    "bytes of 0 and 1": ({"x": X // 128, "y": Y}, {}, "uint8 pixels from 0 to 255, found none above 1"),
    "turned round": ({"x": X, "y": Y}, {"pixels": [255, 0]}, r"with low < high, found \[255, 0\]"),
    "NaN": (
        {"x": np.where(np.arange(30)[:, None, None] == 7, np.nan, X[..., 0] / 255), "y": Y},
        {},
        "in image 7",
    ),
    "complex": ({"x": X + 1j, "y": Y}, {}, "expected images of numbers, found complex128"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_data_ends_in_a_sentence_that_says_what_to_do(what, saved, tmp_path):
    content, params, message = WRONG[what]
    file = str(tmp_path / "nowhere.npz")
    if isinstance(content, str):
        file = str(tmp_path / "text.npz")
        (tmp_path / "text.npz").write_text(content)
    elif content:
        file = saved(**content)
    with pytest.raises(DataError, match=message) as told:
        load(file, **params)
    assert "\n" not in str(told.value)
    assert str(tmp_path) in str(told.value)


def test_one_file_of_a_pair_and_no_training_images_are_told(saved, tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match=r'found one alone: write "test": \[".*x.npy", "LABELS.npy"\], on the command'):
        load(str(tmp_path / "x.npy"))
    with pytest.raises(DataError, match=r"expected training images, .* found none: state .train.: FILE.npz in"):
        load(saved(x=X, y=Y), "train")
    content = (tmp_path / "own.npz").read_bytes()
    (tmp_path / "own.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"expected an .npz file .* found the beginning of a zip"):
        load(str(tmp_path / "own.npz"))


def test_the_public_table_of_a_set_without_training_images(saved):
    testing.check_data("arrays", test=saved(x=X, y=Y, class_names=["cat", "dog", "emu", "fox"]))
