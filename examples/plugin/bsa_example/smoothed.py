"""Natural training with smoothed labels (Szegedy et al. 2016, section 7)."""

import tensorflow as tf


def make(*, smoothing):
    """The objective: `(model, x, y, seed, step, part=None) -> (loss (n,), {"accuracy": (n,)})`.

    A share `smoothing` of each label is spread over all classes.
    """

    def objective(model, x, y, seed, step, part=None):
        logits = model(x, training=True)
        log = tf.nn.log_softmax(logits)
        own = tf.gather(log, y, batch_dims=1)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == y, tf.float32)
        return -(1 - smoothing) * own - smoothing * tf.reduce_mean(log, -1), {"accuracy": right}

    return objective


def passes(**_):
    """Forward-backward passes for each example of a step."""
    return 1
