"""Square: the paper's schedule, squares that are squares, and success where there are no gradients at all."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.attacks.square import sides
from bsa.ops import draws
from bsa.search.squares import search_by_squares, square


def test_the_schedule_is_the_papers():
    """Of 10,000 queries p is 0.8 up to query 10 and halves after 10, 50, 200, ... (section 5.1)."""
    found = sides(10_000, 0.8, 28, 28)
    for query, halvings in [(1, 0), (10, 0), (11, 1), (50, 1), (51, 2), (201, 3), (501, 4), (1001, 5), (9999, 9)]:
        assert found[query] == max(1, round(np.sqrt(0.8 / 2**halvings * 28 * 28))), query
    np.testing.assert_array_equal(sides(1000, 0.8, 28, 28), found[::10])
    assert sides(50, 1, 4, 9).max() == 4  # a square fits the image


def test_a_proposal_is_one_square_of_one_sign_a_channel():
    n, shape, radius = 300, (None, 7, 9, 3), tf.fill([300], 0.1)
    keys, side = draws.keys(0, "test", np.arange(n)), np.random.default_rng(0).integers(1, 8, n).astype(np.int32)
    found = square(keys, tf.ones(n, tf.int32), tf.constant(side), radius, shape).numpy()
    signs = np.sign(found).reshape(n, -1, 3)
    assert (np.abs(signs).sum(1) == (side**2)[:, None]).all()
    np.testing.assert_array_equal(np.abs(signs.sum(1)), np.abs(signs).sum(1))  # no channel has two signs
    np.testing.assert_allclose(np.abs(found[found != 0]), 0.2)
    covered = found[..., 0] != 0
    assert (covered.any(2).sum(1) == side).all()
    assert (covered.any(1).sum(1) == side).all()
    assert covered[side == 1].any(0).sum() > 20  # places differ; so do signs
    assert 0.4 < (signs.sum(1) > 0).mean() < 0.6


def test_it_needs_no_gradient(quantised):
    model, x, y = quantised
    with tf.GradientTape() as tape:
        z = tf.constant(x)
        tape.watch(z)
        value = tf.reduce_sum(model(z)[:, 0])
    assert not np.any(tape.gradient(value, z))
    blind = bsa.attack("apgd", model, epsilon=0.2, steps=20, starts=["image"])(x, y)
    found = bsa.attack("square", model, epsilon=0.2, queries=300)(x, y)
    assert not blind.success.any()
    assert found.success.mean() > 0.9
    assert set(found.start[found.success]) == {"stripes"}
    assert found.passes.max() <= 300


def test_enough_queries_are_exact_on_a_linear_network(linear):
    """Single pixels come last in the schedule: on 16 of them random search finds the corner, or all but."""
    model, x, y, least = linear
    radius = float(np.median(least))
    found = bsa.attack("square", model, epsilon=radius, queries=1000)(x, y)
    clear = np.abs(least - radius) > 0.02 * radius  # a few pixels of small weight may be short of their corner
    np.testing.assert_array_equal(found.success[clear], least[clear] < radius)
    assert set(found.passes[~found.success]) == {1000}


def test_each_image_is_searched_in_its_own_ball(linear):
    """A thousand single pixels moved: each of the 16 will have been at either edge."""
    model, x, y, least = linear
    search = search_by_squares(model, lambda height, width: np.ones(1000, np.int32), 16, False)
    radius = np.float32(least * np.resize([0.95, 1.05], len(x)))
    points, queries, found, margin = search(x, y, x, draws.keys(0, "test", np.arange(len(x))), radius)
    np.testing.assert_array_equal(found, radius > least)
    np.testing.assert_array_equal(margin < 0, found)
    assert (np.abs(points - x).max((1, 2, 3)) <= radius + 1e-6).all()
    assert (queries[~found] == 1000).all()
    assert (queries[found] < 1000).all()


@pytest.mark.parametrize("second", [0.0, 0.1])
def test_only_a_square_that_would_move_nothing_goes_to_the_other_edge(second):
    """From the upper edge in the first channel, from the middle of the ball or that edge in the second."""
    n, shape = 100, (100, 3, 3, 2)
    x = np.full(shape, 0.5, np.float32)
    z = x + np.float32([0.1, second])
    inputs = keras.Input(shape[1:])
    moved = keras.ops.sum((inputs - z[:1]) ** 2, axis=(1, 2, 3))
    model = keras.Model(inputs, keras.ops.stack([1 - moved, 0 * moved], axis=1))  # any move makes the margin fall
    keys, radius, side = draws.keys(0, "test", np.arange(n)), np.full(n, 0.1, np.float32), np.full(2, 2, np.int32)
    points, *_ = search_by_squares(model, lambda height, width: side, n, False)(x, np.zeros(n, int), z, keys, radius)
    drawn = square(keys, tf.ones(n, tf.int32), side[:1].repeat(n), radius, shape).numpy()
    idle = (drawn >= 0).all((1, 2, 3)) if second else np.zeros(n, bool)
    assert idle.any() == (second > 0)
    move = np.where(idle[:, None, None, None], -drawn, drawn)
    np.testing.assert_allclose(points, np.clip(z + move, x - np.float32(0.1), x + np.float32(0.1)), atol=1e-6)


def test_restarts_draw_other_squares(linear):
    model, x, y, least = linear
    params = {"epsilon": 0.9 * float(least.min()), "queries": 5, "starts": ["image"]}
    found = bsa.attack("square", model, restarts=3, **params)(x, y)
    assert set(found.passes) == {15}
    keys = [draws.keys(0, f"square/image/{r}", np.arange(12)) for r in range(3)]
    assert len(np.unique(keys)) == 36
