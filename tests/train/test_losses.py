"""Losses of the model itself: of its regularizers and its calls, part of what it is trained for, as in Keras."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa import spec, train
from bsa.errors import TrainingError
from bsa.train import _loop

RATE = 0.5
L2 = keras.regularizers.L2(0.3)
# float32 sums of 32 gradients of a 784 x 10 kernel in another order
ROUNDING = {"rtol": 1e-4, "atol": 1e-6}


@keras.saving.register_keras_serializable("test_losses")
class Added(keras.layers.Layer):
    """Adds the mean square of what passes through it to the losses."""

    def call(self, x):
        self.add_loss(0.3 * tf.reduce_mean(tf.square(x)))
        return x


@pytest.fixture(scope="module")
def data():
    found = bsa.load("digits", split="train")
    return found._replace(x=found.x[:32], y=found.y[:32])  # one batch


def network(kind):
    """Max pooling, for which a training may make a copy, and a dense layer, with losses of a kind."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    given = {"kernel": {"kernel_regularizer": L2}, "activity": {"activity_regularizer": L2}}
    dense = layers.Dense(10, **given["kernel" if kind == "nested" else kind] if kind in (*given, "nested") else {})
    after = {"layer": [layers.ActivityRegularization(l2=0.3)], "added": [Added()]}
    inner = [keras.Sequential([keras.Input((196,)), dense])] if kind == "nested" else [dense, *after.get(kind, [])]
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.MaxPooling2D(), layers.Flatten(), *inner])
    if kind == "variable":
        model.trainable_variables[0].regularizer = L2
    return model


def step(kind, data, name="natural", **params):
    """What one step of SGD adds to the kernel, and the reported loss."""
    model = network(kind)
    before = model.get_weights()[0]
    given = {"steps": 1, "batch_size": 32, "optimizer": "sgd", "learning_rate": RATE}
    history = bsa.fit(name, model, data, **given | params)
    return model.get_weights()[0] - before, history["loss"][0]


@pytest.fixture(scope="module")
def free_step(data):
    """That of the network without losses of its own, by the parameters of its training."""
    done = {}

    def found(**params):
        key = str(params)
        if key not in done:
            done[key] = step("none", data, **params)
        return done[key]

    return found


KINDS = ["kernel", "activity", "layer", "added", "nested", "variable"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_goes_down_the_models_own_losses_once(kind, data, free_step):
    """Also where images are attacked first, whose passes add losses, too; and in micro-batches."""
    model = network(kind)
    with tf.GradientTape() as tape:
        model(data.x, training=True)
        total = tf.add_n([tf.reduce_sum(loss) for loss in model.losses])
    expected = -RATE * tape.gradient(total, model.trainable_variables)[0].numpy()
    attacked = {"name": "adversarial", "epsilon": 1e-6, "attack_steps": 2}  # finds the images themselves, nearly
    attacked["gradient_accumulation"] = 2
    for params in (attacked, {}) if kind == "kernel" else (attacked,):
        moved, loss = step(kind, data, **params)
        free, without = free_step(**params)
        np.testing.assert_allclose(moved - free, expected, **ROUNDING)
        np.testing.assert_allclose(loss, without, rtol=1e-5)  # the same cross-entropy of two graphs
    assert np.abs(expected).max() > 100 * ROUNDING["atol"]


def test_a_strategy_takes_regularizers_but_no_losses_of_calls(data):
    for kind in KINDS:
        assert _loop._adds_losses(network(kind), data.x) == (kind in ("activity", "layer", "added"))
    params = spec.parameters("train", "natural", {"steps": 1, "batch_size": 32})
    two = types.SimpleNamespace(replicas=2, strategy="mirrored")
    with pytest.raises(TrainingError, match=r"calls add no losses .activity_regularizer, add_loss."):
        train.run("natural", network("added"), data, seed=0, devices=two, **params)


def test_bounds_are_not_trained_past_losses_that_they_do_not_see(data):
    layers = keras.layers
    parts = [layers.Dense(8, activation="relu", activity_regularizer=L2, name="seen"), layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *parts])
    with pytest.raises(ValueError, match=r"without an activity_regularizer.*found \['seen'\]"):
        bsa.fit("outer_polytope", model, data, steps=1, batch_size=32, epsilon=0.1)


def test_a_model_without_bounds_is_one_sentence(data):
    with pytest.raises(ValueError, match=r"^expected a chain of Dense.*found layer max_pooling2d"):
        bsa.fit("outer_polytope", network("none"), data, steps=1, batch_size=32, epsilon=0.1)
