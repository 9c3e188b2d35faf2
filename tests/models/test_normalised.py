"""Networks that normalise their pixels themselves."""

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import UsageError
from bsa.rewrites.precision import twin

MEAN, STD = (0.485, 0.456, 0.406), (0.2, 0.225, 0.25)


@pytest.fixture(params=["wong_small", "wong_large"])
def name(request):
    return request.param


def build(name, **params):
    return bsa.build(name, input_shape=(32, 32, 3), num_classes=10, seed=1, **params)


def images():
    return np.random.default_rng(0).random((4, 32, 32, 3)).astype(np.float32)


def test_the_network_sees_mean_taken_off_and_std_divided_out(name):
    x, plain, normalised = images(), build(name), build(name, mean=MEAN, std=STD)
    assert normalised.count_params() == plain.count_params()
    expected = plain((x - np.float32(MEAN)) / np.float32(STD))
    # std enters as the root of its square: a few units in the last place of float32, of logits below 1
    np.testing.assert_allclose(normalised(x), expected, atol=1e-5)
    one = build(name, mean=[0.5])(x)
    np.testing.assert_allclose(one, plain(x - np.float32(0.5)), atol=1e-5)


def test_it_saves_loads_clones_and_has_twins(name, tmp_path):
    x, model = images(), build(name, mean=MEAN, std=STD)
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(x), model(x))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(x), model(x))
    # bfloat16 keeps 8 bits, and the logits are below 1
    np.testing.assert_allclose(twin(model, "mixed_bfloat16")(x), model(x), atol=0.05)


def test_numbers_that_fit_no_channel(name):
    with pytest.raises(UsageError, match=r"expected mean to hold 1 or 3 numbers.*\[0.5, 0.5\]"):
        build(name, mean=[0.5, 0.5])
    with pytest.raises(UsageError, match="/std/0: expected a number above 0"):
        build(name, std=[0])


def test_images_too_small_for_convolutions_without_padding():
    with pytest.raises(UsageError, match="at least 27x27 for sinha_elu, found 28x26"):
        bsa.build("sinha_elu", input_shape=(28, 26, 1), num_classes=10)
    assert bsa.build("sinha_elu", input_shape=(27, 27, 1), num_classes=10).output_shape == (None, 10)
