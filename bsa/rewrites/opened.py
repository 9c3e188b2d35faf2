"""A surrogate gradient for ReLU: units that are off still pass some gradient.

In a blind spot most first-layer units that see the constant background are off, so that the true gradient there is
uninformative. The backward pass of a softplus lets gradients through. Logits stay those of the model.
"""

import keras
import tensorflow as tf

from bsa.rewrites.copies import carry, remade
from bsa.rewrites.gradients import custom_gradient


def open_relu(sharpness, ceiling=None):
    """ReLU forward; backward g * sigmoid(sharpness * h), the derivative of softplus(sharpness * h) / sharpness.

    With a `ceiling` (6 for ReLU6) the forward pass is capped there, and the backward pass opens that side likewise.
    """

    @custom_gradient
    def relu(h):
        def backward(g):
            exact = tf.cast(h, tf.float32)  # on CPUs bfloat16's own sigmoid is more than twice as slow
            opening = tf.sigmoid(sharpness * exact)
            if ceiling is not None:
                opening *= tf.sigmoid(sharpness * (ceiling - exact))
            return g * tf.cast(opening, g.dtype)

        return tf.nn.relu(h) if ceiling is None else tf.clip_by_value(h, 0, ceiling), backward

    return relu


def opened(model, sharpness):
    """A copy of `model`, with its current weights, whose ReLUs pass gradients by `open_relu`.

    ReLU and ReLU6 are found as a layer's activation, as layers, as operations of a functional model and in nested
    models. Returns `model` itself if there is none, and None if Keras cannot rebuild the model with the same outputs (a
    subclassed model, a layer without config or with state that is no weight).
    """
    found = []

    def clone(layer):
        if hasattr(layer, "opened"):  # it holds a network that is not of Keras, and opens it itself
            copy = layer.opened(sharpness)
            found.extend([] if copy is None else [layer])
            return remade(layer) if copy is None else copy
        ceiling = _ceiling(layer)
        copy = remade(layer)
        if ceiling is None:
            return copy
        found.append(layer)
        relu = open_relu(sharpness, ceiling or None)
        if isinstance(layer, keras.layers.ReLU) or not isinstance(layer, keras.layers.Layer):
            return keras.layers.Activation(relu, name=layer.name, dtype=getattr(layer, "dtype_policy", "float32"))
        copy.activation = relu
        return copy

    copy = rebuilt(model, clone)
    return copy if found or copy is None else model


def rebuilt(model, clone):
    """A copy of `model` with its weights, made of what `clone` gives for each layer or operation.

    None where Keras cannot rebuild the model so that it answers as before.
    """
    try:
        copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
        carry(model, copy)
    except Exception:  # whatever a layer's own from_config may raise
        return None
    return copy if _same(copy, model) else None


def _same(copy, model):
    """Whether both give the same for an image of noise, or cannot be asked, because sizes are open."""
    shape = model.input_shape[1:]
    if None in shape:
        return True
    image = tf.random.stateless_uniform((1, *shape), [0, 0])
    return bool(tf.reduce_all(copy(image, training=False) == model(image, training=False)))


def _ceiling(layer):
    """Where the ReLU of a layer or an operation is capped, 0 for nowhere; None where it has no ReLU."""
    if type(layer) is keras.layers.ReLU:
        return None if layer.negative_slope or layer.threshold else layer.max_value or 0
    name = type(layer).__name__ if not isinstance(layer, keras.layers.Layer) else None
    activation = getattr(layer, "activation", None)
    if activation in (keras.activations.relu, keras.ops.relu, tf.nn.relu) or name == "Relu":
        return 0
    return 6 if activation in (keras.activations.relu6, keras.ops.relu6, tf.nn.relu6) or name == "Relu6" else None
