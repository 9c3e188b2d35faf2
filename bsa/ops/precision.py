"""Twins of a model that compute in another precision and keep float32 weights. No global policy is touched."""

import keras
import tensorflow as tf

tf.config.experimental.enable_tensor_float_32_execution(False)  # on GPUs, float32 shall mean float32, proofs hang on it


def twin(model, precision):
    """A copy of `model` with the same weights whose layers compute by the Keras dtype policy `precision`.

    "float32" returns the model itself. A layer that gives an output stays in float32, as Keras recommends (an
    operation does not); nested models are copied likewise, layers within other layers (`TimeDistributed`) compute as
    they did.
    Raises ValueError for a model that `keras.models.clone_model` cannot rebuild (a subclassed one).
    """
    return model if precision == "float32" else _clone(model, precision, _last(model))


def replica(model, precision):
    """A copy of `model` as `twin` makes it, also for "float32", whose batch norm takes the statistics of all devices.

    Made in a strategy's scope. Raises ValueError for a model that Keras cannot rebuild.
    """
    return _clone(model, precision, _last(model), {"synchronized": True})


def in_float32(model):
    """`model` itself where all its layers compute in float32, otherwise a copy with the same weights that does.

    Raises ValueError where Keras cannot make that copy: a subclassed model, or a layer within another layer.
    """
    if not _low(model):
        return model
    copy = _clone(model, "float32", [])
    if _low(copy):
        raise ValueError(
            f"expected float32 layers, found {', '.join(_low(copy))} of lower precision, which Keras copies as they "
            "are: build the model in float32"
        )
    return copy


def _low(model):
    """The names of the layers, at any depth, that compute in less than float32.

    The policies of inputs and functional models count for nothing: they compute nothing themselves.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if not (hasattr(layer, "inputs") or isinstance(layer, keras.layers.InputLayer))
    ]
    return [layer.name for layer in layers if layer.compute_dtype not in ("float32", "float64", None)]


def _last(model):
    """The names of the layers that give the outputs of a model, within a nested one if that is last."""
    names = getattr(model, "output_names", None) or [layer.name for layer in model.layers[-1:]]
    last = [layer for layer in model.layers if layer.name in names]
    return [name for layer in last for name in (_last(layer) if hasattr(layer, "layers") else [layer.name])]


def _clone(model, precision, kept, norm=()):
    """A copy of `model` whose layers compute by `precision`, the layers named in `kept` in float32.

    `norm` are settings of its batch normalisation that the copy has instead.
    """

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32" if layer.name in kept else precision
        if isinstance(layer, keras.layers.BatchNormalization):
            config |= dict(norm)
        return layer.__class__.from_config(config)

    try:
        copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    except (ValueError, TypeError, NotImplementedError) as error:
        kind = type(model).__name__
        raise ValueError(
            f"expected a Sequential or functional model, found {kind}: give it and its layers dtype float32, and "
            "precision float32"
        ) from error
    copy.set_weights(model.get_weights())
    return copy
