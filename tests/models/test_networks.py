"""Networks as released: sizes, starts, names, and that they save, load and clone."""

import keras
import numpy as np
import pytest

import bsa

PARAMETERS = {"madry_mnist": 3_274_634, "sinha_elu": 710_218, "wong_large": 1_974_762, "wong_small": 166_406}
FEATURES = {"madry_mnist": 1024, "sinha_elu": 128, "wong_large": 512, "wong_small": 100}


@pytest.fixture(params=sorted(PARAMETERS))
def name(request):
    return request.param


def build(name, **params):
    return bsa.build(name, input_shape=(28, 28, 1), num_classes=10, **params)


def test_parameters_are_those_of_the_release(name):
    assert build(name).count_params() == PARAMETERS[name]


def test_embedding_and_logits_are_named(name):
    model = build(name)
    assert model.get_layer("embedding").output.shape == (None, FEATURES[name])
    assert model.get_layer("logits").output is model.output or model.layers[-1].name == "logits"
    assert model.get_layer("logits").activation is keras.activations.linear


def test_equal_seeds_give_equal_weights_and_no_two_layers_share_theirs(name):
    a, b, c = build(name, seed=1), build(name, seed=1), build(name, seed=2)
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    assert (a.get_weights()[0] != c.get_weights()[0]).any()


def test_it_saves_loads_and_clones(name, tmp_path, digits):
    model = build(name)
    expected = model(digits.x[:5]).numpy()
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(digits.x[:5]), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(digits.x[:5]), expected)


def test_madrys_weights_start_as_released():
    kernels, biases = build("madry_mnist").get_weights()[::2], build("madry_mnist").get_weights()[1::2]
    for kernel in kernels:
        assert np.abs(kernel).max() <= 0.2 + 1e-6  # a truncated normal ends at two standard deviations of 0.1
    # the standard deviation of a normal truncated at two is 0.8796 of the full one's
    assert kernels[2].std() == pytest.approx(0.08796, rel=0.01)
    assert all((bias == np.float32(0.1)).all() for bias in biases)


def test_madrys_logits_against_numpy(digits):
    """An independent computation of the released definition: convolutions as sums over their windows."""
    model = build("madry_mnist", seed=3)
    x = digits.x[:2].astype(np.float64)
    weights = [w.astype(np.float64) for w in model.get_weights()]

    def convolve(x, kernel, bias):
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
        x = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias, 0)
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    x = convolve(convolve(x, *weights[0:2]), *weights[2:4]).reshape(2, -1)
    x = np.maximum(x @ weights[4] + weights[5], 0)
    np.testing.assert_allclose(model(digits.x[:2]), x @ weights[6] + weights[7], rtol=1e-4, atol=1e-4)


def convolved(x, kernel, bias, strides, pad):
    """A convolution (n, height, width, in) with a kernel (k, k, in, out) as sums over windows; `pad` on every side."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(1, 2))[:, ::strides, ::strides]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def test_wongs_large_logits_against_numpy(digits):
    """The release pads by 1 on every side: for even sizes Keras's "same" must be that."""
    model = build("wong_large", seed=3)
    x, weights = digits.x[:2].astype(np.float64), [w.astype(np.float64) for w in model.get_weights()]
    for layer, strides in enumerate((1, 2, 1, 2)):
        x = np.maximum(convolved(x, *weights[2 * layer : 2 * layer + 2], strides, 1), 0)
    x = x.reshape(2, -1)
    for kernel, bias in (weights[8:10], weights[10:12]):
        x = np.maximum(x @ kernel + bias, 0)
    # float32 against float64, of logits near 0.1
    np.testing.assert_allclose(model(digits.x[:2]), x @ weights[12] + weights[13], atol=1e-5)


def test_sinhas_logits_against_numpy(digits):
    model = build("sinha_elu", seed=3)
    x, weights = digits.x[:2].astype(np.float64), [w.astype(np.float64) for w in model.get_weights()]
    # "same" for 28 pixels, windows of 8 and steps of 2: 13 * 2 + 8 - 28 = 6 in all, 3 on every side
    for layer, (strides, pad) in enumerate(((2, 3), (2, 0), (1, 0))):
        x = convolved(x, *weights[2 * layer : 2 * layer + 2], strides, pad)
        x = np.where(x > 0, x, np.expm1(x))
    assert x.shape == (2, 1, 1, 128)
    # float32 against float64, of logits near 1
    np.testing.assert_allclose(model(digits.x[:2]), x.reshape(2, -1) @ weights[6] + weights[7], atol=1e-5)
