"""A PyTorch module as a layer of Keras, in eager calls and in TensorFlow's graphs."""

import functools
import hashlib
import weakref

import keras
import tensorflow as tf

from bsa.pytorch.passes import Passes
from bsa.rewrites.gradients import custom_gradient


class TorchModule(keras.layers.Layer):
    """`Passes` as a layer. It computes in float32 whatever a copy's dtype policy is, and has no trainable weights."""

    def __init__(self, passes, *, name="pytorch", **_):
        super().__init__(name=name, dtype="float32", trainable=False)
        self.passes, self.supports_jit = passes, False

    def get_config(self):
        return {"passes": self.passes, "name": self.name}

    def fingerprint(self):
        """See `bsa.networks.fingerprint`."""
        found = hashlib.sha256(f"{self.passes.module} {self.passes.sharpness}".encode())
        for name, tensor in self.passes.module.state_dict().items():
            found.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return found.hexdigest()

    def opened(self, sharpness):
        """The layer with opened ReLUs, see `bsa.rewrites.opened`; None if none is found in the module."""
        passes = Passes(self.passes.module, sharpness)
        return TorchModule(passes, name=self.name) if passes.opens(self.passes.seen) else None

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.passes.classes(tuple(input_shape[1:]))

    def call(self, x):
        # TensorFlow keeps such functions until the process ends: a weak reference lets the module go before.
        passes, keep = weakref.ref(self.passes), not tf.executing_eagerly()
        shape = self.compute_output_shape(x.shape)

        @custom_gradient
        def passed(x):
            logits, number = tf.numpy_function(functools.partial(_forward, passes, keep), [x], [tf.float32, tf.int64])
            logits.set_shape(shape)

            def backward(g):
                slope = tf.numpy_function(functools.partial(_backward, passes), [x, g, number], tf.float32)
                slope.set_shape(x.shape)
                return slope

            return logits, backward

        return passed(tf.cast(x, tf.float32))


def _forward(passes, keep, x):
    return passes().forward(x, keep)


def _backward(passes, x, g, number):
    return passes().backward(x, g, number)
