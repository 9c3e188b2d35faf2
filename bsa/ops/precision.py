"""Twins of a model that compute in another precision and keep float32 weights. No global policy is touched."""

import keras


def twin(model, precision):
    """A copy of `model` with the same weights whose layers compute by the Keras dtype policy `precision`.

    "float32" returns the model itself. The layer that gives the output stays in float32, as Keras recommends.
    Raises ValueError for a model that `keras.models.clone_model` cannot rebuild (a subclassed one).
    """
    if precision == "float32":
        return model
    last = model.layers[-1].name if model.layers else None

    def clone(layer):
        config = layer.get_config()
        if layer.name != last and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = precision
        return layer.__class__.from_config(config)

    try:
        copy = keras.models.clone_model(model, clone_function=clone)
    except ValueError as error:
        kind = type(model).__name__
        raise ValueError(f"expected a Sequential or functional model, found {kind}: use precision float32") from error
    copy.set_weights(model.get_weights())
    return copy
