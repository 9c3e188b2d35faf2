"""Layers with a quick gradient: the same function, the same slopes, wherever Keras can rebuild the model."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.rewrites import precision, timing
from bsa.rewrites import quick as module
from bsa.rewrites.quick import Conv2D, Dense, MaxPooling2D, quick

GAINS = module.gains


def slopes(model, x):
    """Of a sum of squares: for the images and for every weight."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(model(x, training=False) ** 2)
    return tape.gradient(value, [x, *model.trainable_variables])


@pytest.fixture
def gains():
    """The function itself, which other tests go without."""
    return GAINS


@pytest.fixture(autouse=True)
def timed(request, monkeypatch):
    """Whether each layer takes itself for quicker than TensorFlow's here: yes, or what a test says."""
    monkeypatch.delenv("BSA_KERNELS", raising=False)
    kinds = getattr(request, "param", (Conv2D, MaxPooling2D))
    monkeypatch.setattr(module, "gains", lambda kind: kind in kinds)
    return kinds


@pytest.fixture
def nested():
    """Large dense layers: one in a nested model, one on images (n, 28, 28, 1) row by row, one used twice."""
    keras.utils.set_random_seed(1)
    image = keras.Input((28, 28, 1))
    inner = keras.Sequential([keras.Input((784,)), keras.layers.Dense(100, "relu", name="inner")])
    twice = keras.layers.Dense(256, use_bias=False, name="twice")
    rows = keras.layers.Dense(2**16, name="rows")(image[:, ::28, ::28])
    wide = keras.layers.Dense(256)(inner(keras.layers.Flatten()(image)))
    y = keras.layers.Dense(10)(twice(twice(wide)))
    return keras.Model(image, y + keras.layers.Flatten()(rows)[:, :10])


def test_the_copy_gives_the_same_logits_and_gradients(nested, digits):
    copy, x = quick(nested), digits.x[:20]
    assert [type(layer) for layer in copy._flatten_layers() if layer.name in ("inner", "twice", "rows")] == [Dense] * 3
    np.testing.assert_array_equal(copy(x), nested(x))
    for found, expected in zip(slopes(copy, x), slopes(nested, x), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-5 * scale)  # sums of up to 784 float32s, in another order


@pytest.fixture(params=[13.1, 0.5])
def slow(request, monkeypatch):
    """Whether this machine takes itself for slow in bfloat16."""
    monkeypatch.setattr(precision, "slowdown", lambda policy: request.param if "bfloat16" in policy else 1)
    return request.param > 1


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("rows", [1, 7, 16, 33])
def test_any_number_of_rows(rows, policy, slow, digits):
    dense = keras.layers.Dense(100, dtype=policy)
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), dense])
    copy = quick(model)
    assert (type(copy.layers[-1]) is Dense) == (slow or policy == "float32")
    alike = [tf.cast(slopes(net, digits.x[:rows])[0], "float32").numpy() for net in (copy, model)]
    # sums in another order; in bfloat16 they are rounded to 8 bits, and may fall to either side
    np.testing.assert_allclose(*alike, rtol=0 if policy == "float32" else 2**-7, atol=1e-5 * np.abs(alike[1]).max())


def pooling(kind, settings, x):
    """What a pooling layer gives for x, and the gradient of a weighted sum of it, in the type of x."""
    layer, x = kind(**settings, dtype=x.dtype.name), tf.nn.relu(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        factors = tf.reshape(tf.range(tf.size(y)) % 7 - 3, tf.shape(y))
        value = tf.reduce_sum(y * tf.cast(factors, y.dtype))
    return y.numpy(), tape.gradient(value, x).numpy()


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("size", [2, (2, 3), 3, 5])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_sends_gradients_where_tensorflow_does(padding, size, kind):
    x = tf.random.stateless_normal((5, 12, 12, 4), [0, 1])  # many of a tile's pixels are tied at 0; 5 leaves a rest
    x = tf.cast(tf.round(2 * x) / 2, kind)  # and others at halves
    settings = {"pool_size": size, "padding": padding}
    found, expected = (pooling(layer, settings, x) for layer in (MaxPooling2D, keras.layers.MaxPooling2D))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert (found[1] != 0).any()


def test_pooling_of_images_of_any_size():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.MaxPooling2D(2)(image))
    copy, x = quick(model), tf.random.stateless_normal((2, 7, 8, 3), [0, 1])
    assert type(copy.layers[-1]) is MaxPooling2D
    np.testing.assert_array_equal(copy(x), model(x))


@pytest.mark.parametrize("gpus", [0, 1])
@pytest.mark.parametrize("strides", [None, 1])
@pytest.mark.parametrize("timed", [[MaxPooling2D], [Conv2D]], indirect=True)
def test_pooling_is_quick_where_tiles_do_not_overlap_no_gpu_is_and_it_pays(timed, strides, gpus, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [kind] * gpus)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.MaxPooling2D(2, strides)])
    assert (quick(model) is not model) == (timed == [MaxPooling2D] and strides is None and not gpus)


def compare(layer, shape, rounding):
    """A convolution's quick copy to itself, on three images of a size that is known or not."""
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    copy, x = quick(model), tf.random.stateless_normal((3, 13, 15, shape[-1]), [0, 1])
    assert type(copy.layers[-1]) is Conv2D
    np.testing.assert_array_equal(copy(x), model(x))
    for found, expected in zip(slopes(copy, x), slopes(model, x), strict=True):
        found, expected = (tf.cast(slope, "float32").numpy() for slope in (found, expected))
        np.testing.assert_allclose(found, expected, rtol=0, atol=rounding * np.abs(expected).max())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("strides", [1, 2, 3, 5, (2, 1)])
@pytest.mark.parametrize("size", [2, 3, (3, 5), 7])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolutions_of_few_channels(padding, size, strides, channels):
    """Blocks of 4 and of 2 pixels a side, which divide neither 13 nor 15; steps below, at and above them."""
    # sums of up to 294 in another order
    compare(keras.layers.Conv2D(6, size, strides, padding), (13, 15, channels), rounding=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_of_lower_precision(channels):
    layer = keras.layers.Conv2D(6, 5, padding="same", dtype="mixed_float16")
    compare(layer, (13, 15, channels), rounding=2e-3)  # which keeps 11 bits


def test_a_convolution_of_images_of_any_size():
    compare(keras.layers.Conv2D(6, 3), (None, None, 1), rounding=1e-6)  # threads add up in any order


@pytest.mark.parametrize(
    ("channels", "settings"),
    [
        (5, {}),
        (4, {"dilation_rate": 2}),
        (4, {"groups": 2}),
        (1, {"kernel_size": 1}),
        (3, {"data_format": "channels_first"}),
    ],
)
def test_other_convolutions_stay(channels, settings):
    shape = (channels, 9, 9) if "data_format" in settings else (9, 9, channels)
    model = keras.Sequential([keras.Input(shape), keras.layers.Conv2D(**{"filters": 6, "kernel_size": 3} | settings)])
    assert quick(model) is model


@pytest.mark.parametrize("timed", [[MaxPooling2D]], indirect=True)
def test_a_convolution_stays_where_it_does_not_pay(timed):
    model = keras.Sequential([keras.Input((9, 9, 1)), keras.layers.Conv2D(6, 3)])
    assert quick(model) is model


@pytest.mark.parametrize(
    ("ratio", "setting", "pays"),
    [(0.5, None, True), (0.95, None, False), (2, None, False), (2, "quick", True), (0.5, "tensorflow", False)],
)
@pytest.mark.parametrize("kind", [Conv2D, MaxPooling2D])
def test_a_layer_pays_that_takes_clearly_less_time_or_where_the_environment_says_so(
    kind, ratio, setting, pays, gains, monkeypatch
):
    def compared(ours, theirs):
        assert ours().shape == theirs().shape
        assert theirs().shape in (module.TIMED[kind][0], ())  # of a type's slowness a number
        return ratio

    monkeypatch.setattr(timing, "ratio", compared)
    monkeypatch.setattr(timing, "_found", {})
    monkeypatch.setenv("BSA_KERNELS", setting or "")
    assert gains(kind) == pays
    assert precision.slow("mixed_bfloat16") == (setting == "quick")
    timed = {} if setting else {kind.__name__: ratio, "bfloat16": ratio}
    assert module.chosen() == {"BSA_KERNELS": setting, "ratios": timed}


def test_tensorflows_own_kernels_can_be_asked_for(nested, monkeypatch):
    monkeypatch.setenv("BSA_KERNELS", "tensorflow")
    assert quick(nested) is nested
    monkeypatch.setenv("BSA_KERNELS", "mine")
    with pytest.raises(ValueError, match="expected BSA_KERNELS to be quick or tensorflow, or not set, found mine"):
        quick(nested)


def test_the_ratio_is_of_the_first_to_the_second():
    runs = lambda: time.sleep(0.02), lambda: None
    assert timing.ratio(*runs) > 1 > timing.ratio(*runs[::-1])


def test_the_copy_has_weights_of_its_own(nested):
    copy = quick(nested)
    nested.trainable_variables[0].assign_add(tf.ones_like(nested.trainable_variables[0]))
    assert not np.array_equal(copy.get_weights()[0], nested.get_weights()[0])


def test_exact_is_bit_for_bit(digits):
    keras.utils.set_random_seed(0)
    model = bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)
    copy, x = quick(model, exact=True), digits.x[:20]
    kinds = [type(copy.get_layer(name)) for name in ("conv1", "pool1", "embedding")]
    assert kinds == [keras.layers.Conv2D, MaxPooling2D, keras.layers.Dense]
    for found, expected in zip(slopes(copy, x), slopes(model, x), strict=True):
        np.testing.assert_array_equal(found, expected)


class Own(keras.layers.Layer):
    """A layer that Keras cannot rebuild from its config."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Dense(50)],  # few weights
        [keras.layers.Dense(100), Own(2.0)],
    ],
)
def test_a_model_with_nothing_to_gain_or_that_cannot_be_rebuilt_stays(layers):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), *layers])
    assert quick(model) is model
