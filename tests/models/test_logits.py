"""Logits in batches whose memory does not grow with the images."""

import keras
import numpy as np
import pytest

from bsa.networks import logits


class Counts(keras.Model):
    """Two logits of the mean; remembers how many images each pass had."""

    def __init__(self):
        super().__init__()
        self.passes = []

    def call(self, x):
        self.passes.append(len(x))
        mean = keras.ops.mean(x, (1, 2, 3))
        return keras.ops.stack([mean, -mean], -1)


@pytest.mark.parametrize(
    ("shape", "batch", "passes"),
    [((32, 32, 3), 8, [8, 4]), ((64, 64, 3), 8, [2] * 6), ((224, 224, 3), 8, [1] * 12), ((28, 28, 1), 500, [12])],
)
def test_larger_images_take_smaller_passes_and_small_ones_stay_together(shape, batch, passes):
    model, x = Counts(), np.random.default_rng(0).random((12, *shape), np.float32)
    scores = logits(model, x, batch)
    assert model.passes == passes
    np.testing.assert_allclose(scores[:, 0], x.mean((1, 2, 3)), rtol=1e-5)  # float32 sums
