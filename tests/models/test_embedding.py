"""What a layer gives: a closed form, the layers by name, rows in order, as in inference."""

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import UsageError
from bsa.models import AT_ONCE, embedding


def network():
    """A dense layer of known weights behind ReLU, named `embedding`."""
    image = keras.Input((2, 1, 1), name="image")
    x = keras.layers.Flatten(name="flatten")(image)
    x = keras.layers.Dense(3, activation="relu", name="embedding")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x))
    model.get_layer("embedding").set_weights([np.array([[1, 2, -4], [1, 0, 0]], np.float32), np.array([0, 0, 1.0])])
    return model


def test_after_the_activation():
    x = np.array([[0.5, 0.25], [0, 1]], np.float32)[..., None, None]
    found = embedding(network(), x)
    np.testing.assert_array_equal(found, [[0.75, 1, 0], [1, 0, 1]])
    assert found.dtype == np.float32


def test_rows_keep_their_order_over_several_passes():
    x = (np.arange(2 * AT_ONCE + 1) / 2048).astype(np.float32)
    found = embedding(network(), np.stack([x, 0 * x], 1)[..., None, None])
    np.testing.assert_array_equal(found, np.stack([x, 2 * x, np.maximum(1 - 4 * x, 0)], 1))  # all exact in float32


def test_any_layer_flattened_and_the_last_is_the_logits(trained, digits):
    x = digits.x[:7]
    assert embedding(trained, x, "conv1").shape == (7, 14 * 14 * 16)
    assert embedding(trained, x, "flatten").shape == (7, 7 * 7 * 32)
    np.testing.assert_array_equal(embedding(trained, x, "flatten"), embedding(trained, x, "conv2"))
    # the same operations in two graphs: one may add up in another order
    np.testing.assert_allclose(embedding(trained, x, "logits"), trained(x).numpy(), rtol=1e-5, atol=1e-5)


def test_equal_images_and_calls_give_equal_features(trained, digits):
    first = embedding(trained, digits.x)
    np.testing.assert_array_equal(embedding(trained, digits.x), first)
    # batches of other sizes may add up in another order: float32's rounding over 1,568 terms of size 1
    np.testing.assert_allclose(embedding(trained, digits.x[100:137]), first[100:137], rtol=1e-4, atol=1e-5)


def test_in_inference_and_in_float32():
    image = keras.Input((4, 4, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.9)(image))
    x = keras.layers.GlobalAveragePooling2D(name="embedding", dtype="bfloat16")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x))
    found = embedding(model, np.full((3, 4, 4, 1), 0.5, np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 0.5, rtol=2**-8)  # bfloat16, and batch norm's epsilon of 0.001


def test_an_unknown_layer_is_told_the_known_ones():
    with pytest.raises(UsageError, match='image, flatten, embedding, logits, found "embeding"'):
        embedding(network(), np.zeros((1, 2, 1, 1), np.float32), "embeding")


@pytest.mark.parametrize(("name", "features"), [("madry_mnist", 1024), ("wong_small", 100), ("sinha_elu", 128)])
def test_the_papers_h(name, features):
    model = bsa.build(name, input_shape=(28, 28, 1), num_classes=10)
    assert embedding(model, np.zeros((2, 28, 28, 1), np.float32)).shape == (2, features)


def test_no_images_give_no_rows():
    assert embedding(network(), np.zeros((0, 2, 1, 1), np.float32)).shape == (0, 3)
