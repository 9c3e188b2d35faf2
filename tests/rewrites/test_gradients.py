"""Gradients of our own in graphs that are freed, and that are there as long as their graphs are."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from bsa.rewrites import quick as module
from bsa.rewrites.gradients import custom_gradient
from bsa.rewrites.opened import opened
from bsa.rewrites.quick import quick


@pytest.mark.parametrize("copied", [quick, lambda model: opened(model, 4.0)])
def test_a_copy_that_was_searched_in_a_graph_is_freed_with_it(copied, monkeypatch):
    monkeypatch.setattr(module, "gains", lambda kind: True)
    layers = keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.MaxPooling2D(2), keras.layers.Flatten()
    model = keras.Sequential([keras.Input((18, 18, 1)), *layers, keras.layers.Dense(256)])

    def searched():
        copy = copied(model)
        assert copy is not model

        @tf.function
        def slopes(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = copy(x)
            return tape.gradient(y, x)

        slopes(tf.ones((2, 18, 18, 1)))
        return [weakref.ref(each) for each in (copy, *copy.variables)]

    held = searched()
    gc.collect()
    assert [ref() for ref in held] == [None] * len(held)


def test_a_gradient_is_there_as_long_as_its_graph():
    @custom_gradient
    def doubled(x):
        return 2 * x, lambda g: 7 * g  # not its own, to be told from it

    squared = tf.function(lambda x: doubled(x) ** 2)
    gc.collect()
    x = tf.constant([1.0, 3.0])
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = squared(x)  # sought from outside the graph
        np.testing.assert_array_equal(tape.gradient(y, x), 7 * 2 * 2 * x)
