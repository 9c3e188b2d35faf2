"""Random draws as pure functions of (seed, purpose, number): the number is a step, an epoch or an image's index.

There is no state, so a resumed run draws the same as an uninterrupted one, and an image's random start does not
depend on its batch.
"""

import hashlib

import numpy as np


def derive(seed, purpose):
    """A 31-bit seed for one purpose: the first bits of sha256("<seed>/<purpose>")."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:4], "big") >> 1


def generator(seed, purpose, number):
    """A NumPy generator (Philox, counter based) for one draw."""
    return np.random.Generator(np.random.Philox(key=[derive(seed, purpose), int(number)]))


def normal(seed, purpose, index, shape):
    """Standard normal float32 draws (n, *shape), one image each for the n numbers in `index`."""
    return _stack(index, shape, lambda i: generator(seed, purpose, i).standard_normal(shape, np.float32))


def uniform(seed, purpose, index, shape):
    """Uniform float32 draws in [-1, 1) of shape (n, *shape), one image each for the n numbers in `index`."""
    return _stack(index, shape, lambda i: generator(seed, purpose, i).random(shape, np.float32) * 2 - 1)


def _stack(index, shape, draw):
    out = np.empty((len(index), *shape), np.float32)
    for row, i in enumerate(index):
        out[row] = draw(i)
    return out
