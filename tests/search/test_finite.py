"""Numbers that are no numbers: gradients count as 0 and are told of, logits are an error, or none has success."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from nested import attack

import bsa
from bsa.ops.losses import FINE, resolution
from bsa.search.ledger import UNCOUNTED, Ledger, noted

GRADIENTS = ("pgd", "apgd", "fmn", "corner_descent", "carlini_wagner_linf")
FEW = {"apgd": {"loss": "cross_entropy"}, "corner_descent": {"times": 0}}


def rooted(shape=(4, 4, 1)):
    """Two classes, by the roots of the pixels: their gradients are infinite at 0, and 0 * inf is NaN."""
    root = keras.layers.Lambda(lambda z: tf.sqrt(z * z))
    model = keras.Sequential([keras.Input(shape), root, keras.layers.Flatten(), keras.layers.Dense(2)])
    weights = np.zeros((16, 2), np.float32)
    weights[:, 1] = 1
    model.set_weights([weights, np.array([0.0, -5.0], np.float32)])  # class 1 above a sum of 5
    return model


@pytest.mark.parametrize("name", GRADIENTS)
def test_an_image_whose_gradients_are_not_all_finite_is_still_searched(name):
    model, x = rooted(), np.full((3, 4, 4, 1), 0.4, np.float32)
    x[:, 0] = 0  # 4 pixels with a NaN gradient; the others sum to 4.8, and 12 of them can gain 0.1 each
    params = {"epsilon": 0.1, "starts": ["image"], **FEW.get(name, {})}
    found = attack(name, model, **params)(x, np.zeros(3, int))
    assert found.success.all()
    if name != "carlini_wagner_linf":  # whose tanh never is quite at 0
        assert any("gradients that are not finite counted as 0: up to" in note for note in found.notes)


def test_finite_gradients_have_no_note(linear):
    model, x, y, _ = linear
    assert bsa.attack("pgd", model, epsilon=0.3)(x, y).notes == ()


def test_logits_of_the_images_that_are_not_finite_are_an_error():
    model, x = rooted(), np.full((3, 4, 4, 1), 0.4, np.float32)
    model.layers[-1].bias.assign([0.0, np.nan])
    with pytest.raises(ValueError, match="expected finite logits of the images, found others for 3 of 3: look for"):
        bsa.attack("pgd", model, epsilon=0.1)(x, np.zeros(3, int))


def test_an_image_without_finite_logits_has_no_success():
    model, x = rooted(), np.full((2, 4, 4, 1), 0.1, np.float32)
    best = Ledger(model, x, np.zeros(2, int))
    best.offer(np.arange(2), np.full_like(x, 0.9), 1, "image")
    assert best.result().success.all()
    best = Ledger(model, x, np.zeros(2, int))
    model.layers[-1].bias.assign([np.nan, 0.0])
    best.offer(np.arange(2), np.full_like(x, 0.9), 1, "image")
    assert not best.result().success.any()
    assert best.result().notes == (UNCOUNTED,)


def test_an_offset_that_hides_the_margin_is_told():
    margins = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]], np.float32)
    y = np.zeros(3, int)
    assert resolution(margins, y) > 2**22  # float32 keeps 24 bits
    assert noted(margins, y) == ()
    offset = margins + np.float32(2**20)  # float32's steps are an eighth there; the median of 1 and 3 is 2
    assert resolution(offset, y) == 16 < FINE
    assert "the median margin of the logits is 16 of float32's steps" in noted(offset, y)[0]
