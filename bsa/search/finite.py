"""Gradients that are no numbers: they count as 0 in a step, and the result says how many there were."""

import numpy as np
import tensorflow as tf

SHARES = (0.001, 0.01, 0.1, 0.25, 0.5, 1.0)  # what a note rounds up to, so that those of an attack's chunks are one


def usable(slope):
    """A gradient (n, ...) with 0 where it is not finite, and the share (n,) float32 of each image's that is not."""
    finite = tf.math.is_finite(slope)
    share = 1 - tf.reduce_mean(tf.cast(finite, tf.float32), tf.range(1, tf.rank(slope)))
    return tf.where(finite, slope, tf.zeros_like(slope)), share


def worst(margin):
    """Margins (n,) with inf, for nothing found, where they are no numbers."""
    return tf.where(tf.math.is_nan(margin), np.float32(np.inf), margin)


def noted(unusable, passes):
    """The notes on a sum of shares that were not `usable`, in so many passes: one, or none."""
    if unusable <= 0:
        return ()
    most = next(share for share in SHARES if unusable <= share * passes or share == 1)
    return (
        f"gradients that are not finite counted as 0: up to {most:.1%} of those of the search. Look for a square "
        "root, a norm or a logarithm of 0 in the network",
    )
