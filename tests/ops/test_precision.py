"""Twins in another precision."""

import keras
import numpy as np
import pytest

from bsa.ops.precision import twin


def test_a_twin_has_the_weights_computes_low_and_answers_in_float32(trained, digits):
    low = twin(trained, "mixed_bfloat16")
    assert low.get_layer("conv1").compute_dtype == "bfloat16"
    assert all(v.dtype == "float32" for v in low.variables)
    answer = low(digits.x[:50]).numpy()
    assert answer.dtype == np.float32
    expected = trained(digits.x[:50]).numpy()
    assert np.abs(answer - expected).max() < 0.05 * np.abs(expected).max()  # bfloat16 keeps 8 bits
    assert np.abs(answer - expected).max() > 0
    assert twin(trained, "float32") is trained
    assert keras.config.dtype_policy().name == "float32"


def test_a_model_that_cannot_be_cloned_is_an_error():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="precision float32"):
        twin(Own(), "mixed_bfloat16")


def test_operations_of_a_functional_model_are_kept(digits):
    image = keras.Input((28, 28, 1))
    x = keras.ops.relu(keras.layers.Dense(20, name="hidden")(keras.layers.Flatten()(image)))
    model = keras.Model(image, keras.layers.Dense(10)(x))
    low = twin(model, "mixed_bfloat16")
    assert low.get_layer("hidden").compute_dtype == "bfloat16"
    expected = model(digits.x[:50]).numpy()
    assert np.abs(low(digits.x[:50]).numpy() - expected).max() < 0.05 * np.abs(expected).max()  # bfloat16 keeps 8 bits
