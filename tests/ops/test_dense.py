"""Dense layers with a quick gradient: the same function, the same slopes, wherever Keras can rebuild the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bsa.ops.dense import Quick, quick


def slopes(model, x):
    """Of a sum of squares: for the images and for every weight."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(model(x, training=False) ** 2)
    return tape.gradient(value, [x, *model.trainable_variables])


@pytest.fixture
def nested():
    """Large dense layers: one in a nested model, one on images (n, 28, 28, 1) row by row, one used twice."""
    keras.utils.set_random_seed(1)
    image = keras.Input((28, 28, 1))
    inner = keras.Sequential([keras.Input((784,)), keras.layers.Dense(100, "relu", name="inner")])
    twice = keras.layers.Dense(256, use_bias=False, name="twice")
    rows = keras.layers.Dense(2**16, name="rows")(image[:, ::28, ::28])
    wide = keras.layers.Dense(256)(inner(keras.layers.Flatten()(image)))
    y = keras.layers.Dense(10)(twice(twice(wide)))
    return keras.Model(image, y + keras.layers.Flatten()(rows)[:, :10])


def test_the_copy_gives_the_same_logits_and_gradients(nested, digits):
    copy, x = quick(nested), digits.x[:20]
    assert [type(layer) for layer in copy._flatten_layers() if layer.name in ("inner", "twice", "rows")] == [Quick] * 3
    np.testing.assert_array_equal(copy(x), nested(x))
    for found, expected in zip(slopes(copy, x), slopes(nested, x), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-5 * scale)  # sums of up to 784 float32s, in another order


@pytest.mark.parametrize("rows", [1, 7, 16, 33])
def test_any_number_of_rows(rows, digits):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(100)])
    alike = [slopes(net, digits.x[:rows])[0] for net in (quick(model), model)]
    np.testing.assert_allclose(*alike, atol=1e-5 * np.abs(alike[1]).max())  # sums in another order


def test_the_copy_has_weights_of_its_own(nested):
    copy = quick(nested)
    nested.trainable_variables[0].assign_add(tf.ones_like(nested.trainable_variables[0]))
    assert not np.array_equal(copy.get_weights()[0], nested.get_weights()[0])


class Own(keras.layers.Layer):
    """A layer that Keras cannot rebuild from its config."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Dense(50)],  # few weights
        [keras.layers.Dense(100, dtype="mixed_bfloat16")],
        [keras.layers.Dense(100), Own(2.0)],
    ],
)
def test_a_model_with_nothing_to_gain_or_that_cannot_be_rebuilt_stays(layers):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), *layers])
    assert quick(model) is model
