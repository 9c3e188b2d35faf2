"""The MNIST network of Sinha et al. (2018), as released with their distributionally robust training."""

import keras
from keras import layers

from bsa.errors import UsageError
from bsa.models import IMAGES, PLAIN


def build(*, input_shape, num_classes, seed=0):
    """Convolutions 8x8x64 of stride 2 ("same"), 6x6x128 of stride 2 and 5x5x128 ("valid"), ELU; `embedding`, `logits`.

    `embedding` is the flattened output of the last convolution: 128 features for 28x28 images. `input_shape` is
    (height, width, channels). Weights start as in the release, by Keras's default: Glorot uniform, biases 0; on MNIST
    there are 710,218 parameters. Equal seeds give equal weights. Raises UsageError for images smaller than 27x27.
    """
    height, width, _ = input_shape
    if min(height, width) < 27:
        raise UsageError(f"expected images of at least 27x27 for sinha_elu, found {height}x{width}")

    def start(number):
        return keras.initializers.GlorotUniform(seed=10 * seed + number)

    x = inputs = keras.Input(tuple(input_shape), name="image", **PLAIN)
    for number, (filters, size, strides, padding) in enumerate(
        [(64, 8, 2, "same"), (128, 6, 2, "valid"), (128, 5, 1, "valid")], start=1
    ):
        x = layers.Conv2D(
            filters, size, strides=strides, padding=padding, activation="elu",
            kernel_initializer=start(number), name=f"conv{number}", **IMAGES,
        )(x)  # fmt: skip
    x = layers.Flatten(name="embedding", **IMAGES)(x)
    logits = layers.Dense(num_classes, kernel_initializer=start(4), name="logits", **PLAIN)(x)
    return keras.Model(inputs, logits, name="sinha_elu")
