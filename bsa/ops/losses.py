"""Losses on logits, one value an example. Shapes: logits (n, classes), labels (n,) int."""

import numpy as np
import tensorflow as tf


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
