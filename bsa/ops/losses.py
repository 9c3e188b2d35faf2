"""Losses on logits, one value per example. Shapes: logits (n, classes), labels (n,) int."""

import numpy as np
import tensorflow as tf

TINY = 1e-12  # keeps a ratio of equal logits finite
FINE = 2**10  # the median margin should span so many float32 steps at the logits: below, rounding decides what breaks


def cross_entropy(logits, y):
    """-log softmax(logits)[y], shape (n,), float32."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.cast(logits, tf.float32))


def margin(logits, y):
    """logits[y] - max of the other logits, shape (n,): negative where the image is misclassified.

    Source: Carlini and Wagner (2017), section V, objective f6 with kappa = 0, before its max with 0.
    """
    logits = tf.cast(logits, tf.float32)
    own = tf.one_hot(y, tf.shape(logits)[-1], on_value=True, off_value=False)
    true = tf.reduce_max(tf.where(own, logits, -np.inf), axis=-1)
    other = tf.reduce_max(tf.where(own, -np.inf, logits), axis=-1)
    return true - other


def dlr(logits, y):
    """-(z_y - max of the others) / (z_1st - z_3rd), shape (n,): grows towards misclassification, above 0 once there.

    The ratio does not change where logits are scaled or shifted. z_1st is the largest logit, z_3rd the third; at least
    3 classes. Source: Croce and Hein (2020), section 4.1, the difference of logits ratio.
    """
    top, _ = tf.nn.top_k(tf.cast(logits, tf.float32), 3)
    return -margin(logits, y) / (top[:, 0] - top[:, 2] + TINY)


def targeted_dlr(logits, y, target):
    """-(z_y - z_target) / (z_1st - (z_3rd + z_4th) / 2), shape (n,), for target classes (n,) int; at least 4 classes.

    Source: Croce and Hein (2020), section 4.2, the targeted version of the ratio.
    """
    logits = tf.cast(logits, tf.float32)
    top, _ = tf.nn.top_k(logits, 4)
    gap = tf.gather(logits, y, batch_dims=1) - tf.gather(logits, target, batch_dims=1)
    return -gap / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + TINY)


def likeliest(logits, y, count):
    """The `count` classes of the largest logits beside y, the largest first, (n, count) int32.

    With fewer other classes the last of them repeats.
    """
    own = tf.one_hot(y, tf.shape(logits)[-1], on_value=True, off_value=False)
    others = tf.where(own, -np.inf, tf.cast(logits, tf.float32))
    found = tf.nn.top_k(others, tf.minimum(count, tf.shape(logits)[-1] - 1)).indices
    return tf.gather(found, tf.minimum(tf.range(count), tf.shape(found)[1] - 1), axis=1)


def resolution(scores, y):
    """How many float32 steps at the logits (n, classes) the median margin of correct images spans: a float.

    Inf if no image is classified as y (n,). A constant that is added to all logits hides their margins: float32 keeps
    24 bits of each.
    """
    margins = margin(scores, y).numpy() if len(scores) else np.zeros(0)
    right = margins > 0
    if not right.any():
        return np.inf
    return float(np.median(margins[right] / np.spacing(np.abs(scores[right]).max(-1))))
