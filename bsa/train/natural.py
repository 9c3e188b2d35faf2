"""Natural training: cross-entropy on the images as they are."""

import tensorflow as tf

from bsa.ops import losses


def make():
    """The objective: `(model, x, y, seed, step) -> (loss (n,), {"accuracy": (n,)})`."""

    def objective(model, x, y, seed, step, part=None):
        logits = model(x, training=True)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == y, tf.float32)
        return losses.cross_entropy(logits, y), {"accuracy": right}

    return objective


def passes(**_):
    """Forward-backward passes for each example of a step."""
    return 1
