"""Copies of a network: all of its state is carried, and one that is not the network is told by its first layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.errors import TrainingError
from bsa.rewrites import precision
from bsa.rewrites.copies import carry, difference
from bsa.rewrites.opened import opened
from bsa.rewrites.quick import quick

X = np.random.default_rng(0).random((5, 6, 6, 1), np.float32)


class Shifted(keras.layers.Layer):
    """Adds an attribute that its config does not hold."""

    shift = 0.0

    def call(self, x):
        return x + self.shift


def small(*layers, policy="float32"):
    """Three classes of images of 6 x 6, by `layers` and two dense ones with a ReLU."""
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layers = [make() for make in layers]
        dense = keras.layers.Dense(8, "relu"), keras.layers.Dense(3, dtype="float32")
        return keras.Sequential([keras.Input((6, 6, 1)), *layers, keras.layers.Flatten(), *dense])
    finally:
        keras.config.set_dtype_policy(before)


def adapted():
    layer = keras.layers.Normalization(axis=-1)
    layer.adapt(3 + 0.1 * X)
    return layer


def nested_norm():
    layer = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((6, 6, 1)), layer])
    layer.moving_mean.assign([0.5])
    layer.moving_variance.assign([9.0])
    return model


def by_a_name_outside():
    return keras.layers.Lambda(lambda x: tf.square(x) + X[0, 0, 0, 0])


def nested_adapted():
    return keras.Sequential([keras.Input((6, 6, 1)), adapted()])


def random():
    return keras.layers.Dropout(0.5)


@pytest.mark.parametrize("made", [adapted, nested_adapted, nested_norm, by_a_name_outside, random])
def test_every_copy_carries_what_lies_outside_the_weights(made):
    low, model = small(made, policy="mixed_float16"), small(made)
    copied = [precision.in_float32(low), precision.twin(model, "mixed_bfloat16"), precision.replica(model, "float32")]
    copied.append(opened(model, 4.0))
    for original, copy in zip((low, model, model, model), copied, strict=True):
        assert copy is not original
        assert difference(copy, original, X) is None
    np.testing.assert_array_equal(copied[-1](X), model(X))
    np.testing.assert_array_equal(quick(model)(X), model(X))
    if made is random:
        np.testing.assert_array_equal(copied[2](X, training=True), model(X, training=True))  # the same seed


def shifted(policy="float32"):
    model = small(Shifted, policy=policy)
    model.layers[0].shift = 5.0
    return model


def test_a_copy_that_is_not_the_network_is_told_by_its_first_layer():
    model = shifted()
    assert (
        difference(precision.twin(model, "mixed_bfloat16"), model, X)
        == f"from layer {model.layers[0].name} (Shifted) on"
    )
    assert difference(model, model, X) is None
    with pytest.raises(ValueError, match="expected a copy with the 4 variables"):
        carry(model, small(lambda: keras.layers.Dense(1)))


def test_an_attack_says_so_and_searches_by_the_network_or_is_an_error():
    model, y = shifted(), np.zeros(5, int)
    found = bsa.attack(
        "carlini_wagner_linf",
        model,
        epsilon=0.1,
        leg={"steps": 3, "constant": 1, "constant_max": 1},
        gradient={"precision": "mixed_bfloat16"},
    )(X, y)
    assert "not used: its outputs differ from layer shifted" in found.notes[0]
    low = shifted("mixed_bfloat16")
    with pytest.raises(ValueError, match=r"float32 copy .* found other outputs from layer shifted.* on"):
        bsa.attack("pgd", low, epsilon=0.1, steps=3)(X, y)


def test_a_training_by_a_copy_that_is_not_the_network_is_refused(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((28, 28, 1)), Shifted(), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.layers[0].shift = 5.0
    with pytest.raises(TrainingError, match=r"precision mixed_bfloat16 .* layer shifted"):
        bsa.fit("natural", model, digits, steps=1, precision="mixed_bfloat16")
