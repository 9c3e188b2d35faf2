"""Gradients for images are asked for, those of weights are not: in a process of its own, which TensorFlow may end."""

import subprocess
import sys

PROGRAM = """
import keras
import numpy as np
from bsa.checks._gradients import slopes

x = np.random.default_rng(0).uniform(size=(40, 60, 60, 8)).astype(np.float32)
image = keras.Input(x.shape[1:])
short = keras.layers.Conv2D(16, 1, strides=2, padding="same")(image)  # the shortcut of a residual network
model = keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(short)))
found = slopes(model, {"image": x, "white": np.minimum(x + 0.1, 1)}, np.arange(40) % 10)
print(*found, (1 - found["image"].zero).min())
"""


def test_a_shortcut_of_stride_2_does_not_end_the_process():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.split() == ["image", "white", "0.25"]  # a quarter of the pixels is seen, and has a gradient
