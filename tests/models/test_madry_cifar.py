"""w32-10: the release's sizes and logits, starts, twins, and attacks with its batch norms in inference mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.criteria import linf
from bsa.errors import UsageError
from bsa.networks import logits
from bsa.rewrites.opened import opened
from bsa.rewrites.precision import twin

SHAPE = (16, 16, 3)


def build(**params):
    return bsa.build("madry_cifar", **{"input_shape": SHAPE, "num_classes": 10, "width": 2, "units": 2, **params})


def images(n=4):
    return np.random.default_rng(0).random((n, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """A narrow network whose norms are not at their start, and whose logits are 0 on the mean over some images."""
    model, rng = build(units=1, seed=1), np.random.default_rng(1)
    model.set_weights([w if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    bias = model.get_layer("logits").bias
    bias.assign(bias - np.mean(model(images(), training=False), 0))
    return model


def test_the_sizes_are_those_of_the_release():
    model = build(input_shape=(32, 32, 3), width=10, units=5)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 45_901_914
    assert sum(np.prod(v.shape) for v in model.non_trainable_variables) == 22_432
    assert model.get_layer("embedding").output.shape == (None, 640)
    assert bsa.build("madry_cifar", input_shape=(32, 32, 3), num_classes=43).output_shape == (None, 43)


def convolved(x, kernel, strides=1):
    """A 3x3 convolution as a sum over windows; "SAME" for even sides and stride 2 pads at the end alone."""
    before = 1 if strides == 1 else 0
    padded = np.pad(x, ((0, 0), (before, 1), (before, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::strides, ::strides]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel)


def released(x, weights, units, width):
    """The released definition in NumPy, on [0, 255] pixels; `weights` in the order of the release."""
    weights = iter(weights)

    def activated(x):
        gamma, beta, mean, variance = (next(weights) for _ in range(4))
        x = gamma * (x - mean) / np.sqrt(variance + 0.001) + beta
        return np.where(x < 0, 0.1 * x, x)

    deviation = np.maximum(x.std((1, 2, 3), keepdims=True), 1 / np.sqrt(x[0].size))
    x = convolved((x - x.mean((1, 2, 3), keepdims=True)) / deviation, next(weights))
    for filters, first in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
        for unit in range(units):
            shortcut, strides = x, first if unit == 0 else 1
            x = activated(x)
            if filters == 16 * width and unit == 0:
                shortcut = x
            x = convolved(activated(convolved(x, next(weights), strides)), next(weights))
            n, side, missing = len(x), x.shape[1], filters - shortcut.shape[3]
            if missing:
                shortcut = shortcut.reshape(n, side, strides, side, strides, -1).mean((2, 4))
                shortcut = np.pad(shortcut, ((0, 0), (0, 0), (0, 0), (missing // 2, missing // 2)))
            x = x + shortcut
    pooled = activated(x).mean((1, 2))
    return pooled, pooled @ next(weights) + next(weights)


@pytest.mark.parametrize(("width", "units"), [(1, 1), (2, 2), (3, 1)])
def test_logits_and_embedding_against_numpy(width, units):
    model, rng, x = build(width=width, units=units), np.random.default_rng(2), images()
    model.set_weights([w if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    pooled, expected = released(255 * x.astype(np.float64), [w.astype(np.float64) for w in model.get_weights()],
                                units, width)  # fmt: skip
    # float32 against float64, through up to 13 convolutions, of values near 10
    np.testing.assert_allclose(model(x, training=False), expected, rtol=1e-4, atol=1e-4)
    embedding = keras.Model(model.inputs, model.get_layer("embedding").output)
    np.testing.assert_allclose(embedding(x, training=False), pooled, rtol=1e-4, atol=1e-4)


def test_weights_start_as_released():
    model = build(width=4, units=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
            count = layer.kernel.numpy().size
            # the deviation of `count` normal draws is off by 1 / sqrt(2 count); five times that
            assert np.std(layer.kernel) == pytest.approx((2 / (9 * layer.filters)) ** 0.5, rel=5 / (2 * count) ** 0.5)
    kernel, bias = model.get_layer("logits").get_weights()
    bound = (3 / 256) ** 0.5
    assert np.abs(kernel).max() <= bound
    assert np.abs(kernel).max() > 0.99 * bound  # 2,560 uniform draws
    assert not bias.any()


def test_what_decays_is_named_kernel():
    model = build()
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    assert len(kernels) == 1 + 2 * 3 * 2 + 1
    assert all(len(v.shape) == 1 for v in model.trainable_variables if v.name != "kernel")


def test_equal_seeds_give_equal_weights_and_no_two_layers_share_theirs():
    a, b, c = (build(seed=s).get_weights() for s in (1, 1, 2))
    for one, two in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, two)
    first = [w.flat[0] / w.std() for w in a + c if w.ndim > 1]
    assert len(set(np.round(first, 6))) == len(first)


def test_it_saves_loads_clones_and_has_twins(network, tmp_path):
    x = images()
    expected = network(x, training=False).numpy()
    network.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(x, training=False), expected)
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_array_equal(clone(x, training=False), expected)
    low = twin(network, "mixed_bfloat16")
    # bfloat16 keeps 8 bits: errors of 0.4 % in each of the layers add up to a few, of logits before their bias
    size = np.abs(expected - network.get_layer("logits").bias.numpy()).max()
    np.testing.assert_allclose(low(x, training=False), expected, atol=0.05 * size)
    assert opened(network, 80) is network  # a leaky ReLU passes gradients as it is


def test_a_twin_in_lower_precision_standardises_in_float32(network):
    low = twin(network, "mixed_bfloat16")
    before, after = (m.get_layer("conv").input for m in (network, low))
    assert before.dtype == after.dtype == "float32"


def test_a_constant_image_has_logits_and_gradients(network):
    """The attack's grey start: its standard deviation is 0."""
    x = tf.fill((1, *SHAPE), 0.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_max(network(x, training=False))
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, x)).all()


def test_an_image_and_its_shifted_scaled_copy_are_one_to_it(network):
    x = images()
    # float32 of pixels near 100: seven digits
    np.testing.assert_allclose(
        network(0.8 * x + 0.15, training=False), network(x, training=False), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("corner_descent", {"effort": "quick", "leg": {"steps": 8}, "resume": {"times": 0}}),
        (
            "carlini_wagner_linf",
            {"leg": {"steps": 30, "learning_rate": 0.05, "constant": 1, "constant_max": 1, "tau_factor": 0.5}},
        ),
    ],
)
def test_attacks_run_in_inference_mode(name, params, precision, network):
    x = images(6)
    y, before = logits(network, x).argmax(-1), [w.copy() for w in network.get_weights()]
    found = bsa.attack(name, network, epsilon=0.25, gradient={"precision": precision}, batch_size=4, **params)(
        x, y, seed=0
    )
    assert found.success.any()
    assert (linf(found.x, x)[found.success] <= 0.25 + 1e-6).all()
    assert (logits(network, found.x).argmax(-1)[found.success] != y[found.success]).all()
    for one, two in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_sides_that_strides_do_not_divide():
    with pytest.raises(UsageError, match="multiples of 4 for madry_cifar, found 30x32"):
        build(input_shape=(30, 32, 3))
    with pytest.raises(UsageError, match="/width: expected"):
        build(width=0)
