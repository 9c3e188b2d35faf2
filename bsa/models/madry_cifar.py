"""The CIFAR-10 network of Madry et al. (2018), w32-10, as released with their CIFAR-10 challenge.

Weight decay in the release is on its "DW" variables: here every variable named "kernel", that is all convolutions and
the kernel of the logits, and neither the batch norms nor the logits' bias.
"""

import itertools

import keras
from keras import layers, ops

from bsa.errors import UsageError
from bsa.models import IMAGES, PLAIN


def build(*, input_shape, num_classes, width, units, seed=0):
    """A convolution, three groups of `units` residual units with 16, 32, 64 times `width` filters, pooling, `logits`.

    `input_shape` is (height, width, channels), height and width multiples of 4. Pixels are standardised in each image,
    so that an image and its shifted, scaled copy are one to it. Pre-activation units (He et al. 2016) of two 3x3
    convolutions without bias, the second and third group of stride 2; batch norm (decay 0.9, epsilon 0.001) and leaky
    ReLU 0.1 before each. `embedding` is the global average pooling: 64 * `width` features. Convolutions start from
    N(0, 2 / (9 * filters)), the logits' kernel from U(-b, b) with b = sqrt(3 / features), their bias at 0. At width 10
    with 5 units, on 32x32 colour images, there are 45,901,914 trainable parameters and 22,432 moving statistics.
    Equal seeds give equal weights. Raises UsageError for other sizes.
    """
    if input_shape[0] % 4 or input_shape[1] % 4:
        size = f"{input_shape[0]}x{input_shape[1]}"
        raise UsageError(f"expected images with sides that are multiples of 4 for madry_cifar, found {size}")
    starts = itertools.count((6 * units + 2) * seed)
    inputs = keras.Input(tuple(input_shape), name="image", **PLAIN)
    x = _convolution(standardised(inputs), 16, 1, starts, "conv")
    for group, strides in enumerate((1, 2, 2), start=1):
        for unit in range(units):
            first = group == 1 and unit == 0
            filters, name = 8 * 2**group * width, f"unit_{group}_{unit}"
            x = _unit(x, filters, 1 if unit else strides, starts, name, activated_shortcut=first)
    x = layers.GlobalAveragePooling2D(name="embedding", **IMAGES)(_activated(x, "last"))
    kernel = keras.initializers.LecunUniform(seed=next(starts))
    logits = layers.Dense(num_classes, kernel_initializer=kernel, name="logits", **PLAIN)(x)
    return keras.Model(inputs, logits, name="madry_cifar")


def standardised(images):
    """Images (n, height, width, channels) in [0, 1] with mean 0 and standard deviation 1 over each image.

    In pixels of [0, 255], as in the release, for the deviation is taken to be at least 1 / sqrt(values in an image).
    The bound is put on the variance: the root of a constant image's would have no gradient. Operations and no layers,
    so that a twin in lower precision still standardises in float32.
    """
    values = images.shape[1] * images.shape[2] * images.shape[3]
    x = images * 255.0
    x = x - ops.mean(x, axis=(1, 2, 3), keepdims=True)
    variance = ops.mean(ops.square(x), axis=(1, 2, 3), keepdims=True)
    return x / ops.sqrt(ops.maximum(variance, 1 / values))


def _unit(x, filters, strides, starts, name, *, activated_shortcut):
    """A residual unit; where the width changes, its shortcut is pooled, and padded with zeros on both sides."""
    activated = _activated(x, f"{name}_1")
    shortcut = activated if activated_shortcut else x
    x = _convolution(activated, filters, strides, starts, f"{name}_conv1")
    x = _convolution(_activated(x, f"{name}_2"), filters, 1, starts, f"{name}_conv2")
    missing = filters - shortcut.shape[-1]
    if missing and strides > 1:
        shortcut = layers.AveragePooling2D(strides, name=f"{name}_pool", **IMAGES)(shortcut)
    if missing:
        shortcut = ops.pad(shortcut, [[0, 0], [0, 0], [0, 0], [missing // 2, missing // 2]])
    return layers.Add(name=f"{name}_add", **PLAIN)([x, shortcut])


def _activated(x, name):
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_norm", **PLAIN)(x)
    return layers.LeakyReLU(negative_slope=0.1, name=f"{name}_relu", **PLAIN)(x)


def _convolution(x, filters, strides, starts, name):
    kernel = keras.initializers.RandomNormal(stddev=(2 / (9 * filters)) ** 0.5, seed=next(starts))
    return layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=False, kernel_initializer=kernel, name=name, **IMAGES
    )(x)
