"""A gentler backward pass for ReLU: units that are off still pass some gradient on.

In a blind spot most first-layer units that see the constant background are off, so that the true gradient there says
nothing; a backward pass as of a softplus opens them. Logits stay those of the model.
"""

import keras
import tensorflow as tf


def open_relu(sharpness):
    """ReLU forward; backward g * sigmoid(sharpness * h), the derivative of softplus(sharpness * h) / sharpness."""

    @tf.custom_gradient
    def relu(h):
        return tf.nn.relu(h), lambda g: g * tf.sigmoid(sharpness * h)

    return relu


def opened(model, sharpness):
    """A copy of `model`, with its weights as they are now, whose ReLUs pass gradients by `open_relu`.

    None where Keras cannot clone the model (a subclassed one, a layer without config) or no layer has a ReLU.
    """
    found = []

    def clone(layer):
        config = layer.get_config()
        if type(layer) is keras.layers.ReLU and not (
            config["max_value"] or config["negative_slope"] or config["threshold"]
        ):
            copy = keras.layers.Activation("relu", name=layer.name, dtype=layer.dtype_policy)
        else:
            copy = layer.__class__.from_config(config)
        if getattr(copy, "activation", None) is keras.activations.relu:
            copy.activation = open_relu(sharpness)
            found.append(copy)
        return copy

    try:
        copy = keras.models.clone_model(model, clone_function=clone)
    except (ValueError, TypeError, NotImplementedError):
        return None
    copy.set_weights(model.get_weights())
    return copy if found else None
