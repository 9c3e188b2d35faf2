"""A linear network, whose least L-inf distortion is known in closed form, and one whose gradients are all zero."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bsa.networks import logits


@pytest.fixture(scope="session")
def linear():
    """Three classes on 4x4 images, 12 images well inside [0, 1], their labels and their least distortions.

    The least distortion is min over j != y of margin / ||w_y - w_j||_1, where the box does not bind.
    """
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32)])
    x = rng.uniform(0.4, 0.6, (12, 4, 4, 1)).astype(np.float32)
    y = logits(model, x).argmax(-1)
    weights = model.get_weights()[0].astype(np.float64)
    scores = x.reshape(len(x), -1) @ weights
    least = [
        min(
            (scores[row, own] - scores[row, j]) / np.abs(weights[:, own] - weights[:, j]).sum()
            for j in range(3)
            if j != own
        )
        for row, own in enumerate(y)
    ]
    assert max(least) < 0.4  # otherwise the box would bind
    return model, x, y, np.array(least)


@pytest.fixture
def quantised():
    """A linear network that rounds its input to 16 levels, so that all its gradients are zero; images, labels."""
    layers = [keras.layers.Rescaling(15), keras.layers.Lambda(tf.round), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    weights = np.random.default_rng(1).normal(size=(36, 2)).astype(np.float32)
    model.set_weights([weights, np.zeros(2, np.float32)])
    x = np.random.default_rng(2).uniform(0.3, 0.7, (30, 6, 6, 1)).astype(np.float32)
    return model, x, logits(model, x).argmax(-1)
