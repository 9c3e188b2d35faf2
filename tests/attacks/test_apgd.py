"""Auto-PGD: the paper's checkpoints, exact on linear networks, and a clear word where a loss lacks classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.attacks import apgd
from bsa.networks import logits
from bsa.ops import losses


def test_the_checkpoints_of_100_steps_are_the_papers():
    assert apgd.checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]


def test_few_steps_have_few_checkpoints():
    assert apgd.checkpoints(1) == [0, 1]
    assert apgd.checkpoints(10) == [0, 3, 5, 6, 7, 8, 9, 10]


def test_the_ratio_is_exact_on_a_linear_network_of_three_classes(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = bsa.attack("apgd", model, epsilon=radius, steps=20, loss="dlr", restarts=3)(x, y)
    clear = np.abs(least - radius) > 0.02 * radius  # a few pixels of small weight may be short of their corner
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)


def network(classes, count=40):
    """A linear network, `count` images well inside [0, 1], their labels and their least distortions."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)])
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(16, classes)).astype(np.float32)
    model.set_weights([weights, np.zeros(classes, np.float32)])
    x = rng.uniform(0.4, 0.6, (count, 4, 4, 1)).astype(np.float32)
    scores = logits(model, x).astype(np.float64)
    y = scores.argmax(-1)
    gaps, ways = scores.max(-1)[:, None] - scores, np.abs(weights.T[y][:, None] - weights.T).sum(-1)
    return model, x, y, np.where(ways > 0, gaps / np.maximum(ways, 1e-9), np.inf).min(-1)


def test_targets_make_the_ratio_exact_on_a_linear_network():
    """Each leg leads to the corner that closes the gap to one class; there are but three others."""
    model, x, y, least = network(4)
    radius = float(np.median(least))
    found = bsa.attack("apgd", model, epsilon=radius, steps=20, loss="targeted_dlr", targets=9)(x, y)
    clear = np.abs(least - radius) > 0.02 * radius  # a few pixels of small weight may be short of their corner
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)
    assert set(found.passes[~found.success]) == {3 * 21}


def test_images_that_end_while_others_go_on():
    """With as many targets as other classes, a place in the batch that idles must not ask for one more."""
    model, x, y, least = network(5, 60)
    radius = float(np.median(least))
    params = {"epsilon": radius, "steps": 20, "loss": "targeted_dlr", "targets": 4, "batch_size": 20}
    found = bsa.attack("apgd", model, **params)(x, y)
    clear = np.abs(least - radius) > 0.02 * radius  # a few pixels of small weight may be short of their corner
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)


@pytest.mark.parametrize(("loss", "classes", "needed"), [("dlr", 2, 3), ("targeted_dlr", 3, 4)])
def test_too_few_classes_for_a_loss(loss, classes, needed):
    model, x, y, _ = network(classes)
    attack = bsa.attack("apgd", model, epsilon=0.1, loss=loss)
    with pytest.raises(ValueError, match=f"at least {needed} classes.*found {classes}: use cross_entropy"):
        attack(x, y)


def test_cross_entropy_is_exact_on_a_linear_network_of_two_classes():
    model, x, y, least = network(2)
    radius = float(np.median(least))
    found = bsa.attack("apgd", model, epsilon=radius, steps=10)(x, y)
    clear = np.abs(least - radius) > 1e-4  # float32
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)


def algorithm_1(gradient, x, radius, steps):
    """Croce and Hein (2020), Algorithm 1, of one image, as printed; the last point it evaluates and its step size."""
    low, high = np.maximum(x - radius, 0), np.minimum(x + radius, 1)
    points, value, best, size, sizes, bests, rises = [x], np.inf, (-np.inf,), 2 * radius, {}, {}, 0
    checks = apgd.checkpoints(steps)
    for k in range(steps + 1):
        tried = z = points[-1]
        previous = value
        value, slope = gradient(z)
        best = (value, z, slope) if value > best[0] else best
        rises += value > previous
        if k in checks:
            last = checks[max(checks.index(k) - 1, 0)]
            sizes[k], bests[k] = size, best[0]
            if k and (rises < 0.75 * (k - last) or (sizes[last], bests[last]) == (size, best[0])):
                size = size / 2
                value, z, slope = best
                points[-1] = z
            rises = 0
        plain = np.clip(z + size * np.sign(slope), low, high)
        points.append(np.clip(z + 0.75 * (plain - z) + 0.25 * (z - points[-2]), low, high) if k else plain)
    return tried, size


def test_the_search_is_algorithm_1():
    """A network so curved that steps halve, and so sure of itself that nothing falls."""
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Flatten(), keras.layers.Dense(12, activation="tanh"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    first, bias, second, _ = model.get_weights()
    model.set_weights([8 * first, bias, second, np.float32([50, 0, 0])])
    x, y = np.random.default_rng(0).random((7, 4, 4, 1), np.float32), np.zeros(7, np.int32)
    radius, steps = np.float32(0.3), 23

    def gradient(z):
        z = tf.constant(z[None])
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = -losses.margin(model(z), y[:1])
        return value.numpy()[0], tape.gradient(value, z).numpy()[0]

    def climb(logits, y, target):
        return -losses.margin(logits, y)

    found = apgd._search(model, climb, steps, 4, False)(x, y, x, np.zeros((7, 1), np.int32), tf.constant(radius))
    expected, sizes = zip(*(algorithm_1(gradient, image, radius, steps) for image in x), strict=True)
    assert len(set(sizes)) > 1  # different images halve differently
    # a sign that float32 sees otherwise would move a pixel by a step, 0.6 at first
    np.testing.assert_allclose(found["z"], np.stack(expected), atol=1e-4)
