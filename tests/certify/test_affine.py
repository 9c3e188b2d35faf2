"""Layers that are affine at inference: bounds are those of the same network written as Conv2D and Dense layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import bsa
from bsa.certify import _bounds, _chain

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(3, 6, 6, 2)).astype(np.float32)
Y = np.array([0, 2, 1], np.int32)
EPSILON = np.float32(0.05)


def network(*parts):
    """A model of 6x6 images of 2 channels with weights and statistics away from their initial values."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(X.shape[1:]), *parts])
    for number, weight in enumerate(model.weights):
        values = np.random.default_rng(number).uniform(0.3, 1.2, weight.shape)  # a variance is above 0
        if "kernel" in weight.path:
            values = (values - 0.75) * 2
        weight.assign(values)
    return model


def bounds(model, epsilon=EPSILON, y=Y):
    """The better of both slopes', without an allowance for rounding."""
    blocks, radius = _chain.chain(model), tf.fill(len(X), np.float32(epsilon))
    options = _bounds.Options(rounding=False)
    return _bounds.margins(blocks, X, np.int32(y), radius, bounded=True, crown=True, options=options).numpy()


def same(model, other):
    """Both compute the same and have the same bounds, to float32's rounding."""
    for each in (model, other):
        _chain.check(each)
    scale = np.abs(model(X)).max()
    np.testing.assert_allclose(model(X), other(X), atol=1e-5 * scale)
    np.testing.assert_allclose(bounds(model), bounds(other), atol=1e-4 * scale)


def tail():
    return layers.Flatten(), layers.Dense(5, "relu"), layers.Dense(3)


def set_all(model, weights):
    model.set_weights([np.asarray(w) for w in weights])
    return model


def statistics(norm):
    """What a BatchNormalization multiplies and adds."""
    gamma, beta, mean, variance = (np.asarray(w) for w in norm.get_weights())
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return factor, beta - mean * factor


def test_batch_normalization_before_a_relu_is_folded_by_hand():
    norm = layers.BatchNormalization()
    model = network(layers.Conv2D(4, 3, padding="same"), norm, layers.ReLU(), *tail())
    kernel, bias, *_ = model.get_weights()
    factor, offset = statistics(norm)
    other = network(layers.Conv2D(4, 3, padding="same", activation="relu"), *tail())
    same(model, set_all(other, [kernel * factor, bias * factor + offset, *model.get_weights()[6:]]))


def test_batch_normalization_behind_a_relu_is_not_on_the_padding_of_the_next_convolution():
    norm = layers.BatchNormalization()
    first, second = layers.Conv2D(3, 3, activation="relu"), layers.Conv2D(2, 3, padding="same", activation="relu")
    model = network(first, norm, second, *tail())
    other = network(layers.Conv2D(3, 3, activation="relu"), layers.Conv2D(3, 1),
                    layers.Conv2D(2, 3, padding="same", activation="relu"), *tail())  # fmt: skip
    factor, offset = statistics(norm)
    weights = model.get_weights()
    same(model, set_all(other, [*weights[:2], np.diag(factor)[None, None], offset, *weights[6:]]))


@pytest.mark.parametrize(("pad", "size"), [(1, 4), (((0, 1), (0, 1)), 3)])
def test_padding_with_a_stride_is_what_keras_calls_same(pad, size):
    model = network(layers.ZeroPadding2D(pad), layers.Conv2D(3, size, 2, activation="relu"), *tail())
    other = network(layers.Conv2D(3, size, 2, "same", activation="relu"), *tail())
    assert len(_chain.chain(model)[0].maps) == 1  # one convolution, as the other
    same(model, set_all(other, model.get_weights()))


def test_a_graph_of_bounds_is_made_without_a_warning(caplog):
    """AutoGraph cannot read all of Python, and says so at every trace, to people who can do nothing about it."""
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.ZeroPadding2D(1), layers.Conv2D(2, 3, strides=2)])
    model = keras.Sequential([*model.layers, layers.Flatten(), layers.Dense(2)])
    model.build((None, 4, 4, 1))
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        bsa.certificate("outer_polytope", model, epsilon=0.1, tolerance=None)(np.zeros((1, 4, 4, 1)), [0])
    finally:
        logger.removeHandler(caplog.handler)
    assert not [record.getMessage() for record in caplog.records if "AutoGraph" in record.getMessage()]


def test_cropping_is_weights_of_0():
    model = network(layers.Cropping2D(((1, 0), (2, 1))), *tail())
    dense = np.zeros((6, 6, 2, 5), np.float32)
    dense[1:, 2:5] = model.get_weights()[0].reshape(5, 3, 2, 5)
    same(model, set_all(network(*tail()), [dense.reshape(72, 5), *model.get_weights()[1:]]))


def test_batch_normalization_of_padding():
    norm = layers.BatchNormalization()
    model = network(layers.ZeroPadding2D(1), norm, layers.Conv2D(2, 3, activation="relu"), *tail())
    other = network(layers.ZeroPadding2D(2), layers.Conv2D(2, 3), layers.Conv2D(2, 3, activation="relu"), *tail())
    factor, offset = statistics(norm)
    middle = np.zeros((3, 3, 2, 2), np.float32)
    middle[1, 1] = np.diag(factor)
    same(model, set_all(other, [middle, offset, *model.get_weights()[4:]]))


@pytest.mark.parametrize("strides", [(2, 2), (1, 2)])
def test_average_pooling_behind_a_relu_and_before_one(strides):
    kernel = np.eye(3)[None, None] * np.full((2, 3, 1, 1), 1 / 6)
    for place in (1, 2):

        def parts(pool, place=place):
            front = [layers.Conv2D(3, 2), layers.ReLU()]
            return [*front[:place], pool, *front[place:], *tail()]

        model = network(*parts(layers.AveragePooling2D((2, 3), strides)))
        other = network(*parts(layers.Conv2D(3, (2, 3), strides)))
        weights = model.get_weights()
        same(model, set_all(other, [*weights[:2], kernel, np.zeros(3), *weights[2:]]))


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average_pooling(keepdims):
    model = network(layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D(keepdims=keepdims), *tail())
    other = network(layers.Conv2D(4, 3, activation="relu"), *tail())
    weights = model.get_weights()
    spread = np.repeat(weights[2][None], 16, 0).reshape(64, 5) / 16
    same(model, set_all(other, [*weights[:2], spread, *weights[3:]]))


def test_channels_first_before_a_dense_layer_and_a_reshape():
    model = network(layers.Conv2D(4, 3, activation="relu"), layers.Permute((3, 1, 2)), layers.Reshape((64,)), *tail())
    other = network(layers.Conv2D(4, 3, activation="relu"), *tail())
    weights = model.get_weights()
    moved = weights[2].reshape(4, 4, 4, 5).transpose(1, 2, 0, 3).reshape(64, 5)
    same(model, set_all(other, [*weights[:2], moved, *weights[3:]]))


def test_numbers_of_their_own_for_each_pixel():
    mean, variance = RNG.uniform(size=(2, 6, 6, 2))
    model = network(layers.Normalization(axis=(1, 2, 3), mean=mean, variance=variance), *tail())
    weights, factor = model.get_weights()[-4:], 1 / np.sqrt(variance)
    bias = weights[1] - (mean * factor).reshape(-1) @ weights[0]
    same(model, set_all(network(*tail()), [weights[0] * factor.reshape(-1, 1), bias, *weights[2:]]))
    scaled = layers.Rescaling(factor, -mean * factor)
    no_point_is_below(network(scaled, layers.Conv2D(2, 3, padding="same", activation="relu"),
                              layers.Conv2D(2, 2, activation="relu"), *tail()))  # fmt: skip


def no_point_is_below(model):
    _chain.check(model)
    noise = np.random.default_rng(1).choice([-1, 1], (200, *X.shape))
    points = np.clip(X + EPSILON * noise, 0, 1).reshape(-1, *X.shape[1:]).astype(np.float32)
    logits = model(points).numpy().reshape(200, len(X), -1)
    margins = np.take_along_axis(logits, Y[None, :, None], 2) - logits
    assert (bounds(model) <= margins.min(0) + 1e-4 * np.abs(logits).max()).all()


def port():
    """As PyTorch networks look when they are ported, with a nested model and what is idle at inference."""
    block = keras.Sequential([layers.ZeroPadding2D(1), layers.Conv2D(3, 3, 2, use_bias=False),
                              layers.BatchNormalization(), layers.Activation("linear"), layers.ReLU()])  # fmt: skip
    return network(block, layers.GaussianNoise(0.1), layers.SpatialDropout2D(0.5), layers.AveragePooling2D(3, 1),
                   layers.Permute((3, 1, 2)), layers.Flatten(), layers.Dense(5), layers.BatchNormalization(),
                   layers.ReLU(), layers.Dropout(0.5), layers.Dense(3))  # fmt: skip


def test_no_attack_succeeds_where_the_bounds_hold():
    model = port()
    no_point_is_below(model)
    y = model(X).numpy().argmax(-1)
    held = (bounds(model, 0.003, y) + np.where(np.arange(3) == y[:, None], np.inf, 0) > 0).all(-1)
    assert held.any()
    assert not (bsa.attack("pgd", model, epsilon=0.003, steps=5)(X, y).success & held).any()


def test_a_linear_network_is_certified_by_its_closed_form():
    model = network(layers.BatchNormalization(), layers.ZeroPadding2D(1), layers.AveragePooling2D(2),
                    layers.Permute((2, 3, 1)), layers.Flatten(), layers.Dense(3))  # fmt: skip
    size = X[0].size
    units = np.eye(size, dtype=np.float32).reshape(size, *X.shape[1:])
    matrix = (model(units) - model(np.zeros_like(units[:1]))).numpy()  # (inputs, classes)
    logits = model(X).numpy()
    options, radius = _bounds.Options(rounding=False), tf.fill(len(X), EPSILON)
    found = _bounds.margins(_chain.chain(model), X, Y, radius, bounded=False, crown=False, options=options)
    differences = matrix.T[Y][:, None] - matrix.T[None]
    expected = logits[np.arange(3), Y][:, None] - logits - EPSILON * np.abs(differences).sum(-1)
    np.testing.assert_allclose(found, expected, atol=1e-4)  # float32: sums of 72 values near 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([layers.AveragePooling2D(4, padding="same")], "an average pooling that pads"),
        ([layers.Permute((3, 1, 2)), layers.Conv2D(2, 2)], "behind Permute, which only Flatten may follow"),
        ([layers.Reshape((12, 6, 1))], r"a Reshape to \(12, 6, 1\)"),
        ([layers.BatchNormalization(axis=1)], "of axis 1, which is not that of the channels"),
        ([layers.AveragePooling2D(2, data_format="channels_first")], "channels first: rebuild the model"),
    ],
)
def test_what_no_chain_holds_is_refused_by_name(parts, message):
    with pytest.raises(ValueError, match=message):
        _chain.check(network(*parts, *tail()))
