"""PGD on linear networks, where one step finds the worst point of the ball."""

import keras
import numpy as np
import pytest

import bsa


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_success_is_exact_on_a_linear_network_of_two_classes(loss):
    model = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(9, 2)).astype(np.float32)
    model.set_weights([weights, np.zeros(2, np.float32)])
    x = rng.uniform(0.4, 0.6, (200, 3, 3, 1)).astype(np.float32)
    scores = x.reshape(200, -1) @ weights
    y = scores.argmax(-1)
    least = np.abs(scores[:, 0] - scores[:, 1]) / np.abs(weights[:, 0] - weights[:, 1]).sum()
    assert 50 < (least < 0.1).sum() < 150
    found = bsa.attack("pgd", model, epsilon=0.1, steps=10, loss=loss, starts=["image"])(x, y)
    clear = np.abs(least - 0.1) > 1e-4
    np.testing.assert_array_equal(found.success[clear], least[clear] < 0.1)


def test_the_grey_corner_finds_what_the_image_does_not():
    """First-layer units that are dead on the constant background hide it from the gradient at the image."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    detectors, bias = np.eye(16, dtype=np.float32), np.full(16, -0.15, np.float32)
    model.set_weights(
        [detectors, bias, np.stack([np.zeros(16), np.ones(16)], 1).astype(np.float32), np.float32([1, 0])]
    )
    x, y = np.full((5, 4, 4, 1), 0.05, np.float32), np.zeros(5, int)
    image, grey = (bsa.attack("pgd", model, epsilon=0.25, starts=[s])(x, y) for s in ("image", "grey"))
    assert not image.success.any()
    assert grey.success.all()
    assert set(grey.start) == {"grey"}


def test_restarts_repeat_random_starts_only(trained, attacked_images):
    x, y, index = attacked_images
    runs = {
        starts: bsa.attack("pgd", trained, epsilon=0.05, steps=5, starts=[starts], restarts=3)(x, y, index=index)
        for starts in ("uniform", "grey")
    }
    standing = ~runs["uniform"].success & ~runs["grey"].success
    assert standing.any()
    assert set(runs["uniform"].passes[standing]) == {18}
    assert set(runs["grey"].passes[standing]) == {6}
