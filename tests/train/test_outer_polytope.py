"""The robust loss: an upper bound in the ball, its gradient, its schedule, and that it trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.certify import _bounds, _chain
from bsa.ops import losses
from bsa.train import outer_polytope

PARAMS = {"epsilon": 0.1, "epsilon_start": 0.01, "epsilon_warmup": 0, "bounded": True, "projections": None, "kappa": 0}
SEED = tf.constant([1, 2])


@pytest.fixture
def small():
    keras.utils.set_random_seed(5)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(3, 4, 2, "same", activation="relu"),
         layers.Conv2D(4, 4, 2, "same", activation="relu"), layers.Flatten(), layers.Dense(7, "relu"), layers.Dense(4)]
    )  # fmt: skip


def batch(n=12):
    rng = np.random.default_rng(0)
    return tf.constant(rng.uniform(size=(n, 8, 8, 1)), tf.float32), tf.constant(rng.integers(0, 4, n), tf.int32)


def objective(model, x, y, step=0, **more):
    return outer_polytope.make(**PARAMS | more)(model, x, y, SEED, tf.constant(step))


@pytest.mark.parametrize("bounded", [False, True])
def test_the_loss_is_above_that_of_every_point_of_the_ball(small, bounded):
    x, y = batch()
    loss, metrics = objective(small, x, y, bounded=bounded)
    z = x
    for _ in range(10):
        with tf.GradientTape() as tape:
            tape.watch(z)
            found = losses.cross_entropy(small(z), y)
        assert (found <= loss + 1e-5).numpy().all()  # float32
        z = tf.clip_by_value(z + 0.03 * tf.sign(tape.gradient(found, z)), x - 0.1, x + 0.1)
        z = tf.clip_by_value(z, 0, 1) if bounded else z
    assert (metrics["certified_accuracy"] <= metrics["accuracy"]).numpy().all()


def test_the_gradient_is_that_of_differences(small):
    """Along a random direction, in float64; hidden units that do not cross 0 were left out of it."""
    x, y = batch()
    old = small.get_weights()
    rng = np.random.default_rng(1)
    ways = [1e-4 * rng.normal(size=w.shape).astype(np.float32) for w in old]

    def loss():
        bounds = _bounds.margins(
            _chain.chain(small, tf.float64), tf.cast(x, tf.float64), y, tf.fill(len(x), tf.constant(0.1, tf.float64)),
            bounded=False, crown=False, options=_bounds.Options(rounding=False, gradient=True),
        )  # fmt: skip
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, -bounds))

    with tf.GradientTape() as tape:
        value = loss()
    slopes = tape.gradient(value, small.trainable_variables)
    ends = []
    for sign in (1, -1):
        small.set_weights([w + sign * way for w, way in zip(old, ways, strict=True)])
        ends.append((float(loss()), [w.astype(np.float64) for w in small.get_weights()]))
    (above, there), (below, here) = ends
    expected = sum((g.numpy() * (a - b)).sum() for g, a, b in zip(slopes, there, here, strict=True))
    assert above - below == pytest.approx(expected, rel=1e-3)  # second differences at this step


def test_the_same_loss_as_from_exact_bounds_of_every_unit(small):
    x, y = batch()
    bounds = _bounds.margins(
        _chain.chain(small), x, y, tf.fill(len(x), 0.1), bounded=True, crown=False, options=_bounds.Options(False)
    )
    loss, metrics = objective(small, x, y)
    np.testing.assert_allclose(loss, losses.cross_entropy(-bounds, y), rtol=1e-5)  # float32
    others = bounds.numpy() + np.where(np.arange(4) == y.numpy()[:, None], np.inf, 0)
    np.testing.assert_array_equal(metrics["certified_accuracy"], (others > 0).all(-1))


def test_epsilon_grows_from_its_start(small):
    x, y = batch(2)
    given = {"epsilon_start": 0.02, "epsilon_warmup": 4}
    found = [float(objective(small, x, y, step, **given)[1]["epsilon"][0]) for step in (0, 1, 3, 9)]
    np.testing.assert_allclose(found, [0.04, 0.06, 0.1, 0.1], rtol=1e-6)  # float32
    assert float(objective(small, x, y)[1]["epsilon"][0]) == np.float32(0.1)


def test_kappa_mixes_in_the_plain_loss(small):
    x, y = batch()
    robust, natural, mixed = (objective(small, x, y, kappa=kappa)[0] for kappa in (0, 1, 0.25))
    np.testing.assert_allclose(natural, losses.cross_entropy(small(x), y), rtol=1e-5)  # float32
    np.testing.assert_allclose(mixed, 0.75 * robust + 0.25 * natural, rtol=1e-5)


def test_projections_are_drawn_afresh_and_near(small):
    x, y = batch()
    exact, _ = objective(small, x, y)
    make = outer_polytope.make(**PARAMS | {"projections": 500})
    first, again, next_step = (make(small, x, y, tf.constant([1, s]), tf.constant(0))[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != next_step).numpy().any()
    np.testing.assert_allclose(first, exact, rtol=0.2)  # deviations of hidden units scatter by 7 %


def test_it_trains_and_equal_seeds_give_equal_weights():
    data = bsa.load("digits", split="train")
    models = [bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10) for _ in range(2)]
    params = {"steps": 60, "epsilon": 0.02, "epsilon_warmup": 30, "batch_size": 32, "learning_rate": 2e-3}
    for model in models:
        history = bsa.fit("outer_polytope", model, data, **params)
    assert history["certified_accuracy"][:5].mean() < 0.2 < 0.6 < history["certified_accuracy"][-5:].mean()
    assert all((a == b).all() for a, b in zip(*(model.get_weights() for model in models), strict=True))


def test_another_network_is_refused_by_layer():
    data = bsa.load("digits", split="train")
    model = bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)
    with pytest.raises(ValueError, match="found layer pool1"):
        bsa.fit("outer_polytope", model, data, steps=1, epsilon=0.1)
