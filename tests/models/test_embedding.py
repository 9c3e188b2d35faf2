"""What a layer gives: a closed form, the layers by name, rows in order, as in inference."""

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import UsageError
from bsa.networks import AT_ONCE, embedding


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


def sequential(*given):
    """A Sequential with a dense layer `embedding`, for images of 2 pixels, and what is behind it."""
    dense = keras.layers.Dense(3, activation="relu", name="embedding")
    return keras.Sequential([*given, keras.layers.Flatten(), dense, keras.layers.Dense(2, name="logits")])


def closed(model):
    """ReLU of the images times the kernel of the layer `embedding`, which begins without a bias."""
    kernel = model.get_layer("embedding").kernel
    return np.maximum(IMAGES.reshape(len(IMAGES), -1) @ kernel, 0)


IMAGES = np.array([[0.5, 0.25], [0, 1], [1, 1]], np.float32)[..., None, None]
CLOSE = {"rtol": 1e-6, "atol": 1e-6}  # sums of two products in another order


def test_a_sequential_as_built_after_a_call_and_saved_and_loaded(tmp_path):
    named, called = sequential(keras.Input((2, 1, 1))), sequential()
    called(IMAGES)
    for model in (named, called):
        model.save(tmp_path / "net.keras")
        for each in (model, keras.saving.load_model(tmp_path / "net.keras")):
            np.testing.assert_allclose(embedding(each, IMAGES), closed(model), **CLOSE)


def test_a_layer_of_a_nested_model_and_one_that_another_model_uses_too():
    inner = sequential(keras.Input((2, 1, 1)))
    image = keras.Input((2, 1, 1))
    outer = keras.Model(image, keras.layers.Dense(2, name="last")(inner(1 - image)))
    expected = np.maximum((1 - IMAGES).reshape(3, 2) @ inner.get_layer("embedding").kernel, 0)
    np.testing.assert_allclose(embedding(outer, IMAGES), expected, **CLOSE)
    np.testing.assert_allclose(embedding(inner, IMAGES), closed(inner), **CLOSE)
    np.testing.assert_allclose(embedding(outer, IMAGES, inner.name), inner(1 - IMAGES), **CLOSE)
    again = keras.Sequential([keras.Input((2, 1, 1)), *inner.layers])
    np.testing.assert_allclose(embedding(again, IMAGES), closed(inner), **CLOSE)
    with pytest.raises(UsageError, match=r'flatten.*, embedding, logits, last, found "lats": did you mean "last"'):
        embedding(outer, IMAGES, "lats")


def test_a_layer_used_twice_and_a_subclassed_model_have_no_one_output():
    image, dense = keras.Input((2, 1, 1)), keras.layers.Dense(4, name="embedding")
    twice = keras.Model(image, keras.layers.Flatten()(dense(image) + dense(1 - image)))
    with pytest.raises(UsageError, match='gives one output in the model, found "embedding" with 2'):
        embedding(twice, IMAGES)

    class Own(keras.Model):
        def call(self, x):
            return twice(x)

    own = Own()
    own(IMAGES)
    with pytest.raises(UsageError, match=r"expected a Sequential or functional model.*found Own: build it of"):
        bsa.measure("nearest", own, IMAGES, [0, 0, 0], training=(IMAGES, [0, 0, 0]), k=[1])
