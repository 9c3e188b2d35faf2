"""Convolutions with gradients in float32: the same function, and slopes as near as their type allows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bsa.rewrites.convolution import Conv2D


def slopes(layer, x):
    """What `layer` gives for x, and the gradients of a sum of it for the images and the kernel."""

    @tf.function
    def graph(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(layer(x), tf.float32)
            factors = tf.reshape(tf.range(tf.size(y)) % 7 - 3, tf.shape(y))  # the same in every type
            value = tf.reduce_sum(y * tf.cast(factors, tf.float32))
        return y, *tape.gradient(value, [x, layer.kernel.value])

    return graph(x)


SETTINGS = {
    "plain": {},
    "strided": {"strides": 2, "padding": "same", "activation": "relu"},
    "dilated": {"dilation_rate": 2},
    "without bias": {"use_bias": False},
}
BITS = {"float32": 24, "float16": 11, "bfloat16": 8}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("kind", BITS)
def test_values_are_those_of_keras_and_gradients_those_of_float32_rounded(settings, kind, digits):
    keras.utils.set_random_seed(0)
    policy = kind if kind == "float32" else f"mixed_{kind}"
    ours, low = (made(6, 5, dtype=policy, **settings) for made in (Conv2D, keras.layers.Conv2D))
    exact = keras.layers.Conv2D(6, 5, **settings)
    for layer in (exact, low, ours):
        layer.build((None, 28, 28, 1))
        layer.kernel.assign(tf.cast(tf.cast(exact.kernel.value, kind), "float32"))
    x = tf.cast(tf.cast(digits.x[:10], kind), "float32")
    found, expected = slopes(ours, x), slopes(exact, x)
    np.testing.assert_array_equal(found[0], slopes(low, x)[0])
    for slope, other in zip(found[1:], expected[1:], strict=True):
        # one rounding to the type, and sums in float32 in another order
        np.testing.assert_allclose(slope, other, rtol=2.0 ** -BITS[kind], atol=1e-5 * np.abs(other).max())
    assert np.abs(found[1]).max() > 0
