"""Draws in a graph: uniform, independent of each other, and functions of their arguments alone."""

import numpy as np
import tensorflow as tf

from bsa.ops import draws

STEP = np.arange(50, dtype=np.int32)


def drawn(seed=0, purpose="test", images=200, count=4):
    """(images, steps, count) draws."""
    keys = draws.keys(seed, purpose, np.arange(images))
    at = tf.constant(np.tile(STEP, images))
    return draws.uniform(tf.constant(np.repeat(keys, len(STEP))), at, count).numpy().reshape(images, len(STEP), count)


def test_draws_are_uniform():
    u = drawn().ravel()
    assert u.min() >= 0
    assert u.max() < 1
    # 40,000 draws: the expected count of a bin is 2,500 and chi-squared of 16 bins exceeds 45 once in 10,000 seeds
    counts = np.bincount((16 * u).astype(int), minlength=16)
    assert ((counts - 2500) ** 2 / 2500).sum() < 45


def test_draws_of_neighbours_are_independent():
    u = drawn() - 0.5
    neighbours = [(u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), (u[..., 1:], u[..., :-1]), (u, drawn(seed=1) - 0.5),
                  (u, drawn(purpose="other") - 0.5)]  # fmt: skip
    for a, b in neighbours:  # of 30,000 pairs and more: a correlation's standard deviation is at most 0.006
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.025


def test_a_draw_depends_on_its_key_and_step_alone():
    keys, at = draws.keys(3, "test", np.arange(6)), np.int32([5, 0, 9, 9, 2, 7])
    whole = draws.uniform(tf.constant(keys), tf.constant(at), 3).numpy()
    back = draws.uniform(tf.constant(keys[::-1]), tf.constant(at[::-1]), 3).numpy()
    np.testing.assert_array_equal(whole, back[::-1])
    np.testing.assert_array_equal(whole[4:5], draws.uniform(tf.constant(keys[4:5]), tf.constant(at[4:5]), 3))


def test_the_finaliser_is_murmurs():
    """fmix32 of MurmurHash3 in Python's integers."""

    def fmix32(h):
        h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
        h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
        return h ^ h >> 16

    key, step, count = 123456789, 1000, 5
    expected = [(fmix32(key ^ fmix32(step * count + lane)) >> 8) / 2**24 for lane in range(count)]
    found = draws.uniform(tf.constant([key], tf.uint32), tf.constant([step]), count)
    np.testing.assert_array_equal(found[0], np.float32(expected))
