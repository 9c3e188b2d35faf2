"""Random draws inside a graph, each a pure function of (seed, purpose, image number, step): a hash, no state.

`seeds` draws with NumPy before a graph begins. A search that draws at every step needs numbers in the graph, for images
at different steps, and independent of the batch of an image. So each image has a key, which is hashed together with a
counter by the finaliser of MurmurHash3 (Appleby 2011, fmix32), a bijection of 32 bits.
"""

import numpy as np
import tensorflow as tf

from bsa.ops import seeds


def keys(seed, purpose, index):
    """The keys of images numbered `index` (n,): (n,) uint32."""
    return np.array([seeds.derive(seed, f"{purpose}/{number}") for number in index], np.uint32)


def numbered(seed, purpose, index):
    """As `keys`, for numbers `index` (n,) int32 that stand in a graph; other keys than those."""
    return _mix(_mix(tf.cast(index, tf.uint32)) ^ _word(seeds.derive(seed, purpose)))


def uniform(keys, step, count):
    """Uniform float32 draws in [0, 1), (n, count), for `keys` (n,) uint32 at `step` (n,) int32, by 24 bits each."""
    counter = step[:, None] * count + tf.range(count)
    words = _mix(keys[:, None] ^ _mix(tf.cast(counter, tf.uint32)))
    return tf.cast(tf.bitwise.right_shift(words, _word(8)), tf.float32) * 2.0**-24


def normal(keys, step, count):
    """Standard normal float32 draws, (n, count), for `keys` (n,) uint32 at `step` (n,) int32 (Box and Muller 1958)."""
    radius, turn = tf.split(uniform(keys, step, 2 * count), 2, axis=1)
    return tf.sqrt(-2 * tf.math.log1p(-radius)) * tf.cos(2 * np.pi * turn)


def rows(x, seed, part=None):
    """Uniform float32 draws in [-1, 1) of the shape of x (n, ...), for `seed`, a pair of int32.

    If x is the rows from `begin` of a batch of `whole`, and `part` = (begin, whole), the draws are those rows of the
    whole batch's draws: so a draw does not depend on how a batch is split.
    """
    if part is None:
        return tf.random.stateless_uniform(tf.shape(x), seed, -1.0, 1.0)
    begin, whole = part
    drawn = tf.random.stateless_uniform((whole, *x.shape[1:]), seed, -1.0, 1.0)
    return tf.slice(drawn, [begin] + [0] * (len(x.shape) - 1), tf.shape(x))


def _mix(h):
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ tf.bitwise.right_shift(h, _word(shift))) * _word(factor)
    return h ^ tf.bitwise.right_shift(h, _word(16))


def _word(value):
    return tf.constant(value, tf.uint32)
