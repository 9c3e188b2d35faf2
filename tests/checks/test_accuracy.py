"""A network that names the nearest of ten shades, told of them as they are and otherwise."""

import keras
import numpy as np
import pytest

import bsa
from bsa.checks import TOO_FEW
from bsa.checks._accuracy import accuracy
from bsa.rewrites.pixels import affine, shown

Y = np.arange(200) % 10
NOISE = np.random.default_rng(0).uniform(-0.02, 0.02, (200, 2, 2, 3))
COLOURS = np.array([0.6, 1.0, 0.8])  # of the shades' channels
X = (((Y + 0.5) / 11)[:, None, None, None] * COLOURS + NOISE).clip(0, 1).astype(np.float32)


def nearest(read):
    """Nearest class mean of read(x), which is linear: logits 2 m z - m^2."""
    means = read(np.stack([X[k == Y].mean(0) for k in range(10)])).reshape(10, -1)
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.set_weights([2 * means.T, -(means**2).sum(1)])
    return model


def test_a_network_that_knows_its_images_passes():
    check = accuracy(nearest(lambda x: x), X, Y)
    assert check.passed
    assert check.found["accuracy"] == 1
    assert "100.0 % of 200 images are classified correctly" in check.message


MEAN, STD = X.mean((0, 1, 2)), X.std((0, 1, 2))
PIXELS = {
    "255 * x": (lambda x: 255 * x, [0, 255]),
    "x - 0.5": (lambda x: x - 0.5, [-0.5, 0.5]),
    "2 * x - 1": (lambda x: 2 * x - 1, [-1, 1]),
    "(x - mean) / std": (lambda x: (x - MEAN) / STD, {"mean": MEAN.tolist(), "std": STD.tolist()}),
    "1 - x": (lambda x: 1 - x, None),
}


@pytest.mark.parametrize("name", PIXELS)
def test_pixels_on_another_scale_are_named(name):
    read, pixels = PIXELS[name]
    check = accuracy(nearest(read), X, Y)
    assert check.passed is False
    assert f"expects other pixels: given {name}, accuracy is 100 %" in check.message
    if pixels:
        assert f"bsa.wrap(model, pixels={shown(pixels)})" in check.message
        assert accuracy(bsa.wrap(nearest(read), pixels=pixels), X, Y).passed
    moved = accuracy(nearest(read), X, Y, cell=1, moved=True)
    assert moved.passed is (moved.found["interval"][0] > 0.19)  # another reading may be what undoes the cell


@pytest.mark.parametrize("stated", [[0, 255], [-1, 1], {"mean": 0.5, "std": 0.25}], ids=str)
@pytest.mark.parametrize("made", [[0, 1], [0, 255], [-1, 1], {"mean": MEAN.tolist(), "std": STD.tolist()}], ids=str)
def test_pixels_that_were_stated_wrongly_are_told_with_those_to_state(stated, made):
    model = nearest(affine(made))
    check = accuracy(bsa.wrap(model, pixels=stated), X, Y)
    if stated == made:
        assert check.passed
    else:
        assert check.passed is False
        assert check.message.endswith(f"state pixels {shown(made)}")


def test_pixels_of_another_scale_are_told_by_the_loss_where_accuracy_stays():
    rng = np.random.default_rng(0)
    left, y = rng.uniform(0.4, 0.6, 200), np.arange(200) % 2
    right = left + np.where(y, 0.1, -0.1) * np.where(np.arange(200) < 10, -1, 1)  # ten have the other's label
    x = np.stack([left, right], -1).reshape(200, 1, 2, 1).astype(np.float32)
    model = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)])
    model.set_weights([np.array([[20.0, -20.0], [-20.0, 20.0]])])  # margins of 4 in [0, 1], and of 1,020 in [0, 255]
    assert accuracy(bsa.wrap(model, pixels=[0, 1]), x, y).passed
    check = accuracy(bsa.wrap(model, pixels=[0, 255]), x, y)
    assert check.passed is False
    assert "given x, it is as accurate, 95 %, at a loss of 0.22 instead of 51; state pixels [0, 1]" in check.message


@pytest.mark.parametrize(
    ("labels", "message"),
    [((Y + 1) % 10, "with (y - 1) % 10, accuracy is 100 %"), ((Y - 1) % 10, "with (y + 1) % 10, accuracy is 100 %"),
     (3 * Y % 10, "with a permutation of y, accuracy is 100 %")],
)  # fmt: skip
def test_labels_that_are_numbered_otherwise_are_named(labels, message):
    check = accuracy(nearest(lambda x: x), X, labels)
    assert check.passed is False
    assert message in check.message


def test_nobody_knows_what_a_network_of_noise_was_made_for():
    check = accuracy(nearest(lambda x: x), X, np.random.default_rng(1).integers(0, 10, 200))
    assert check.passed is False
    assert "by chance 10.0 %: look at the scale of the pixels" in check.message


def test_a_few_images_do_not_tell():
    check = accuracy(nearest(lambda x: x), X[:4], np.array([0, 3, 0, 1]))
    assert check.passed is None
    assert check.message.startswith(TOO_FEW)


def test_without_one_correct_image_the_checks_say_so():
    found = {c.check: c for c in bsa.sanity("pgd", nearest(lambda x: x), X, (Y + 1) % 10, epsilon=0.1)}
    assert found["accuracy"].passed is False
    assert found["logits"].passed
    assert found["attack"].message.startswith("not judged: no image is classified correctly")
