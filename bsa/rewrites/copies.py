"""Copies of a model: made layer by layer, given its state, and compared with it on images before they are used."""

import keras
import numpy as np
import tensorflow as tf

FEW = 4  # images that a copy and its original are compared on
ROUNDING = {"float16": 64 * 2.0**-11, "bfloat16": 64 * 2.0**-8}  # of the largest value: that of many layers in a row
SUMS = 1e-4  # the same for float32, whose sums in another order move it by some 1e-6


def remade(layer, kind=None, config=None):
    """A layer or an operation like `layer`, of its type or `kind`, by its config or the one given; without weights.

    A `Lambda` keeps its function: what stands in its config is code without the names that it uses.
    """
    config = config or layer.get_config()
    if isinstance(layer, keras.layers.Lambda):
        base = {name: config[name] for name in ("name", "trainable", "dtype")}
        shape = getattr(layer, "_output_shape", None)
        return keras.layers.Lambda(layer.function, shape, layer.mask, layer.arguments, **base)
    return (kind or type(layer)).from_config(config)


def carry(model, copy):
    """Give `copy` the state of `model` as it is now, at every depth: weights, seeds and what layers make of them.

    ValueError where the copy's layers have other variables.
    """
    ours, theirs = list(_variables(model)), list(_variables(copy))
    if [v.shape for v in ours] != [v.shape for v in theirs]:
        raise ValueError(f"expected a copy with the {len(ours)} variables of the model, found {len(theirs)} or others")
    for own, other in zip(ours, theirs, strict=True):
        other.assign(np.asarray(own))
    for layer in copy._flatten_layers():
        if hasattr(layer, "finalize_state"):  # an adapted Normalization computes by tensors of its own
            layer.finalize_state()


def shared(model):
    """Whether layers of `model` share a variable: their copies do not, and part at the first step of a training."""
    found = [id(v) for v in _variables(model)]
    return len(set(found)) < len(found)


def _variables(model):
    """The variables of one layer after the other, at any depth: one that several hold comes as often."""
    for layer in model.layers:
        yield from _variables(layer) if hasattr(layer, "layers") else layer.variables


def difference(copy, model, x):
    """Where `copy` first differs from `model` on the first of images x (n, ...), as words; None if by rounding alone.

    Beyond rounding is what is more than `ROUNDING`, or `SUMS`, of the largest value that the model gives. A model that
    itself differs as much from call to call is no measure: None.
    """
    x = tf.convert_to_tensor(np.asarray(x[:FEW]))
    if copy is model or not len(x):
        return None
    rounding = max(ROUNDING.get(layer.compute_dtype, SUMS) for m in (copy, model) for layer in m._flatten_layers())
    if _alike(copy(x, training=False), model(x, training=False), rounding):
        return None
    if not _alike(model(x, training=False), model(x, training=False), rounding):
        return None
    return f"from {_first(copy, model, x, rounding)} on"


def _alike(found, expected, rounding):
    """Whether two tensors are equal to the rounding; what is no number has to be the same."""
    found, expected = (np.asarray(tf.cast(tensor, tf.float32)) for tensor in (found, expected))
    finite = np.isfinite(expected)
    largest = np.abs(expected[finite]).max(initial=0)
    with np.errstate(invalid="ignore"):
        close = np.abs(found - expected) <= rounding * largest
    return bool((close | np.where(np.isnan(expected), np.isnan(found), found == expected)).all())


def _first(copy, model, x, rounding):
    """The layer, of any depth, that first gives another output for x than that of the model."""
    for ours, theirs in zip(model.layers, copy.layers, strict=True):
        try:
            own, other = (keras.Model(m.inputs, layer.output) for m, layer in ((model, ours), (copy, theirs)))
        except (AttributeError, ValueError):  # used more than once, or not in the graph of this model
            continue
        outputs = [m(x, training=False) for m in (own, other)]
        if all(tf.is_tensor(output) for output in outputs) and not _alike(*outputs[::-1], rounding):
            if hasattr(ours, "layers"):
                return _first(theirs, ours, keras.Model(model.inputs, ours.input)(x, training=False), rounding)
            return f"layer {ours.name} ({type(ours).__name__})"
    return "its output"
