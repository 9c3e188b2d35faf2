"""Twins of a model that compute in another precision and keep float32 weights. No global policy is touched."""

import keras
import tensorflow as tf

tf.config.experimental.enable_tensor_float_32_execution(False)  # on GPUs, float32 shall mean float32, proofs hang on it


def twin(model, precision):
    """A copy of `model` with the same weights whose layers compute by the Keras dtype policy `precision`.

    "float32" returns the model itself. The layer that gives the output stays in float32, as Keras recommends.
    Raises ValueError for a model that `keras.models.clone_model` cannot rebuild (a subclassed one).
    """
    return model if precision == "float32" else _clone(model, precision, getattr(model, "output_names", []))


def replica(model, precision):
    """A copy of `model` as `twin` makes it, also for "float32", whose batch norm takes the statistics of all devices.

    Made in a strategy's scope. Raises ValueError for a model that Keras cannot rebuild.
    """
    return _clone(model, precision, getattr(model, "output_names", []), {"synchronized": True})


def in_float32(model):
    """`model` itself where all its layers compute in float32, otherwise a copy with the same weights that does."""
    nested = any(hasattr(layer, "layers") and _is_low(layer) for layer in model.layers)
    if nested:
        raise ValueError("expected float32 layers, found a nested model of lower precision: build it in float32")
    return _clone(model, "float32", []) if _is_low(model) else model


def _is_low(model):
    """Whether a layer, at any depth, computes in less than float32."""
    return any(
        _is_low(layer) if hasattr(layer, "layers") else layer.compute_dtype not in ("float32", "float64", None)
        for layer in model.layers
    )


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
        copy = keras.models.clone_model(model, clone_function=clone)
    except (ValueError, TypeError, NotImplementedError) as error:
        kind = type(model).__name__
        raise ValueError(
            f"expected a Sequential or functional model, found {kind}: give it float32 layers and precision float32"
        ) from error
    copy.set_weights(model.get_weights())
    return copy
