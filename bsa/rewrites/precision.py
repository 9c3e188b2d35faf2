"""Copies of a model that compute in another precision and keep float32 weights. No global policy is changed."""

import warnings

import keras
import tensorflow as tf

from bsa.rewrites import convolution, timing
from bsa.rewrites.copies import carry, remade

tf.config.experimental.enable_tensor_float_32_execution(False)  # on GPUs, float32 must be float32: proofs depend on it

SLOW = 3.5  # times as long as in float32: equal speeds never came out so on a busy machine, emulations at 4.7 to 17


def twin(model, precision):
    """A copy of `model` with the same weights whose layers compute by the Keras dtype policy `precision`.

    "float32" returns the model itself. A layer that gives an output stays in float32, as Keras recommends (an
    operation does not); nested models are copied likewise, layers within other layers (`TimeDistributed`) compute as
    they did. Where this machine is slow at gradients of convolutions in `precision`, those of `keras.layers.Conv2D`
    are computed in float32 and rounded; of other layers of convolutions it warns.
    Raises ValueError for a model that `keras.models.clone_model` cannot rebuild (a subclassed one).
    """
    if precision == "float32":
        return model
    return _clone(model, precision, _last(model))


def replica(model, precision):
    """A copy of `model` as `twin` makes it, also for "float32", whose batch norm takes the statistics of all devices.

    Made in a strategy's scope. Warns and raises as `twin` does.
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
        names = ", ".join(layer.name for layer in _low(copy))
        raise ValueError(
            f"expected float32 layers, found {names} of lower precision, which Keras copies as they "
            "are: build the model in float32"
        )
    return copy


def slowdown(precision):
    """How many times as long as in float32 a convolution's two passes take by the Keras dtype policy `precision`.

    On this device, timed once a process. Without instructions for bfloat16 the forward pass can be as fast as in
    float32 and the other, for which there is a kernel of last resort alone, 20 times as slow.
    """
    kind = keras.dtype_policies.get(precision).compute_dtype
    return 1.0 if kind == "float32" else timing.once(kind, lambda: (_passes(kind), _passes("float32")))


def slow(precision):
    """Whether this machine is far slower by the Keras dtype policy `precision` than in float32: it emulates it.

    Where the environment variable BSA_KERNELS is set it counts as such for "quick", and not for "tensorflow".
    """
    if timing.setting() and precision != "float32":
        return timing.setting() == "quick"
    return slowdown(precision) > SLOW


def _passes(kind):
    """A function that computes a convolution in the type `kind` and its gradient; it has run once."""
    images, weights = tf.ones((8, 14, 14, 32), kind), tf.ones((5, 5, 32, 64), kind)

    @tf.function
    def passes(images, weights):
        with tf.GradientTape() as tape:
            tape.watch(images)
            y = tf.nn.conv2d(images, weights, 1, "SAME")
        return tf.reduce_max(tape.gradient(y, images, y))

    passes(images, weights)  # traces
    return lambda: passes(images, weights).numpy()


def _low(model):
    """The layers, at any depth, that compute in less than float32.

    The policies of inputs and functional models count for nothing: they compute nothing themselves.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if not (hasattr(layer, "inputs") or isinstance(layer, keras.layers.InputLayer))
    ]
    return [layer for layer in layers if layer.compute_dtype not in ("float32", "float64", None)]


def _last(model):
    """The names of the layers that give the outputs of a model, within a nested one if that is last."""
    names = getattr(model, "output_names", None) or [layer.name for layer in model.layers[-1:]]
    last = [layer for layer in model.layers if layer.name in names]
    return [name for layer in last for name in (_last(layer) if hasattr(layer, "layers") else [layer.name])]


def _clone(model, precision, kept, norm=()):
    """A copy of `model` whose layers compute by `precision`, the layers named in `kept` in float32.

    `norm` are settings of its batch normalisation that the copy has instead.
    """
    emulated = slow(precision)

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32" if layer.name in kept else precision
        if isinstance(layer, keras.layers.BatchNormalization):
            config |= dict(norm)
        quick = emulated and type(layer) is keras.layers.Conv2D and layer.name not in kept
        return remade(layer, convolution.Conv2D if quick else None, config)

    try:
        copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
        carry(model, copy)
    except Exception as error:  # whatever a layer's own from_config may raise
        kind = type(model).__name__
        raise ValueError(
            f"expected a Sequential or functional model of layers that Keras copies by their config, found {kind} "
            f"({' '.join(str(error).split())[:200]}): give it and its layers dtype float32, and precision float32"
        ) from error
    if emulated:
        _warn_of_slow(copy, precision)
    return copy


def _warn_of_slow(model, precision):
    """A warning of the layers of `model`, a copy that computes by `precision`, whose gradients stay slow here."""
    found = [layer for layer in _low(model) if any("Conv" in kind.__name__ for kind in type(layer).__mro__)]
    slow = [layer.name for layer in found if type(layer) is not convolution.Conv2D]
    if slow:
        warnings.warn(
            f"precision {precision} is slow here: the gradient of a convolution takes up to {slowdown(precision):.1f} "
            f"times as long as in float32, and {', '.join(slow)} cannot be helped as a plain keras.layers.Conv2D is. "
            "Give precision float32 (with bsa run: --set train.precision=float32, and for each attack "
            "--set attack.0.gradient.precision=float32)",
            stacklevel=4,
        )
