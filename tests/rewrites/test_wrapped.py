"""Classifiers of people's own, wrapped: the same predictions, from [0, 1] images to logits, or one clear sentence."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import bsa
from bsa.networks import logits, target

SHAPE = (6, 5, 3)
X = np.random.default_rng(5).uniform(size=(20, *SHAPE)).astype(np.float32)


def dense(units, activation=None, **more):
    start = keras.initializers.RandomNormal(stddev=0.3, seed=1)
    return layers.Dense(units, activation=activation, kernel_initializer=start, name="last", **more)


def stack(*last, shape=SHAPE, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), layers.Flatten(), *last])


def softmax(z):
    return np.exp(z - z.max(-1, keepdims=True)) / np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True)


def by_operation():
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, keras.ops.softmax(dense(4)(layers.Flatten()(inputs))))


def nested():
    inputs = keras.Input(SHAPE)
    inner = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), dense(4, "softmax")], name="inner")
    return keras.Model(inputs, layers.Dropout(0.5)(inner(inputs)))


def in_a_dict():
    image = keras.Input(SHAPE, name="image")
    return keras.Model({"image": image}, {"classes": dense(4, "softmax")(layers.Flatten()(image))})


def reshaped():
    inputs = keras.Input(SHAPE)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, layers.Flatten()(layers.Softmax()(pooled)))


class Own(keras.Model):
    """A subclassed model."""

    def __init__(self, **more):
        super().__init__(**more)
        self.flat, self.last = layers.Flatten(), dense(4, "softmax")

    def call(self, x, training=False):
        return [self.last(self.flat(x))]


class Opaque(Own):
    """A subclassed model whose call is no matter of layers alone."""

    def call(self, x):
        return tf.nn.softmax(4 * tf.reduce_mean(x, (1, 2)) @ tf.eye(3))


PROBABILITIES = {
    "a dense layer's softmax": lambda: stack(dense(4, "softmax")),
    "an Activation": lambda: stack(dense(4), layers.Activation("softmax")),
    "a Softmax": lambda: stack(dense(4), layers.Softmax()),
    "an operation": by_operation,
    "within a nested model": nested,
    "a dict of one": in_a_dict,
    "before a Flatten": reshaped,
    "a subclassed model": Own,
}


@pytest.mark.parametrize("make", PROBABILITIES.values(), ids=PROBABILITIES)
def test_a_softmax_is_taken_off_exactly(make):
    model = make()
    given = {"image": X} if make is in_a_dict else X
    own = model(given, training=False)
    own = np.asarray(next(iter(own.values())) if isinstance(own, dict) else own[0] if isinstance(own, list) else own)
    wrapped = bsa.wrap(model, images=X)
    found = logits(wrapped, X)
    np.testing.assert_allclose(softmax(found.astype(np.float64)), own, atol=1e-6)  # a softmax in float32 and in float64
    assert np.abs(found.sum(-1) - 1).max() > 0.01  # and so they are no probabilities
    assert wrapped.wrapping.difference <= 1e-6
    assert "through its logits: the softmax of" in wrapped.wrapping.notes[0]
    assert target(wrapped) is wrapped  # as attacks take it


def test_the_log_softmax_and_the_sigmoids_of_several_classes_come_off_as_well():
    for name, back in (("log_softmax", lambda z: np.log(softmax(z))), ("sigmoid", lambda z: 1 / (1 + np.exp(-z)))):
        model = stack(dense(4, name))
        found = logits(bsa.wrap(model), X).astype(np.float64)
        np.testing.assert_allclose(back(found), np.asarray(model(X)), atol=1e-6)


def test_logits_stay_as_they_are_and_what_only_looks_like_probabilities_too():
    model = stack(dense(4))
    np.testing.assert_array_equal(logits(bsa.wrap(model), X), model(X))
    constant = layers.Dense(2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(0.5))
    assert "logarithm" not in " ".join(bsa.wrap(stack(constant)).wrapping.notes)  # its graph says that it is linear
    relu = bsa.wrap(stack(dense(4), layers.ReLU()))
    np.testing.assert_array_equal(logits(relu, X), np.maximum(model(X), 0))


def test_one_sigmoid_becomes_two_logits():
    model = stack(dense(1, "sigmoid"))
    found = logits(bsa.wrap(model), X)
    assert not found[:, 0].any()
    np.testing.assert_allclose(1 / (1 + np.exp(-found[:, 1].astype(np.float64))), np.asarray(model(X))[:, 0], atol=1e-6)
    linear = stack(dense(1))
    np.testing.assert_array_equal(logits(bsa.wrap(linear, outputs="logits"), X)[:, 1:], linear(X))


def test_log_probabilities_stand_for_logits_that_cannot_be_reached_and_have_their_gradients():
    model = Opaque()
    wrapped = bsa.wrap(model, images=X)
    assert "through their logarithms" in wrapped.wrapping.notes[0]
    found = logits(wrapped, X).astype(np.float64)
    np.testing.assert_allclose(np.exp(found), model(X), atol=1e-6)
    x = tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        scores, plain = wrapped(x), 4 * tf.reduce_mean(x, (1, 2))
        margins = [z[:, 0] - z[:, 1] for z in (scores, plain)]
    slopes = [tape.gradient(margin, x).numpy() for margin in margins]
    np.testing.assert_allclose(*slopes, atol=1e-6)  # of log p, those of the logits, but for float32


@pytest.mark.parametrize(
    ("pixels", "layer"),
    [
        ([0, 255], lambda x: 255 * x),
        ([-1, 1], lambda x: 2 * x - 1),
        ("tf", lambda x: 2 * x - 1),
        ({"mean": 0.5, "std": 0.25}, lambda x: (x - 0.5) / 0.25),
        ({"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}, lambda x: (x - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]),
        ("torch", lambda x: (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("caffe", lambda x: 255 * x[..., ::-1] - [103.939, 116.779, 123.68]),
    ],
    ids=["bytes", "signed", "tf", "mean and std", "of a channel", "torch", "caffe"],
)
def test_pixels_are_made_as_stated(pixels, layer):
    model = stack(dense(4, "softmax"))
    wrapped = bsa.wrap(model, pixels=pixels)
    np.testing.assert_allclose(softmax(logits(wrapped, X)), model(layer(X).astype(np.float32)), atol=2e-5)
    assert "in [0, 1], where distances are" in wrapped.wrapping.notes[0]


def test_whole_numbers_as_input_become_real_ones_through_which_gradients_pass():
    inputs = keras.Input(SHAPE, dtype="uint8")
    model = keras.Model(inputs, dense(4, "softmax")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs))))
    wrapped = bsa.wrap(model, pixels=[0, 255])
    bytes_ = np.rint(255 * X).astype(np.uint8)
    np.testing.assert_allclose(softmax(logits(wrapped, bytes_ / np.float32(255))), model(bytes_), atol=1e-6)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        margin = wrapped(x)[:, 0]
    kernel = model.get_layer("last").kernel.numpy()[:, 0].reshape(SHAPE)
    np.testing.assert_allclose(tape.gradient(margin, x)[0], kernel, atol=1e-6)


def test_an_adapted_normalization_under_mixed_precision():
    normal = layers.Normalization()
    normal.adapt(255 * X)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made = [normal, layers.Flatten(), layers.Dense(4), layers.Activation("softmax", dtype="float32")]
        model = keras.Sequential([keras.Input(SHAPE), *made])
        wrapped = bsa.wrap(model, pixels=[0, 255], images=X)
    finally:
        keras.config.set_dtype_policy("float32")
    exact = target(wrapped)
    assert exact.output.dtype == "float32"
    np.testing.assert_allclose(softmax(logits(exact, X)), model(255 * X), atol=5e-3)  # of sums in float16


def test_shapes_of_images_that_networks_take():
    grey = np.random.default_rng(0).uniform(size=(4, 6, 5, 1)).astype(np.float32)
    flat = keras.Sequential([keras.Input((30,)), dense(3, "softmax")])
    plane = stack(dense(3, "softmax"), shape=(6, 5))
    for model, seen in ((flat, grey.reshape(4, 30)), (plane, grey[..., 0])):
        found = logits(bsa.wrap(model, input_shape=(6, 5, 1)), grey)
        np.testing.assert_allclose(softmax(found), model(seen), atol=1e-6)
    anything = keras.Sequential([keras.Input((None, None, 3)), layers.GlobalAveragePooling2D(), dense(3, "softmax")])
    assert bsa.wrap(anything, input_shape=SHAPE).input_shape == (None, *SHAPE)
    called = keras.Sequential([layers.Flatten(), dense(3, "softmax")])
    called(X[:7])  # for good a batch of 7 to Keras
    wrapped = bsa.wrap(called)
    assert wrapped.input_shape == (None, *SHAPE)
    np.testing.assert_allclose(softmax(logits(wrapped, X[:7])), called(X[:7]), atol=1e-6)


def test_one_of_several_outputs_is_chosen_by_name_or_number():
    inputs = keras.Input(SHAPE)
    flat = layers.Flatten()(inputs)
    both = keras.Model(inputs, {"age": layers.Dense(1)(flat), "kind": dense(4, "softmax")(flat)})
    for output in ("kind", 1):
        np.testing.assert_allclose(softmax(logits(bsa.wrap(both, output=output), X)), both(X)["kind"], atol=1e-6)


def two_inputs():
    a, b = keras.Input(SHAPE, name="left"), keras.Input(SHAPE, name="right")
    return keras.Model([a, b], dense(3)(layers.Flatten()(layers.Add()([a, b]))))


def two_outputs():
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, {"kind": dense(3)(layers.Flatten()(inputs)), "mask": layers.Conv2D(1, 3)(inputs)})


WRONG = {
    "two inputs": (two_inputs, {}, "expected a model with one input, images, found 2: left, right"),
    "several outputs": (two_outputs, {}, "which of kind, mask is the classes' as `output`"),
    "no such output": (two_outputs, {"output": "clas"}, "which of kind, mask .* found 'clas'"),
    "a regression": (lambda: stack(dense(1)), {}, 'where it is the logit .* state outputs "logits"; a regression has'),
    "one softmax": (lambda: stack(dense(1, "softmax")), {}, "found one output and a softmax, always"),
    "a segmentation": (
        lambda: keras.Sequential([keras.Input(SHAPE), layers.Conv2D(3, 3)]), {}, r"found \(n, 4, 3, 3\): a network",
    ),
    "not called": (Own, {}, r"found one that was not called yet: give input_shape=\(height, width, channels\)"),
    "no weights": (Own, {"input_shape": SHAPE}, "expected a model with its weights, found that 2 were drawn"),
    "other sizes": (lambda: stack(dense(3)), {"input_shape": (9, 5, 3)}, r"\(6, 5, 3\), which the network takes"),
    "other channels": (lambda: stack(dense(3)), {"input_shape": (6, 5, 1)}, r"found \(6, 5, 1\): give images of"),
    "logits as probabilities": (
        lambda: stack(dense(3)), {"outputs": "probabilities"}, "of the layer last, which has no activation: state",
    ),
    "a word": (lambda: stack(dense(3)), {"outputs": "logit"}, "one of auto, logits, probabilities, found 'logit'"),
    "a mean of 2": (
        lambda: stack(dense(3)), {"pixels": {"mean": [0.1, 0.2], "std": 1}}, "one number or 3, .*found 2",
    ),
    "a mean in bytes": (
        lambda: stack(dense(3)), {"pixels": {"mean": 120, "std": 60}}, "found 120: divide mean and std by 255",
    ),
    "pixels upside down": (lambda: stack(dense(3)), {"pixels": [255, 0]}, "with low < high, found"),
    "no number": (lambda: stack(layers.Dense(3, bias_initializer=keras.initializers.Constant(np.inf))), {},
                  "expected finite outputs, found NaN or infinity"),
    "no model": (lambda: (lambda x: x), {}, "expected a Keras model, found function"),
}  # fmt: skip


def test_what_only_looks_idle_is_not_taken_off():
    """Dropout that is always on is part of the predictions, though its class is one that rests in inference."""

    class On(layers.Dropout):
        def call(self, x, training=None):
            return super().call(x, training=True)

    wrapped = bsa.wrap(stack(dense(4, "softmax"), On(0.5)), images=X)
    assert any("from call to call" in note for note in wrapped.wrapping.notes)
    assert not np.array_equal(wrapped(X), wrapped(X))


def test_a_softmax_of_somebodys_own_is_attacked_through_logarithms():
    class Sharp(layers.Softmax):
        def call(self, x):
            return super().call(3 * x)

    model = stack(dense(4), Sharp())
    wrapped = bsa.wrap(model, images=X)
    assert "its logits cannot be reached" in wrapped.wrapping.notes[0]
    np.testing.assert_allclose(np.exp(wrapped(X)), model(X), atol=1e-6)


def test_images_to_compare_on_are_such_as_attacks_take():
    model = stack(dense(4, "softmax"))
    assert bsa.wrap(model, images=np.uint8(255 * X)).wrapping.difference < 1e-6
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\], found .*: divide 8-bit pixels by 255"):
        bsa.wrap(model, images=255 * X)


@pytest.mark.parametrize(("make", "given", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_classifier_of_images_ends_in_a_sentence(make, given, message):
    with pytest.raises(ValueError, match=message) as caught:
        bsa.wrap(make(), **given)
    assert "\n" not in str(caught.value)
