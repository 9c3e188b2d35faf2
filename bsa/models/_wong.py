"""The layers that the networks of Wong and Kolter share, with the initial weights of their release."""

import keras
from keras import layers

from bsa.errors import UsageError
from bsa.models import IMAGES, PLAIN


def image(input_shape, mean, std):
    """The input and what the first layer sees of it: (x - mean) / std, or x itself where both are left out.

    `mean` and `std` are lists of one number or of one for each channel, in [0, 1] pixels.
    """
    inputs = keras.Input(tuple(input_shape), name="image", **PLAIN)
    if mean is None and std is None:
        return inputs, inputs
    channels = input_shape[-1]
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) not in (1, channels):
            raise UsageError(f"expected {name} to hold 1 or {channels} numbers, one a channel, found {values}")
    mean, std = (channels * v if len(v) == 1 else v for v in (list(mean or [0.0]), list(std or [1.0])))
    least = keras.config.epsilon()  # Keras divides by no less, and takes this from keras.json
    if min(std) < least:
        raise UsageError(f"expected std of at least {least:g}, which is keras.config.epsilon(), found {min(std):g}")
    variance = [value**2 for value in std]
    return inputs, layers.Normalization(mean=mean, variance=variance, name="normalisation", **PLAIN)(inputs)


def convolution(filters, size, strides, *, seed, name):
    """A convolution with ReLU; their padding of 1 is "same" here; weights from N(0, 2 / (k * k * filters))."""
    kernel = keras.initializers.RandomNormal(stddev=(2 / (size * size * filters)) ** 0.5, seed=seed)
    return layers.Conv2D(
        filters, size, strides=strides, padding="same", activation="relu", kernel_initializer=kernel, name=name,
        **IMAGES,
    )  # fmt: skip


def dense(units, fan_in, *, seeds, **more):
    """A dense layer, its kernel and bias from U(-b, b) with b = 1 / sqrt(fan_in), by one seed each."""
    bound = fan_in**-0.5
    kernel, bias = (keras.initializers.RandomUniform(-bound, bound, seed=seed) for seed in seeds)
    return layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, **PLAIN, **more)
