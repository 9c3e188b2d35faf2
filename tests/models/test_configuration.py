"""Keras's settings on a machine (keras.json, `keras.config`) change none of our networks, nor how they train."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, json, sys
import keras
import numpy as np
import bsa
from bsa.data import Dataset
from bsa.rewrites import quick

def digest(arrays):
    return [(str(a.dtype), a.shape, hashlib.sha256(a.tobytes()).hexdigest()) for a in map(np.asarray, arrays)]

def told(floatx, policy, form, epsilon):
    keras.utils.clear_session()  # names are counted from 0
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(form)
    keras.config.set_epsilon(epsilon)
    keras.config.set_dtype_policy(policy)
    x = np.random.default_rng(0).random((8, 28, 28, 3), np.float32)
    found = {}
    for name, params in {"madry_mnist": {}, "sinha_elu": {}, "wong_small": {"mean": [0.4], "std": [0.3]},
                         "wong_large": {}, "madry_cifar": {"width": 1, "units": 1}}.items():
        model = bsa.build(name, input_shape=(28, 28, 3), num_classes=3, seed=1, **params)
        found[name] = [model.get_config(), digest([model(x, training=False), *model.get_weights()])]
    for optimizer in ("sgd", "adam"):
        model = bsa.build("wong_small", input_shape=(28, 28, 3), num_classes=3, seed=1)
        data = Dataset(x, np.arange(8, dtype=np.int32) % 3, 3)
        bsa.fit("natural", model, data, steps=2, batch_size=4, optimizer=optimizer, learning_rate=1e-3)
        found[optimizer] = digest(model.get_weights())
    if form == "channels_first":
        quick.gains(quick.Conv2D)  # builds a layer of images, whatever the time that it takes
    image = keras.Input((4,), dtype="float32")
    own = keras.Model(image, keras.layers.Dense(2, name="own")(image))
    found["own"] = own.get_layer("own").dtype_policy.name
    return found

print(json.dumps([told(*settings) for settings in json.loads(sys.argv[1])], default=str))
"""
SETTINGS = [  # of plain Keras, and odd ones
    ("float32", "float32", "channels_last", 1e-7),
    ("float64", "float64", "channels_first", 0.25),
    ("float16", "mixed_bfloat16", "channels_first", 1e-7),
]


@pytest.fixture(scope="module")
def told():
    """What a process says of our networks under each of `SETTINGS`; they are Keras's own state, so not in ours."""
    words = [sys.executable, "-c", PROGRAM, json.dumps(SETTINGS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", [1, 2], ids=lambda number: SETTINGS[number][1])
def test_networks_and_training_are_bit_for_bit_those_of_plain_settings(number, told):
    assert told[number].pop("own") == SETTINGS[number][1]  # a network of the user's own stays as she makes it
    for name, found in told[number].items():
        assert found == told[0][name], name
