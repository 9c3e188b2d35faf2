"""The strongest attack: exact on a linear network, and stronger than the others on a trained one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from nested import attack

import bsa
from bsa.rewrites.opened import open_relu, opened
from bsa.search.queue import LEAST

# A batch that does not shrink: on some processors the last bits hang on its size.
SAME_SIZE = {"batch_size": LEAST}


def test_least_distortion_of_a_linear_network(linear):
    model, x, y, least = linear
    found = attack("corner_descent", model, epsilon=0.4, mode="least_distortion")(x, y)
    assert found.success.all()
    assert (found.distance >= least * (1 - 1e-4)).all()  # never below the truth, float32 aside
    np.testing.assert_allclose(found.distance, least, rtol=0.02)


def test_success_is_exact_on_a_linear_network(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = attack("corner_descent", model, epsilon=radius)(x, y)
    clear = np.abs(least - radius) > 0.01 * radius
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)


def test_on_a_small_network_it_finds_about_what_the_others_find(trained, digits):
    x = np.clip(bsa.blind_spot(digits.x, np.float32(0.9), np.float32(0)), 0, 1)
    y = digits.y
    attacks = {name: attack(name, trained, epsilon=0.07)(x[:150], y[:150]) for name in ("pgd", "corner_descent")}
    # of 150; the network is trained on whatever processor this is, so one image or another may go the other way
    assert attacks["corner_descent"].success.sum() >= attacks["pgd"].success.sum() - 3


def test_every_leg_is_spent_on_what_stands(trained, attacked_images):
    x, y, index = attacked_images
    found = attack("corner_descent", trained, epsilon=0.02, steps=5, targets=1)(x, y, index=index)
    assert set(found.passes[~found.success]) == {15}
    assert found.passes[found.success].max(initial=1) <= 15


def test_at_a_glance_only_what_is_far_is_left_alone(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.06, "steps": 6, "targets": 1, "times": 1}
    all_of_them, glanced, none = (
        attack("corner_descent", trained, **params, **more, **SAME_SIZE)(x, y, index=index)
        for more in ({}, {"glance": 2, "far": 0.8}, {"glance": 2, "far": 1e-9})
    )
    left = ~glanced.success & (glanced.passes == 2)
    assert 0 < left.sum() < (~glanced.success).sum()
    for field in ("x", "success", "passes"):  # the others are attacked as if there were no glance
        np.testing.assert_array_equal(getattr(glanced, field)[~left], getattr(all_of_them, field)[~left])
    assert set(none.passes[~none.success]) == {2}


def test_the_least_distortion_gives_up_on_none(trained, attacked_images):
    x, y, _ = attacked_images
    params = {"epsilon": 0.1, "mode": "least_distortion", "steps": 4, "targets": 1, "times": 1}
    early = attack("corner_descent", trained, **params, glance=1, far=1e-9, near=1e-9, close=[1e-9])(x[:20], y[:20])
    assert early.success.any()
    np.testing.assert_array_equal(early.x, attack("corner_descent", trained, **params)(x[:20], y[:20]).x)


def test_a_glance_longer_than_its_leg_is_refused(trained):
    with pytest.raises(ValueError, match="glance of at most the 4 steps of the first leg, found 5"):
        attack("corner_descent", trained, epsilon=0.1, steps=4, glance=5)


def test_later_legs_have_their_own_length(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.05, "steps": 2, "later_steps": 5, "targets": 1, "times": 2, "squares": 3}
    found = attack("corner_descent", trained, **params)(x, y, index=index)
    # two legs towards the target, one by each rule; two returns of two legs, and of three squares, forward only
    assert set(found.passes[~found.success]) == {2 + 2 * 5 + 2 * (2 + 2 * 5)}


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("bfloat16", 2**-8)])  # half of its last place
def test_the_opened_relu_is_a_relu_with_the_gradient_of_a_softplus(dtype, rtol):
    h = tf.constant([-0.5, -0.01, 0.0, 0.01, 0.5], dtype)
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = open_relu(80.0)(h)
    np.testing.assert_array_equal(value, tf.nn.relu(h))
    exact = tf.cast(h, tf.float32)
    with tf.GradientTape() as plain:
        plain.watch(exact)
        softplus = tf.math.softplus(80.0 * exact) / 80.0
    found = tf.cast(tape.gradient(value, h), tf.float32)
    np.testing.assert_allclose(found, plain.gradient(softplus, exact), rtol=rtol, atol=1e-12)


def test_an_opened_relu6_is_capped_and_opened_on_both_sides():
    h = tf.constant([-1.0, 3.0, 5.99, 6.5])
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = open_relu(2.0, 6)(h)
    np.testing.assert_array_equal(value, tf.nn.relu6(h))
    expected = 1 / (1 + np.exp(-2.0 * h)) / (1 + np.exp(-2.0 * (6 - h)))
    np.testing.assert_allclose(tape.gradient(value, h), expected, rtol=1e-5)


def nested():
    """A functional model whose ReLUs are an operation, a layer's activation in a nested model, and a layer."""
    image = keras.Input((28, 28, 1))
    h = keras.ops.relu(keras.layers.Dense(9)(keras.layers.Flatten()(image)))
    h = keras.Sequential([keras.Input((9,)), keras.layers.Dense(7, activation="relu6")])(h)
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.ReLU(max_value=2)(h)))


def test_an_opened_model_answers_as_before(trained, digits):
    for model in (trained, nested()):
        copy = opened(model, 80)
        assert copy is not model
        np.testing.assert_array_equal(copy(digits.x[:20]), model(digits.x[:20]))


def test_opening_reaches_every_relu():
    """With all units off the gradient is zero; opened, it is not."""
    model = nested()
    for layer in (model.layers[2], model.layers[3].layers[0]):
        layer.bias.assign(-10 * tf.ones_like(layer.bias))
    x = tf.zeros((1, 28, 28, 1))
    gradients = []
    for network in (model, opened(model, 0.1)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = network(x)[:, 0]
        gradients.append(np.abs(tape.gradient(value, x)).sum())
    assert gradients[0] == 0
    assert gradients[1] > 0


def test_without_relus_a_model_is_left_as_it_is(linear):
    model, x, y, _ = linear
    assert opened(model, 80) is model
    assert "no ReLU" in attack("corner_descent", model, epsilon=0.1)(x, y).notes[0]


@pytest.mark.parametrize("relu", ["relu", tf.nn.relu, keras.ops.relu, tf.nn.relu6])
def test_a_relu_by_any_name(relu):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation=relu), keras.layers.Dense(2)])
    assert opened(model, 80) is not model


def test_a_copy_that_answers_otherwise_is_no_copy():
    """A layer may carry a state that is neither in its config nor among its weights."""

    class Scaled(keras.layers.Layer):
        factor = 1.0

        def call(self, x):
            return self.factor * x

    layer = Scaled()
    layer.factor = 3.0
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(4, activation="relu")])
    assert opened(model, 80) is None


def test_a_model_that_cannot_be_rebuilt_gets_plain_gradients_and_a_note(trained, attacked_images):
    class Own(keras.Model):
        def call(self, x):
            return trained(x)

    x, y, index = attacked_images
    own = Own()
    own(x[:1])
    assert opened(own, 80) is None
    found = attack("corner_descent", own, epsilon=0.05)(x, y, index=index)
    plain = attack("corner_descent", trained, epsilon=0.05, sharpness=0)(x, y, index=index)
    np.testing.assert_array_equal(found.success, plain.success)
    assert "cannot rebuild" in found.notes[0]
    assert plain.notes == ()
