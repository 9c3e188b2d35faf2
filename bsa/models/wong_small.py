"""The small convolutional network of Wong and Kolter (2018), as released with `convex_adversarial`."""

import keras
from keras import layers


def build(*, input_shape, num_classes, seed=0):
    """Convolutions 4x4x16 and 4x4x32 of stride 2 (padding 1, ReLU), dense 100 (`embedding`), dense `logits`.

    `input_shape` is (height, width, channels), height and width even. For even sizes a padding of 1 is Keras's
    "same". Weights start as in the release: convolutions from N(0, 2 / (k * k * filters)) with biases 0, dense layers
    from U(-b, b) with b = 1 / sqrt(fan_in), their biases likewise. Equal seeds give equal weights.
    """

    def convolution(filters, number):
        spread = (2 / (4 * 4 * filters)) ** 0.5
        kernel = keras.initializers.RandomNormal(stddev=spread, seed=10 * seed + number)
        return layers.Conv2D(
            filters, 4, strides=2, padding="same", activation="relu", kernel_initializer=kernel, name=f"conv{number}"
        )

    def dense(units, fan_in, number, **more):
        bound = fan_in**-0.5
        kernel = keras.initializers.RandomUniform(-bound, bound, seed=10 * seed + number)
        bias = keras.initializers.RandomUniform(-bound, bound, seed=10 * seed + number + 5)
        return layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, **more)

    inputs = keras.Input(tuple(input_shape), name="image")
    x = layers.Flatten(name="flatten")(convolution(32, 2)(convolution(16, 1)(inputs)))
    x = dense(100, x.shape[-1], 3, activation="relu", name="embedding")(x)
    return keras.Model(inputs, dense(num_classes, 100, 4, name="logits")(x), name="wong_small")
