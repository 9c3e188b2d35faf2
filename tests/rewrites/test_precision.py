"""Twins in another precision."""

import contextlib

import keras
import numpy as np
import pytest

from bsa.rewrites import convolution, precision
from bsa.rewrites.precision import in_float32, replica, slowdown, twin


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


@pytest.fixture(params=[13.1, 0.5])
def slow(request, monkeypatch):
    """Whether this machine takes itself for slow in bfloat16."""
    times = {"mixed_bfloat16": request.param, "float32": 1}
    monkeypatch.setattr(precision, "slowdown", lambda policy: times[policy])
    return request.param > 1


@pytest.mark.parametrize("copied", [twin, replica])
def test_where_a_precision_is_slow_convolutions_have_other_gradients(copied, slow, trained):
    low = copied(trained, "mixed_bfloat16")
    assert [type(low.get_layer(f"conv{i}")) is convolution.Conv2D for i in (1, 2)] == [slow, slow]
    assert low.get_layer("conv1").compute_dtype == "bfloat16"
    again = in_float32(low)
    np.testing.assert_array_equal(again(np.ones((2, 28, 28, 1))), trained(np.ones((2, 28, 28, 1))))


@pytest.mark.filterwarnings("error")
def test_what_stays_slow_is_told(slow):
    layers = keras.layers.Conv2D(3, 3, name="helped"), keras.layers.DepthwiseConv2D(3, name="deep")
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(3)])
    told = r"mixed_bfloat16 .* 13.1 times .*, and deep cannot .* precision float32"
    with pytest.warns(UserWarning, match=told) if slow else contextlib.nullcontext():
        twin(model, "mixed_bfloat16")


def test_the_slowness_of_a_precision_is_measured():
    assert slowdown("float32") == 1
    assert 0 < slowdown("mixed_bfloat16") < np.inf


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


def small(*last):
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3), *last])


def test_a_sequential_twin_and_one_of_nested_models_answer_in_float32():
    nested = keras.Sequential([keras.Input((4, 4, 1)), small(), keras.layers.Dense(5)])
    inside = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Rescaling(2.0), small()])
    for model in (small(), nested, inside):
        low = twin(model, "mixed_bfloat16")
        assert low(np.ones((2, 4, 4, 1), np.float32)).dtype == "float32"
        kinds = {layer.compute_dtype for layer in low._flatten_layers() if not hasattr(layer, "inputs")}
        assert kinds == {"float32", "bfloat16"}
    assert twin(nested, "mixed_bfloat16").layers[0].layers[-1].compute_dtype == "bfloat16"


def test_inputs_and_models_of_a_low_global_policy_do_not_make_float32_layers_low():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layers = keras.layers.Flatten(dtype="float32"), keras.layers.Dense(3, dtype="float32")
        exact = keras.Sequential([keras.Input((4, 4, 1)), *layers])
        low = small()
        raised = in_float32(low)
    finally:
        keras.config.set_dtype_policy(before)
    assert in_float32(exact) is exact
    assert low.layers[-1].compute_dtype == "bfloat16"
    x = np.random.default_rng(0).random((5, 4, 4, 1), np.float32)
    weights, bias = low.get_weights()
    # float32 rounds at 6e-8 of terms up to 1; bfloat16, at 4e-3, would show
    np.testing.assert_allclose(raised(x), x.reshape(5, -1) @ weights + bias, atol=1e-5)


def test_a_low_model_is_raised_to_float32_at_any_depth():
    nested = keras.Sequential([keras.Input((4, 4, 1)), twin(small(keras.layers.Dense(4)), "mixed_bfloat16")])
    raised = in_float32(nested)
    assert raised is not nested
    assert raised.layers[0].layers[1].compute_dtype == "float32"
    np.testing.assert_array_equal(raised.get_weights()[0], nested.get_weights()[0])
    within = keras.layers.TimeDistributed(keras.layers.Dense(2, dtype="mixed_bfloat16"))
    hidden = keras.Sequential([keras.Input((3, 4)), within, keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"expected float32 layers, found .*dense.*: build the model in float32"):
        in_float32(hidden)
    model = small()
    assert in_float32(model) is model
