"""The inner maximisation against closed forms and NumPy, and what the objective returns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.train import natural, wrm

PARAMS = {"eps": 1.3, "attack_steps": 15, "label_smoothing": 0.1}
SEED, STEP = tf.constant([0, 0]), tf.constant(0)


def linear(weights, bias):
    """A linear network on 4x4 images, and the list of images that it is shown."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(weights.shape[1])])
    model.set_weights([weights.astype(np.float32), bias.astype(np.float32)])
    shown = []

    def spy(z, training):
        shown.append(np.asarray(z, np.float64).reshape(len(z), -1))
        return model(z, training=training)

    return spy, shown


def batch(rng, classes=5, n=6):
    return rng.uniform(size=(n, 4, 4, 1)).astype(np.float32), rng.integers(0, classes, n).astype(np.int32)


def labels(y, classes, smoothing=0.1):
    q = np.full((len(y), classes), smoothing / (classes - 1))
    q[np.arange(len(y)), y] = 1 - smoothing
    return q


def softmax(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def test_where_the_loss_is_linear_the_first_step_is_the_maximiser():
    """One class has all the probability, so that the loss is linear in x: x' = x + eps * g for good, in closed form."""
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(16, 5)), np.array([60.0, 0, 0, 0, 0])
    spy, shown = linear(weights, bias)
    x, y = batch(rng)
    y[:] = 1 + y % 4  # never the class that wins
    _, metrics = wrm.make(**PARAMS)(spy, tf.constant(x), y, SEED, STEP)
    wins = labels(np.zeros(len(y), int), 5, 0.0)
    moved = 1.3 * (wins - labels(y, 5)) @ weights.T
    assert len(shown) == 17
    for z in shown[1:]:
        np.testing.assert_allclose(z, x.reshape(6, -1) + moved, atol=1e-5)  # float32 sums of values near 5
    np.testing.assert_allclose(metrics["transport"], np.linalg.norm(moved, axis=-1), rtol=1e-5)  # likewise
    assert shown[-1].max() > 1  # x' is not clipped
    assert shown[-1].min() < 0
    np.testing.assert_array_equal(metrics["adversarial_accuracy"], 0)


def test_every_step_against_numpy():
    """The iteration of the authors' release, with the gradient of a linear network written out, in float64."""
    rng = np.random.default_rng(1)
    weights, bias = 0.5 * rng.normal(size=(16, 5)), rng.normal(size=5)
    spy, shown = linear(weights, bias)
    x, y = batch(rng)
    loss, metrics = wrm.make(**PARAMS)(spy, tf.constant(x), y, SEED, STEP)
    x, q = x.reshape(6, -1).astype(np.float64), labels(y, 5)

    def slope(z):
        return (softmax(z @ weights + bias) - q) @ weights.T

    z = x + 1.3 * slope(x)
    for t in range(15):
        np.testing.assert_allclose(shown[t + 1], z, atol=1e-5)  # float32 against float64, values near 1
        z = z + (1.3 * slope(z) - (z - x)) / np.sqrt(t + 2)
    np.testing.assert_allclose(shown[-1], z, atol=1e-5)
    p = softmax(z @ weights + bias)
    np.testing.assert_allclose(loss, -(q * np.log(p)).sum(-1), rtol=1e-4)  # float32
    np.testing.assert_array_equal(metrics["adversarial_accuracy"], p.argmax(-1) == y)
    np.testing.assert_allclose(metrics["transport"], np.linalg.norm(z - x, axis=-1), rtol=1e-4)  # float32


def test_the_maximiser_is_stationary_and_raises_the_penalised_loss():
    """x' - x = eps * grad(loss)(x') where the ascent has ended: the smooth network of the authors gets there."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(8, 3, activation="elu"), keras.layers.Flatten(),
         keras.layers.Dense(10)]
    )  # fmt: skip
    rng = np.random.default_rng(2)
    x, y = rng.uniform(size=(20, 8, 8, 1)).astype(np.float32), rng.integers(0, 10, 20).astype(np.int32)
    shown = []

    def spy(z, training):
        shown.append(tf.identity(z))
        return model(z, training=training)

    wrm.make(**PARAMS | {"attack_steps": 60})(spy, tf.constant(x), y, SEED, STEP)

    def penalised(z):
        return 1.3 * wrm.smoothed_cross_entropy(model(z), y, 0.1) - tf.reduce_sum((z - x) ** 2, (1, 2, 3)) / 2

    z = shown[-1]
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = penalised(z)
    left = np.linalg.norm(tape.gradient(value, z).numpy().reshape(20, -1), axis=-1)
    moved = np.linalg.norm((z - x).numpy().reshape(20, -1), axis=-1)
    assert (left < 1e-3 * moved).all()  # 60 steps; what is left is float32
    assert (value > penalised(x)).numpy().all()


def test_no_weight_on_the_loss_is_natural_training():
    rng = np.random.default_rng(3)
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    x, y = rng.uniform(size=(8, 28, 28, 1)).astype(np.float32), rng.integers(0, 10, 8).astype(np.int32)
    still, _ = wrm.make(eps=1e-9, attack_steps=2, label_smoothing=0.0)(model, tf.constant(x), y, SEED, STEP)
    plain, _ = natural.make()(model, tf.constant(x), y, SEED, STEP)
    np.testing.assert_allclose(still, plain, rtol=1e-5)  # two kernels of one float32 sum


def test_smoothed_labels_are_those_of_the_release():
    """0.9 for the class and 0.1 / 9 for the others."""
    logits = np.float32([[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    total = np.log(np.exp(2) + 9)
    for y, expected in [(0, 0.9 * (total - 2) + 0.1 * total), (3, total - 2 * 0.1 / 9)]:
        found = wrm.smoothed_cross_entropy(logits, np.int32([y]), 0.1)
        assert float(found[0]) == pytest.approx(expected, rel=1e-6)  # float32


def test_it_trains_and_its_transport_is_told(digits):
    data = bsa.load("digits", split="train")
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    history = bsa.fit("wrm", model, data, steps=60, batch_size=64, attack_steps=3, precision="mixed_bfloat16")
    assert history["loss"][:5].mean() > 2 > 1.6 > history["loss"][-5:].mean()
    assert history["transport"].shape == (60,)
    assert (history["transport"] > 0).all()
    assert (model(digits.x).numpy().argmax(-1) == digits.y).mean() > 0.8
