"""How many images attacks work on at a time: what a network's passes hold fits into memory."""

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import UsageError
from bsa.execution import LEAST, Execution
from bsa.networks import AT_ONCE, BOTH_WAYS, MEMORY, batch, fingerprint, target


def chain(size, *filters):
    layers = [keras.layers.Conv2D(count, 1) for count in filters]
    return keras.Sequential([keras.Input((size, size, 3)), *layers, keras.layers.GlobalAveragePooling2D()])


def test_as_many_as_fit_but_for_the_least_and_the_most():
    assert batch(chain(8, 4)) == AT_ONCE
    assert batch(chain(512, 64, 64)) == LEAST
    middle = batch(chain(64, 128, 64))
    held = 64 * 64 * (3 + 128 + 64) + 64
    assert LEAST < middle < AT_ONCE
    assert middle * BOTH_WAYS * held == pytest.approx(MEMORY, rel=0.02)  # a whole number of images
    assert batch(chain(512, 64, 64), Execution(batch_size=3)) == 3


def test_the_layers_of_a_nested_network_count():
    inner = chain(64, 128, 64)
    image = keras.Input((64, 64, 3))
    assert batch(keras.Model(image, inner(image))) == pytest.approx(batch(inner), rel=0.05)  # which has the image twice


def test_a_network_that_tells_no_layers_is_guessed_from_the_image():
    class Own(keras.Model):
        def call(self, x):
            return keras.ops.mean(x, (1, 2))

    small, large = Own(), Own()
    small(np.zeros((1, 8, 8, 3)))
    large(np.zeros((1, 224, 224, 3)))
    assert batch(small) >= batch(large) >= LEAST


def test_a_batch_of_no_image_is_refused(trained):
    for size in (0, -1):
        with pytest.raises(UsageError, match="batch_size of at least 1 image"):
            bsa.attack("pgd", target(trained), epsilon=0.1, batch_size=size)


def test_a_fingerprint_is_of_weights_and_layers_and_not_of_names():
    def made(activation, scale=1.0):
        layers = keras.layers
        model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3, activation)])
        model.set_weights([scale * np.ones((16, 3)), np.zeros(3)])
        return fingerprint(model)

    assert made("relu") == made("relu")
    assert len({made("relu"), made("linear"), made("relu", 2.0)}) == 3
