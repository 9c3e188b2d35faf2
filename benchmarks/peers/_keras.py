"""The Keras network itself for a library that takes one, with a count of its passes."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf


class Counted:
    """A network that counts the images that pass it, forward and backward (gradients of the logits)."""

    def __init__(self, network):
        self.network, self.classes = network, network.output_shape[-1]
        self._forwards, self._backwards = (tf.Variable(0, dtype=tf.int64) for _ in range(2))  # also count in graphs

    def __call__(self, x, training=False):
        self._forwards.assign_add(tf.shape(x, tf.int64)[0])

        @tf.custom_gradient
        def passed(logits):
            def gradient(upstream):
                self._backwards.assign_add(tf.shape(upstream, tf.int64)[0])
                return upstream

            return tf.identity(logits), gradient

        return passed(self.network(x, training=False))

    def spent(self):
        """Forward and backward passes since the last call."""
        counts = [int(count) for count in (self._forwards, self._backwards)]
        self._forwards.assign(0)
        self._backwards.assign(0)
        return counts

    def seed(self, number):
        np.random.seed(number)

    def inward(self, x, y):
        return x, y

    def outward(self, x):
        return x

    def logits(self, x):
        """Logits (n, classes) of images (n, height, width, channels); not counted."""
        return self.network(x, training=False).numpy()


def load(job):
    """The job's network."""
    return Counted(keras.saving.load_model(job["network"], compile=False))
