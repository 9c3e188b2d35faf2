"""Twins of a model that compute in another precision and keep float32 weights. No global policy is touched."""

import keras


def twin(model, precision):
    """A copy of `model` with the same weights whose layers compute by the Keras dtype policy `precision`.

    "float32" returns the model itself. The layer that gives the output stays in float32, as Keras recommends.
    Raises ValueError for a model that `keras.models.clone_model` cannot rebuild (a subclassed one).
    """
    if precision == "float32":
        return model
    if not isinstance(model, (keras.Sequential, keras.Model)) or not getattr(model, "_is_graph_network", True):
        raise ValueError("expected a Sequential or functional model, found a subclassed one: use precision float32")
    last = model.layers[-1].name

    def clone(layer):
        config = layer.get_config()
        if layer.name != last and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = precision
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
