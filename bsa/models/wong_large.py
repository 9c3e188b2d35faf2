"""The large convolutional network of Wong et al. (2018), as released with `convex_adversarial`."""

import keras
from keras import layers

from bsa.models import IMAGES
from bsa.models._wong import convolution, dense, image


def build(*, input_shape, num_classes, seed=0, mean=None, std=None):
    """Convolutions 3x3x32, 4x4x32 of stride 2, 3x3x64, 4x4x64 of stride 2, dense 512 (`embedding`), 512, `logits`.

    All with ReLU, but for the logits. `input_shape` is (height, width, channels), height and width multiples of 4:
    then a padding of 1 is Keras's "same". Weights start as those of `wong_small`; on MNIST there are 1,974,762
    parameters. Equal seeds give equal weights. `mean` and `std` normalise the pixels inside the network, as for
    CIFAR-10.
    """
    first = 20 * seed
    inputs, x = image(input_shape, mean, std)
    for number, (filters, size, strides) in enumerate([(32, 3, 1), (32, 4, 2), (64, 3, 1), (64, 4, 2)], start=1):
        x = convolution(filters, size, strides, seed=first + number, name=f"conv{number}")(x)
    x = layers.Flatten(name="flatten", **IMAGES)(x)
    x = dense(512, x.shape[-1], seeds=(first + 5, first + 15), activation="relu", name="embedding")(x)
    x = dense(512, 512, seeds=(first + 6, first + 16), activation="relu", name="dense")(x)
    logits = dense(num_classes, 512, seeds=(first + 7, first + 17), name="logits")(x)
    return keras.Model(inputs, logits, name="wong_large")
