"""The small convolutional network of Wong and Kolter (2018), as released with `convex_adversarial`."""

import keras
from keras import layers

from bsa.models import IMAGES
from bsa.models._wong import convolution, dense, image


def build(*, input_shape, num_classes, seed=0, mean=None, std=None):
    """Convolutions 4x4x16 and 4x4x32 of stride 2 (padding 1, ReLU), dense 100 (`embedding`), dense `logits`.

    `input_shape` is (height, width, channels), height and width multiples of 4: then a padding of 1 is Keras's
    "same". Weights start as in the release: convolutions from N(0, 2 / (k * k * filters)) with biases 0, dense layers
    from U(-b, b) with b = 1 / sqrt(fan_in), their biases likewise. Equal seeds give equal weights. `mean` and `std`
    normalise the pixels inside the network, as for CIFAR-10 in Wong et al. (2018).
    """
    first = 10 * seed
    inputs, x = image(input_shape, mean, std)
    x = convolution(16, 4, 2, seed=first + 1, name="conv1")(x)
    x = convolution(32, 4, 2, seed=first + 2, name="conv2")(x)
    x = layers.Flatten(name="flatten", **IMAGES)(x)
    x = dense(100, x.shape[-1], seeds=(first + 3, first + 8), activation="relu", name="embedding")(x)
    logits = dense(num_classes, 100, seeds=(first + 4, first + 9), name="logits")(x)
    return keras.Model(inputs, logits, name="wong_small")
