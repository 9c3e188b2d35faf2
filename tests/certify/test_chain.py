"""Which models are chains, and what the others are told."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import bsa
from bsa.certify import _chain
from bsa.rewrites import convolution


def model(*parts, shape=(8, 8, 2)):
    return keras.Sequential([keras.Input(shape), *parts])


def test_chains_compute_what_their_models_do(chain_model, batch):
    _chain.check(chain_model)
    x, _ = batch(chain_model)
    expected = chain_model(x).numpy()
    found = _chain.forward(_chain.chain(chain_model), x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())  # float32, other kernels


def test_functional_and_nested_models_are_chains():
    x = inputs = keras.Input((8, 8, 2))
    x = keras.ops.relu(layers.Conv2D(3, 3, strides=2)(x))
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    nested = model(keras.Model(inputs, layers.Dense(6)(x)), layers.ReLU(), layers.Dense(4))
    _chain.check(nested)
    assert [block.shape for block in _chain.chain(nested)] == [(3, 3, 3), (6,), (4,)]


def test_elus_as_operations_and_a_relu_of_a_relu():
    x = inputs = keras.Input((8, 8, 2))
    x = keras.ops.elu(layers.Dense(5)(layers.Flatten()(x)))
    x = layers.ReLU()(layers.Dense(6, "relu")(x))
    both = keras.Model(inputs, layers.Dense(4)(x))
    _chain.check(both)
    assert [block.activation for block in _chain.chain(both)] == ["elu", "relu", None]


def test_a_model_of_low_precision_is_the_chain_of_its_float32_weights():
    kinds = layers.Conv2D, convolution.Conv2D  # the other is what a twin has where its precision is slow
    convolutions = [kind(3, 3, activation="relu", dtype="mixed_bfloat16") for kind in kinds]
    low = model(*convolutions, layers.Flatten(), layers.Dense(6, "relu", dtype="mixed_bfloat16"), layers.Dense(4))
    _chain.check(low)
    assert {block.maps[-1].kernel.dtype for block in _chain.chain(low)} == {tf.float32}


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (layers.MaxPooling2D(name="odd_one"), "MaxPooling2D"),
        (layers.Conv2D(4, 3, activation="selu", name="odd_one"), "the activation selu"),
        (layers.ELU(alpha=0.5, name="odd_one"), "ELU that is not one of these as it is by default"),
        (layers.Conv2D(4, 3, dilation_rate=2, name="odd_one"), "groups, dilation"),
        (layers.Conv2D(4, 3, groups=2, name="odd_one"), "groups, dilation"),
        (layers.ReLU(max_value=6, name="odd_one"), "ReLU that is not one of these as it is by default"),
        (layers.ReLU(name="odd_one"), "relu of something that no Dense or Conv2D layer computes"),
        (layers.Dense(4, name="odd_one"), "without a Flatten before it"),
        (layers.LayerNormalization(name="odd_one"), "LayerNormalization that is not one of these"),
    ],
)  # fmt: skip
def test_another_layer_is_named(part, what):
    with pytest.raises(ValueError, match=rf"expected a chain of Dense.*found layer odd_one: .*{what}"):
        _chain.check(model(part, layers.Flatten(), layers.Dense(3)))


def test_other_ends_and_kinds_of_models_are_refused():
    with pytest.raises(ValueError, match="found layer last: the activation softmax"):
        _chain.check(model(layers.Flatten(), layers.Dense(3, "softmax", name="last")))
    for end in (layers.ReLU(), layers.Conv2D(3, 8)):
        with pytest.raises(ValueError, match="a Dense layer of logits, found another end"):
            _chain.check(model(layers.Conv2D(3, 1), end))
    with pytest.raises(ValueError, match=r"fixed size, found the input shape \(None, None, 8, 2\)"):
        _chain.check(model(layers.Conv2D(3, 1), layers.GlobalMaxPooling2D(), layers.Dense(3), shape=(None, 8, 2)))
    with pytest.raises(ValueError, match="fixed size, found the input shape None"):
        _chain.check(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="found layer pool1: MaxPooling2D"):
        _chain.check(bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10))


@pytest.mark.parametrize("size", [1, 1e-5])
def test_a_layer_that_is_used_twice_is_seen(size):
    inputs = keras.Input((6,))
    twice, last = layers.Dense(6, "relu"), layers.Dense(3)
    shared = keras.Model(inputs, last(twice(twice(inputs))))
    last.kernel.assign(size * last.kernel)
    with pytest.raises(ValueError, match="layers, one after the other, do not give its output"):
        _chain.check(shared)


def test_two_outputs_are_refused():
    inputs = keras.Input((6,))
    with pytest.raises(ValueError, match="expected a model with one output, found 2"):
        _chain.check(keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(3)(inputs)]))


def test_another_activation_of_the_same_name_is_refused():
    def relu(x):
        return tf.nn.relu6(x)

    with pytest.raises(ValueError, match="the activation relu that is not Keras's"):
        _chain.check(model(layers.Flatten(), layers.Dense(6, relu), layers.Dense(3)))


def test_hidden_units_are_those_behind_activations():
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    assert _chain.units(model) == 16 * 14 * 14 + 32 * 7 * 7 + 100
