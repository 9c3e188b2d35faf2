"""The end of a network: its last activation and the logits before it, in the graph of a model that has one."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.rewrites.copies import remade
from bsa.rewrites.graphs import graph, traced

FUNCTIONS = {  # what probabilities are made by
    "softmax": (keras.activations.softmax, keras.ops.softmax, tf.nn.softmax),
    "log_softmax": (keras.activations.log_softmax, keras.ops.log_softmax, tf.nn.log_softmax),
    "sigmoid": (keras.activations.sigmoid, keras.ops.sigmoid, tf.nn.sigmoid, tf.sigmoid),
}
OPERATIONS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}  # of keras.ops, by their class
IDLE = (
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
    keras.layers.Identity,
)  # layers that do nothing in inference mode; a subclass may do something, as dropout that is always on
SHAPING = (keras.layers.Flatten, keras.layers.Reshape)
FREE = ("linear", None)  # what the activation of a layer of logits is


class Ending(NamedTuple):
    """The tensor of the logits in a model's graph, and the activation behind it that was taken off."""

    logits: keras.KerasTensor
    activation: str  # "softmax", "log_softmax", "sigmoid", or "linear" where nothing was
    layer: str  # the name of the layer or operation that it was taken off


def ending(tensor: keras.KerasTensor) -> Ending | None:
    """How `tensor`, an output in a model's graph, comes about; None where nobody can tell whether these are logits.

    A last layer is copied, with its weights as they are now and without its activation; the others are the model's.
    Models within the model are looked into.
    """
    operation, index, _ = tensor._keras_history
    node = operation._inbound_nodes[index]
    if len(node.input_tensors) != 1:
        return None
    (before,) = node.input_tensors
    if isinstance(operation, keras.Model):
        return _within(operation, before)
    if type(operation) in IDLE:
        return ending(before)
    cast = type(operation).__name__ == "Cast"
    if cast or (isinstance(operation, SHAPING) and _keeps_classes(before, tensor)):
        found = ending(before)
        again = keras.layers.Activation("linear", dtype=tensor.dtype) if cast else remade(operation)
        return found and found._replace(logits=again(found.logits))
    return _activated(operation, before, tensor)


def _within(model, before):
    """The ending of a model within a model, on the tensor `before`; its graph is cut where its logits are."""
    inner = graph(model) or traced(model, before.shape[1:], before.dtype)
    if inner is None or len(inner.inputs) != 1 or len(inner.outputs) != 1:
        return None
    found = ending(inner.outputs[0])
    if found is None:
        return None
    cut = keras.Model(inner.inputs[0], found.logits, name=model.name)
    return found._replace(logits=cut(before))


def _activated(operation, before, tensor):
    """The ending at an operation or layer that computes `tensor` of `before`."""
    kind = _kind(operation)
    if kind in OPERATIONS.values() and _axis(operation) not in (-1, len(tensor.shape) - 1):
        return None
    if not isinstance(operation, keras.layers.Layer):
        return Ending(before, kind, operation.name) if kind in OPERATIONS.values() else None
    if not type(operation).__module__.startswith("keras."):  # a subclass may compute something else
        return None
    if isinstance(operation, keras.layers.Softmax | keras.layers.Activation | keras.layers.Lambda):
        if kind in FREE:
            return None if isinstance(operation, keras.layers.Lambda) else _through(operation, before)
        plain = keras.layers.Activation("linear", name=operation.name, dtype=operation.dtype_policy)
        return Ending(plain(before), kind, operation.name) if kind in FUNCTIONS else None
    if not hasattr(operation, "activation"):
        return None
    if kind in FREE:
        return Ending(tensor, "linear", operation.name)
    if kind not in FUNCTIONS:
        return None
    copy = remade(operation, config=operation.get_config() | {"activation": "linear"})
    logits = copy(before)
    copy.set_weights(operation.get_weights())
    return Ending(logits, kind, operation.name)


def _through(activation, before):
    """The ending before a layer `Activation("linear")`, which may change the type of its numbers."""
    found = ending(before)
    return found and found._replace(logits=remade(activation)(found.logits))


def _kind(operation):
    """The name of the activation of a layer or an operation: one of `FUNCTIONS`, "linear", another's, or None."""
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if not isinstance(operation, keras.layers.Layer):
        ours = type(operation).__module__.startswith("keras.")
        return OPERATIONS.get(type(operation).__name__) if ours else None
    function = operation.function if isinstance(operation, keras.layers.Lambda) else operation.activation \
        if hasattr(operation, "activation") else None  # fmt: skip
    if function is None or function is keras.activations.linear:
        return "linear"
    return next((name for name, same in FUNCTIONS.items() if any(function is each for each in same)), "another")


def _axis(operation):
    return getattr(operation, "axis", -1)


def _keeps_classes(before, after):
    """Whether a change of shape leaves the last axis as it is, and the others of length 1."""
    return before.shape[-1] == after.shape[-1] == np.prod(before.shape[1:]) == np.prod(after.shape[1:])
