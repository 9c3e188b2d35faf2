"""Dense layers after images, however a network flattens them: its logits are PyTorch's, or it is refused."""

from collections import OrderedDict

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import WeightsError

pytestmark = pytest.mark.parametrize("save_torch", ["zip"], indirect=True)
L, ops = keras.layers, keras.ops
HEIGHT, WIDTH, CHANNELS = 2, 3, 5  # of what the convolution gives


class Scrambled(L.Layer):
    def call(self, x):
        return ops.reshape(ops.cumsum(x, axis=1), (-1, HEIGHT * WIDTH * CHANNELS))


class Own(keras.Model):
    """Subclassed: what it does is written in Python."""

    def __init__(self):
        super().__init__(name="own")
        self.conv, self.dense, self.logits = L.Conv2D(CHANNELS, (4, 2), 2, "same"), L.Dense(7), L.Dense(2)

    def call(self, x):
        return self.logits(self.dense(ops.reshape(self.conv(x), (-1, 30))))


def network(flatten, form="channels_last"):
    """`narrow` of the fixtures, flattened in another way."""
    inputs = x = keras.Input((4, 6, 3))
    x = L.Permute((3, 1, 2))(x) if form == "channels_first" else x
    x = L.Conv2D(CHANNELS, (4, 2), strides=2, padding="same", activation="relu", data_format=form)(x)
    return keras.Model(inputs, L.Dense(2)(L.Dense(7, activation="relu")(flatten(x))))


def added():
    """One by one: Keras connects the layers anew with each of them."""
    model = keras.Sequential()
    model.add(keras.Input((4, 6, 3)))
    model.add(L.Conv2D(CHANNELS, (4, 2), 2, "same", activation="relu"))
    for layer in (L.Permute((2, 1, 3)), L.Flatten(), L.Dropout(0.5), L.Dense(7, activation="relu"), L.Dense(2)):
        model.add(layer)
    return model


def merged(x):
    return L.Flatten()(L.Average()([ops.relu(x), L.Activation("relu")(x)]))


@pytest.fixture
def images():
    return np.random.default_rng(1).random((8, 4, 6, 3)).astype(np.float32)


def logits(state, x):
    """What PyTorch computes with `state`, by Keras's layers up to the flattening, and then by its definition."""
    kernel, bias, first, b, second, c = state.values()
    x = ops.relu(ops.conv(x, kernel.transpose(2, 3, 1, 0), 2, "same", data_format="channels_last") + bias)
    x = np.asarray(x).transpose(0, 3, 1, 2).reshape(len(x), -1)  # torch.flatten of (n, channels, height, width)
    return np.maximum(x @ first.T + b, 0) @ second.T + c


NETWORKS = {
    "Flatten": lambda: network(L.Flatten()),
    "Permute": lambda: network(lambda x: L.Flatten()(L.Permute((3, 1, 2))(x))),
    "another Permute": lambda: network(lambda x: L.Flatten()(L.Permute((2, 3, 1))(x))),
    "operations": lambda: network(lambda x: ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, 30))),
    "Reshape": lambda: network(L.Reshape((30,))),
    "Lambda": lambda: network(L.Lambda(lambda x: ops.reshape(ops.tanh(ops.relu(x) / 9) * 0 + x, (-1, 30)))),
    "activation between": lambda: network(lambda x: L.Flatten()(L.Dropout(0.1)(L.ReLU(6)(ops.relu(x) + 0.0)))),
    "channels first": lambda: network(L.Flatten(data_format="channels_last"), "channels_first"),
    "channels first, Flatten likewise": lambda: network(L.Flatten(data_format="channels_first"), "channels_first"),
    "merged": lambda: network(merged),
    "added": added,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_pytorchs_however_a_network_flattens(name, state, images, save_torch, tmp_path):
    model = NETWORKS[name]()
    bsa.import_weights("wong_kolter", model, save_torch(tmp_path / "net.pth", state))
    # float32 in another order of sums, of logits near 10
    np.testing.assert_allclose(model(images, training=False), logits(state, images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network(Scrambled()), "expected the numbers before it once each, in any order"),
        (lambda: network(lambda x: L.Flatten()(L.Softmax()(x))), "expected the numbers before it once each"),
        (Own, "expected a Sequential or functional model.*found own, Own"),
        (lambda: network(lambda x: ops.concatenate([L.Flatten()(x[..., :2]), L.Flatten()(x[..., 2:])], -1)),
         "expected the numbers before it once each"),
        (lambda: network(lambda x: ops.concatenate([L.Flatten()(x), L.GlobalMaxPooling2D()(x)], -1)),
         "expected vectors put together in PyTorch's order, found images in"),
        (lambda: network(lambda x: L.Flatten()(L.Average()([x, L.Permute((2, 1, 3))(L.Reshape((3, 2, 5))(x))]))),
         "expected images that come as a convolution or a pooling gives them"),
    ],
    ids=["mixed", "softmax", "subclassed", "halves", "images and channels", "merged"],
)  # fmt: skip
def test_an_order_that_cannot_be_told_is_refused(make, message, state, images, save_torch, tmp_path):
    model = make()
    model(images)
    before = model.get_weights()
    with pytest.raises(WeightsError, match=message):
        bsa.import_weights("wong_kolter", model, save_torch(tmp_path / "net.pth", state))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("pool", [L.GlobalAveragePooling2D(), lambda x: ops.mean(x, axis=(1, 2))])
def test_what_is_pooled_to_a_number_a_channel_has_one_order(pool, state, images, save_torch, tmp_path):
    state["3.weight"] = np.repeat(state["3.weight"][:, ::6], 6, axis=1) / 6  # the mean of 2 x 3 pixels, in PyTorch
    model, whole = network(pool), state.copy()
    state["3.weight"] = state["3.weight"][:, ::6] * 6
    bsa.import_weights("wong_kolter", model, save_torch(tmp_path / "net.pth", state))
    np.testing.assert_allclose(model(images), logits(whole, images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("channels", "fits"), [(1, True), (3, False)])
def test_a_vector_made_into_an_image(channels, fits, save_torch, tmp_path):
    """PyTorch's view gives (channels, height, width): with one channel this is Keras's Reshape."""
    inputs = keras.Input((8 * channels,))
    model = keras.Model(inputs, L.Conv2D(1, (2, 4), name="conv")(L.Reshape((2, 4, channels))(inputs)))
    state = OrderedDict({"w": np.ones((1, channels, 2, 4), np.float32), "b": np.zeros(1, np.float32)})
    file = save_torch(tmp_path / "net.pth", state)
    if fits:
        bsa.import_weights("wong_kolter", model, file)
    else:
        with pytest.raises(WeightsError, match="weights of conv: expected a vector made into an image with channels"):
            bsa.import_weights("wong_kolter", model, file)


def test_a_layer_that_is_used_twice_is_refused(save_torch, tmp_path):
    dense, inputs = L.Dense(4, name="twice"), keras.Input((4,))
    model = keras.Model(inputs, dense(dense(inputs)))
    state = OrderedDict({"w": np.eye(4, dtype=np.float32), "b": np.zeros(4, np.float32)})
    with pytest.raises(WeightsError, match="weights of twice: expected a layer that is used once, found it 2 times"):
        bsa.import_weights("wong_kolter", model, save_torch(tmp_path / "net.pth", state))
