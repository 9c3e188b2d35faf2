"""The count of operations behind the shares that benchmarks/training.py prints."""

import keras
from keras import layers

import bsa
from benchmarks.training import operations_of_a_step


def test_operations_of_a_step_match_a_count_by_hand():
    x = inputs = keras.Input((4, 6, 1))
    x = layers.Conv2D(2, 3, padding="same")(x)  # 2 * 3*3*1*2 weights * 4*6 positions = 864
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(3, 1, strides=2, padding="same")(x)  # 2 * 2*3 * (1*2) = 24
    tiny = keras.Model(inputs, layers.Dense(5)(layers.Flatten()(x)))  # 2 * 6*5 = 60
    forward = 864 + 24 + 60
    assert operations_of_a_step(tiny, 1) == 2 * forward + 3 * forward - 864
    assert operations_of_a_step(tiny, 7) == 14 * forward + 3 * forward - 864

    madry = bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)
    forward = 2 * (784 * 25 * 32 + 196 * 25 * 32 * 64 + 3136 * 1024 + 1024 * 10)
    assert operations_of_a_step(madry, 7) == 17 * forward - 2 * 784 * 25 * 32
