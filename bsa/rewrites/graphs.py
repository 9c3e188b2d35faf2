"""The graph of a model: the one that Keras knows, or the one that a subclassed model's `call` gives when traced."""

import inspect

import keras


def graph(model: keras.Model) -> keras.Model | None:
    """`model`, or of a Sequential the functional model in it, where Keras knows its graph; None for any other.

    A subclass that has a `call` of its own may do more than its graph: None.
    """
    found = getattr(model, "_functional", None) or model
    if not (hasattr(found, "_nodes_by_depth") and hasattr(found, "inputs")):
        return None
    owner = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    return found if owner.__module__.startswith("keras.") else None


def traced(model: keras.Model, shape: tuple[int | None, ...], dtype: str = "float32") -> keras.Model | None:
    """A functional model of what the `call` of a subclassed one does in inference mode, with the same layers.

    `shape` is that of one input. None where `call` needs more than Keras's layers and operations, or several inputs.
    It may differ from the model where that does things beside its layers: compare them.
    """
    inputs = keras.Input(shape, dtype=dtype)
    known = inspect.signature(model.call).parameters
    try:
        return keras.Model(inputs, model.call(inputs, **({"training": False} if "training" in known else {})))
    except Exception:  # whatever code of somebody's raises for tensors without values
        return None
