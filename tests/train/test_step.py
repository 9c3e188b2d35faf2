"""One step: weight decay, augmentation, micro-batches and the inner attack's batch norm."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.errors import TrainingError
from bsa.ops import augment, draws, seeds
from bsa.train import _loop, adversarial

# float32 sums of 32 gradients in another order, through Adam's division: seen up to 2e-6 in weights of size 0.1
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def data():
    found = bsa.load("digits", split="train")
    return found._replace(x=found.x[:320], y=found.y[:320])


def small(norm=False):
    """A classifier of a few thousand weights, with batch norm where asked for."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    parts = [layers.Conv2D(4, 5, strides=2), *([layers.BatchNormalization()] if norm else []), layers.ReLU()]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(10)])


def train(data, name="adversarial", model=None, **params):
    model = model or small()
    attack = {"epsilon": 0.1, "attack_steps": 2} if name == "adversarial" else {}
    return model, bsa.fit(name, model, data, seed=5, **{"steps": 5, "batch_size": 32} | attack | params)


def test_weight_decay_pulls_at_kernels_alone(data):
    """Momentum's first step: the weights move by -rate * (gradient + decay * w)."""
    given = {"name": "natural", "steps": 1, "optimizer": "sgd", "learning_rate": 0.5}
    free, pulled, start = train(data, **given)[0], train(data, weight_decay=0.2, **given)[0], small()
    assert [v.name for v in start.trainable_variables] == ["kernel", "bias"] * 2
    for a, b, w in zip(free.variables, pulled.variables, start.variables, strict=True):
        expected = a.numpy() - 0.5 * 0.2 * w.numpy() * (w.name == "kernel")
        np.testing.assert_allclose(b.numpy(), expected, atol=1e-6)  # float32 sums of weights below 1


def test_the_reported_loss_is_without_the_decay(data):
    _, free = train(data, "natural", steps=1)
    _, pulled = train(data, "natural", steps=1, weight_decay=100)
    assert pulled["loss"][0] == free["loss"][0]


@pytest.mark.parametrize("parts", [2, 4])
def test_micro_batches_make_the_step_of_the_whole_batch(data, parts):
    """Random starts and windows, too, are those of the whole batch."""
    given = {"augmentation": "crop", "weight_decay": 0.01}
    whole, history = train(data, **given)
    model, again = train(data, gradient_accumulation=parts, **given)
    for a, b in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **ROUNDING)
    for key in history:
        np.testing.assert_allclose(history[key], again[key], err_msg=key, **ROUNDING)
    other, _ = train(data, weight_decay=0.01)
    assert np.abs(other.get_weights()[0] - whole.get_weights()[0]).max() > 20 * ROUNDING["atol"]  # windows matter


def test_a_batch_that_cannot_be_split_is_an_error(data):
    with pytest.raises(TrainingError, match=r"multiple of 1 devices x 3 micro-batches.*found 32"):
        train(data, gradient_accumulation=3)
    two = types.SimpleNamespace(replicas=2, strategy="mirrored")
    with pytest.raises(TrainingError, match=r"multiple of 2 devices x 4 micro-batches.*found 12"):
        _loop._check(99, 12, 4, False, two)
    with pytest.raises(TrainingError, match="expected jit_compile false with a strategy"):
        _loop._check(99, 16, 4, True, two)


def test_a_part_draws_its_rows_of_the_whole():
    x, seed = tf.zeros((12, 3, 2, 1)), tf.constant([4, 5])
    whole = draws.rows(x, seed)
    assert -1 <= float(tf.reduce_min(whole)) < -0.5 < 0.5 < float(tf.reduce_max(whole)) < 1
    for begin in (0, 4, 8):
        np.testing.assert_array_equal(draws.rows(x[begin : begin + 4], seed, (begin, 12)), whole[begin : begin + 4])


def test_images_are_augmented_by_seed_and_step(data):
    """A model that learns nothing sees the windows; its loss tells which."""
    model = small()
    _, history = train(data, "natural", model, steps=3, augmentation="flip_and_crop", learning_rate=1e-30)
    order = seeds.generator(5, "order", 0).permutation(len(data.x)).astype(np.int32)
    for step in range(3):
        rows = order[32 * step : 32 * step + 32]
        seed = tf.constant([seeds.derive(5, "augmentation"), step])
        x = augment.augment("flip_and_crop", tf.constant(data.x[rows]), seed)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(data.y[rows], small()(x))
        np.testing.assert_allclose(history["loss"][step], tf.reduce_mean(loss), rtol=1e-5)  # float32 sums


@pytest.mark.parametrize(("mode", "updates"), [(None, 4), ("training", 4), ("inference", 1)])
def test_the_inner_attack_sees_batch_norm_as_asked(data, mode, updates):
    """Each pass in training mode moves the averages: with PGD of 3 steps, 4 times, or once."""
    model, modes = small(norm=True), []

    def spy(z, training):
        modes.append(training)
        return model(z, training=training)

    objective = adversarial.make(epsilon=0.1, attack_steps=3, random_start=True, attack_batch_norm=mode)
    objective(spy, data.x[:16], tf.constant(data.y[:16]), tf.constant([1, 2]), tf.constant(0))
    assert modes == [mode != "inference"] * 3 + [True]
    norm = model.layers[1]
    # the variance begins at 1 and is near 0 in the digits' dark corners: it falls by the momentum, 0.99, a pass
    assert norm.moving_variance.numpy().max() > 0.99**updates
    assert norm.moving_variance.numpy().min() < 0.99 ** (updates - 0.99)
