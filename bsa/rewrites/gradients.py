"""`tf.custom_gradient` for graphs that are freed once they are no longer used.

TensorFlow enters every such gradient of a graph into a registry of the whole process, with tensors of the graph. So the
graph and all variables that it captured, a network's weights, stay in memory forever. Here the graph holds its
gradient, and the registry looks it up there.
"""

import functools
import weakref

import tensorflow as tf
from tensorflow.python.framework import ops  # the registry is not in TensorFlow's public interface


def custom_gradient(f):
    """`tf.custom_gradient(f)`, for an `f` of tensors that gives one tensor (and its gradient)."""
    plain = tf.custom_gradient(f)

    @functools.wraps(f)
    def function(*args):
        y = plain(*args)
        if not tf.executing_eagerly():
            _let_go(y.op)
        return y

    return function


def _let_go(op):
    """Let the registry hold the gradient of `op`, under the name that it gave it, no longer than its graph lives."""
    name = op.get_attr("_gradient_op_type").decode()
    gradient = ops.gradient_registry.lookup(name)
    entries = getattr(ops.gradient_registry, "_registry", None)
    if not isinstance(entries, dict) or "type" not in entries.get(name, {}):
        return  # another TensorFlow: the gradient is right, memory grows
    held = weakref.ref(gradient)
    op.graph.add_to_collection("bsa/gradients", gradient)
    entries[name]["type"] = lambda op, *g: held()(op, *g)
    weakref.finalize(gradient, entries.pop, name, None)
