"""The MNIST network of Madry et al. (2018), as released with their MNIST challenge."""

import keras
from keras import layers

from bsa.models import IMAGES, PLAIN


def build(*, input_shape, num_classes, seed=0):
    """Two 5x5 convolutions (32, 64; "same", ReLU, max-pool 2), dense 1024 (`embedding`), dense `logits`.

    `input_shape` is (height, width, channels). Weights start from a truncated normal of standard deviation 0.1,
    biases at 0.1, as in the release; on MNIST there are 3,274,634 parameters. Equal seeds give equal weights.
    """

    def start(number):
        return {
            "kernel_initializer": keras.initializers.TruncatedNormal(stddev=0.1, seed=10 * seed + number),
            "bias_initializer": keras.initializers.Constant(0.1),
        }

    x = inputs = keras.Input(tuple(input_shape), name="image", **PLAIN)
    x = layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1", **start(1), **IMAGES)(x)
    x = layers.MaxPooling2D(2, padding="same", name="pool1", **IMAGES)(x)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2", **start(2), **IMAGES)(x)
    x = layers.MaxPooling2D(2, padding="same", name="pool2", **IMAGES)(x)
    x = layers.Flatten(name="flatten", **IMAGES)(x)
    x = layers.Dense(1024, activation="relu", name="embedding", **start(3), **PLAIN)(x)
    logits = layers.Dense(num_classes, name="logits", **start(4), **PLAIN)(x)
    return keras.Model(inputs, logits, name="madry_mnist")
