"""Folders of images of one's own: numbered, resized and coloured as stated, or refused with the name of the file."""

import io

import numpy as np
import pytest
from PIL import Image

import bsa
from bsa import testing
from bsa.data import LazyImages, _made, _pictures, folder
from bsa.errors import DataError
from bsa.spec.parameters import parameters

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 12, 10, 3), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path):
    """`saved({path: pixels or bytes})`: a folder with these files, PNG unless the path says otherwise."""

    def save(files, name="test"):
        for path, content in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            else:
                (content if isinstance(content, Image.Image) else Image.fromarray(content)).save(file)
        return str(tmp_path / name)

    return save


def pets(count=12, begin=0):
    return {f"{('dog', 'cat')[n % 2]}/{n}.png": PIXELS[n] for n in range(begin, begin + count)}


def load(test, split="test", **params):
    return bsa.load("folder", split=split, test=test, **params)


def describe(test, **params):
    return folder.describe(**parameters("data", "folder", {"test": test, **params}))


def test_the_public_table(saved):
    testing.check_data("folder", test=saved(pets()), train=saved(pets(12, 12), "train"))


def test_each_image_has_the_number_of_its_folder(saved):
    found = load(saved(pets()))
    assert (found.class_names, found.num_classes) == (("cat", "dog"), 2)
    assert describe(saved(pets()))["class_names"] == ["cat", "dog"]
    number = {PIXELS[n].tobytes(): n for n in range(12)}
    shown = [number[np.round(255 * image).astype(np.uint8).tobytes()] for image in found.x]
    assert sorted(shown) == list(range(12))
    assert [1 - n % 2 for n in shown] == found.y.tolist()
    assert len(set(found.y[:6].tolist())) == 2  # the first are of all classes
    np.testing.assert_array_equal(found.x[0], PIXELS[shown[0]].astype(np.float32) / np.float32(255))
    turned = load(saved(pets()), class_names=["dog", "ape", "cat"])
    assert turned.num_classes == 3
    assert set(turned.y.tolist()) == {0, 2}


def test_images_are_resized_by_areas_so_that_nothing_is_skipped(saved):
    """Halved, a pixel is the mean of the triangle of weights 1, 3, 3, 1 over those around it in each direction."""
    ramp = np.tile(np.arange(0, 160, 8, dtype=np.uint8)[:, None], (1, 20))  # linear: any symmetric filter keeps it
    checks = np.indices((20, 20)).sum(0).astype(np.uint8) % 2 * 200  # of which bilinear without it would keep half
    found = load(saved({"a/ramp.png": ramp, "b/checks.png": checks}), size=[10, 10])
    assert found.x.shape == (2, 10, 10, 1)
    ramp, checks = (np.round(255 * found.x[found.y == y][0, 1:-1, 1:-1, 0]) for y in (0, 1))
    np.testing.assert_allclose(ramp, np.tile((np.arange(10) * 16 + 4)[1:-1, None], (1, 8)), atol=1)  # rounding
    np.testing.assert_allclose(checks, 100, atol=1)


def test_grey_colour_and_alpha(saved):
    rgb, grey = Image.fromarray(PIXELS[0]), Image.fromarray(PIXELS[1, ..., 0])
    clear = Image.fromarray(np.concatenate([PIXELS[2], PIXELS[3, ..., :1]], -1))
    found = load(saved({"a/1.png": rgb, "a/2.png": grey, "b/3.png": clear, "b/4.gif": grey, "b/notes.txt": b"none"}))
    assert found.x.shape == (4, 12, 10, 3)
    images = {np.round(255 * image).astype(np.uint8).tobytes() for image in found.x}
    assert PIXELS[2].tobytes() in images  # without its alpha channel
    assert np.repeat(PIXELS[1, ..., :1], 3, -1).tobytes() in images
    assert describe(saved({"a/1.png": grey, "b/2.png": grey}, "grey"))["input_shape"] == [12, 10, 1]
    assert load(saved({"a/1.png": grey, "b/2.png": grey}, "grey"), channels=3).x.shape == (2, 12, 10, 3)
    assert load(saved({"a/1.png": rgb, "b/2.png": grey}, "both"), channels=1).x.shape == (2, 12, 10, 1)


def test_keys_are_by_names_and_contents(saved, tmp_path):
    first = describe(saved(pets()))
    assert describe(saved(pets(), "elsewhere/again")) == first
    (tmp_path / "test" / "cat" / "1.png").rename(tmp_path / "test" / "cat" / "2.png")
    assert describe(saved({}))["fingerprint"] != first["fingerprint"]


def test_of_a_large_one_only_what_is_asked_for_is_read(saved, monkeypatch):
    place = saved(pets())
    expected = load(place).x
    monkeypatch.setattr(_made, "MOST", 0)
    read, pixels = [], _pictures.pixels
    monkeypatch.setattr(_pictures, "pixels", lambda *given: read.append(1) or pixels(*given))
    found = load(place).x
    assert isinstance(found, LazyImages)
    np.testing.assert_array_equal(found[np.array([7, 3])], expected[[7, 3]])
    assert len(read) == 2


def png(image):
    content = io.BytesIO()
    image.save(content, "png")
    return content.getvalue()


WRONG = {
    "no folder": (None, {}, "no folder .*: expected a folder with a folder of images for each class"),
    "images alone": ({"1.png": PIXELS[0]}, {}, "expected a folder of images for each class, found 1 images and no fol"),
    "one class": ({"cat/1.png": PIXELS[0]}, {}, "at least 2 classes, found cat alone: name the folder that holds"),
    "an empty class": (pets(4) | {"emu/notes.txt": b""}, {}, r"emu: expected images of this class .* found none: fill"),
    "no image": (
        pets(4) | {"cat/x.png": b"text"},
        {},
        "cat/x.png: expected an image that Pillow reads, found a file of",
    ),
    "a cut one": (
        pets(4) | {"cat/x.png": png(Image.fromarray(PIXELS[0]))[:-300]},
        {},
        "cat/x.png: .* repair or delete it",
    ),
    "several sizes": (
        pets(4) | {"cat/x.png": PIXELS[0, 1:]},
        {},
        r"found 12 x 10 in cat/1.png and 11 x 10 in cat/x.png: s",
    ),
    "16 bits": (
        pets(4) | {"cat/x.png": np.full((12, 10), 999, np.uint16)},
        {},
        "cat/x.png: expected an image of 8 bits",
    ),
    "another class": (pets(4), {"class_names": ["cat", "emu"]}, "folders of the class_names alone, found dog beside"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_such_folder_ends_in_a_sentence_that_says_what_to_do(what, saved, tmp_path):
    files, params, message = WRONG[what]
    place = saved(files) if files else str(tmp_path / "nowhere")
    with pytest.raises(DataError, match=message) as told:
        load(place, **params)
    assert "\n" not in str(told.value)
    assert "0x" not in str(told.value)


def test_parts_of_other_classes_and_no_training_images_are_told(saved):
    train = saved(pets(4) | {"emu/1.png": PIXELS[0]}, "train")
    with pytest.raises(DataError, match=r"train: expected a folder for each of the classes in .*found that emu is in"):
        load(saved(pets()), train=train)
    with pytest.raises(DataError, match=r"expected training images, .*: state .train.: FOLDER in"):
        load(saved(pets()), "train")
    with pytest.raises(DataError, match=r"a file .*1.png: expected a folder"):
        load(f"{saved(pets())}/cat/1.png")
