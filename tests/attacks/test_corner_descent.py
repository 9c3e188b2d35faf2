"""The strongest attack: exact on a linear network, and stronger than the others on a trained one."""

import numpy as np
import tensorflow as tf

import bsa
from bsa.ops.surrogate import open_relu, opened


def test_least_distortion_of_a_linear_network(linear):
    model, x, y, least = linear
    found = bsa.attack("corner_descent", model, epsilon=0.4, mode="least_distortion")(x, y)
    assert found.success.all()
    assert (found.distance >= least * (1 - 1e-4)).all()  # never below the truth, float32 aside
    np.testing.assert_allclose(found.distance, least, rtol=0.02)


def test_success_is_exact_on_a_linear_network(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = bsa.attack("corner_descent", model, epsilon=radius)(x, y)
    clear = np.abs(least - radius) > 0.01 * radius
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)


def test_on_a_small_network_it_finds_about_what_the_others_find(trained, digits):
    x = np.clip(bsa.blind_spot(digits.x, np.float32(0.9), np.float32(0)), 0, 1)
    y = digits.y
    attacks = {name: bsa.attack(name, trained, epsilon=0.07)(x[:150], y[:150]) for name in ("pgd", "corner_descent")}
    # of 150; the network is trained on whatever processor this is, so one image or another may go the other way
    assert attacks["corner_descent"].success.sum() >= attacks["pgd"].success.sum() - 3


def test_every_leg_is_spent_on_what_stands(trained, attacked_images):
    x, y, index = attacked_images
    found = bsa.attack("corner_descent", trained, epsilon=0.02, steps=5, targets=2)(x, y, index=index)
    assert set(found.passes[~found.success]) == {15}
    assert found.passes[found.success].max(initial=1) <= 15


def test_further_training_is_seen(trained, attacked_images):
    import keras

    x, y, index = attacked_images
    model = keras.models.clone_model(trained)
    attack = bsa.attack("corner_descent", model, epsilon=0.05)
    model.set_weights(trained.get_weights())
    np.testing.assert_array_equal(
        attack(x, y, index=index).x, bsa.attack("corner_descent", trained, epsilon=0.05)(x, y, index=index).x
    )


def test_the_opened_relu_is_a_relu_with_the_gradient_of_a_softplus():
    h = tf.constant([-0.5, -0.01, 0.0, 0.01, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = open_relu(80.0)(h)
    np.testing.assert_array_equal(value, tf.nn.relu(h))
    with tf.GradientTape() as plain:
        plain.watch(h)
        softplus = tf.math.softplus(80.0 * h) / 80.0
    np.testing.assert_allclose(tape.gradient(value, h), plain.gradient(softplus, h), rtol=1e-5, atol=1e-12)


def test_an_opened_model_answers_as_before_and_a_strange_one_is_left_alone(trained, digits):
    import keras

    np.testing.assert_array_equal(opened(trained, 80)(digits.x[:20]), trained(digits.x[:20]))
    for way in (keras.layers.ReLU(), keras.layers.Activation("relu"), keras.layers.Dense(4, activation="relu")):
        assert opened(keras.Sequential([keras.Input((3,)), way, keras.layers.Dense(2)]), 80) is not None
    assert opened(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), 80) is None

    class Own(keras.Model):
        def call(self, x):
            return x

    assert opened(Own(), 80) is None
