"""Two lines around an activation whose input z lies in [low, high]; in `_bounds` is what becomes of them.

Above a ReLU or an ELU, both convex, is the chord; below it a parallel tangent or, with CROWN's slopes, for a ReLU 0 or
z and for an ELU the tangent at the middle (Zhang et al. 2018, sections 3.2 and 3.3).
"""

import numpy as np
import tensorflow as tf

ROUNDING = 4.0  # how many times the usual size of float32 errors is allowed for; half of it for the attacked network
TINY = 1e-30  # the least slope of an ELU: its logarithm is finite


def bends(activation, low, high):
    """Whether an activation is no straight line in [low, high]."""
    return low < 0 if activation == "elu" else (low < 0) & (high > 0)


def around(activation, c, low, high, rounding):
    """d, h, p, e, f of `_bounds.Relaxed`, with CROWN's slopes; c is the input where all below is at its centre."""
    return _elu(c, low, high, rounding) if activation == "elu" else _relu(c, low, high)


def _relu(c, low, high):
    """CROWN's lower slope is 0 or 1, whichever leaves less area."""
    crossing = (low < 0) & (high > 0)
    d = tf.where(crossing, high / tf.where(crossing, high - low, 1.0), tf.cast(low >= 0, c.dtype))
    half = tf.where(crossing, low / 2, 0.0)
    e = tf.where(crossing, tf.cast(high > -low, c.dtype) - d, 0.0)
    return d, -d * half, d * (c - half), e, e * c  # not d * c + h, for the reason of `_bounds._signs`


def _elu(c, low, high, rounding):
    """A constant is the extreme of elu(z) - slope * z, so that lines hold however d is rounded."""
    bent, wide = low < 0, high - low > 1e-3  # in a narrower interval float32 has no chord
    middle = (low + high) / 2
    slope = tf.exp(tf.minimum(middle, 0.0))
    chord = (tf.nn.elu(high) - tf.nn.elu(low)) / tf.where(wide, high - low, 1.0)
    d = tf.where(bent, tf.clip_by_value(tf.where(wide, chord, slope), TINY, 1.0), 1.0)
    touch = tf.clip_by_value(tf.math.log(d), low, tf.maximum(low, high))
    least = tf.where(bent, tf.nn.elu(touch) - d * touch, 0.0)
    most = tf.where(bent, tf.maximum(tf.nn.elu(low) - d * low, tf.nn.elu(high) - d * high), 0.0)
    h = (most - least) / 2
    if rounding:  # exp and the constants, of values around 1
        h += tf.where(bent, 2 * ROUNDING * roundoff(c) * (1 + d * tf.maximum(-low, high)), 0.0)
    e = tf.where(bent, slope - d, 0.0)
    f = e * c + tf.where(bent, tf.nn.elu(middle) - slope * middle - least, 0.0)
    return d, h, d * c + (most + least) / 2, e, f


def roundoff(like):
    """The largest relative error of one rounding in the type of a tensor."""
    return np.finfo(like.dtype.as_numpy_dtype).eps / 2
