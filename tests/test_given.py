"""Images and labels as people have them: taken as the data sets give them, or refused with what to do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.data import Dataset
from bsa.given import images, labels, pair


@pytest.fixture(scope="module")
def bytes_and_pixels():
    """20 images of the digits as bytes, and as bsa.load makes them of such."""
    x = (bsa.load("digits", split="test").x[:20] * 255).astype(np.uint8)
    return x, x.astype(np.float32) / np.float32(255)


def test_images_of_every_type_become_those_of_a_data_set(bytes_and_pixels):
    given, expected = bytes_and_pixels
    assert images(expected) is expected
    for x in (given, tf.constant(given), expected.astype(np.float64), tf.constant(expected), expected.tolist()):
        assert images(x, (28, 28, 1)).dtype == np.float32
        np.testing.assert_array_equal(images(x), expected)
    np.testing.assert_allclose(images(expected.astype(np.float16)), expected, atol=2**-11)  # half of float16's last bit
    np.testing.assert_allclose(images(tf.cast(expected, tf.bfloat16)), expected, atol=2**-8)
    assert images(expected > 0.5).dtype == np.float32


ADVICE = {
    "bytes as floats": (lambda x: x * 255.0, r"found \[0, 255\]: divide 8-bit pixels by 255, or give them as uint8"),
    "bytes as integers": (lambda x: (x * 255).astype(int), "or give them as uint8"),
    "16 bits": (lambda x: (x * 65535).astype(np.uint16), "16-bit pixels by 65535"),
    "standardised": (lambda x: (x - 0.13) / 0.3, r"undo the standardisation.*Normalization\(mean=mean, variance="),
    "about 0": (
        lambda x: x - 0.5,
        r"give x \+ 0.5, and put keras.layers.Rescaling\(1, offset=-0.5",
    ),
    "from -1": (
        lambda x: 2 * x - 1,
        r"give \(x \+ 1\) / 2, and put keras.layers.Rescaling\(2, offset=-1",
    ),
    "beyond by little": (lambda x: 1.002 * x - 0.001, r"numpy.clip\(x, 0, 1\)"),
    "bytes of 0 and 1": (lambda x: (x > 0.5).astype(np.uint8), "uint8 pixels from 0 to 255, found none above 1"),
    "NaN": (
        lambda x: np.where(np.arange(20)[:, None, None, None] == 7, np.nan, x),
        "1 of 20 images.* image 7",
    ),
    "too large": (lambda x: np.where(x == x[3].max(), np.inf, x), "pixels that are numbers, found NaN or infinity"),
    "text": (lambda x: x.astype(str), "uint8 or float pixels, found <U"),
    "complex": (lambda x: x + 1j, "uint8 or float pixels, found complex"),
    "no channel": (lambda x: x[..., 0], r"shape \(n, 28, 28, 1\), found shape \(20, 28, 28\): x\[..., None\] has"),
    "one image": (lambda x: x[0], r"found shape \(28, 28, 1\): x\[None\] is a batch"),
    "channels first": (lambda x: np.moveaxis(x, -1, 1), r"numpy.moveaxis\(x, 1, -1\) has the channels last"),
    "another size": (lambda x: x[:, 1:], r"found shape \(20, 27, 28, 1\)$"),
    "a number": (lambda x: 0.5, r"found shape \(\)$"),
    "lists of several lengths": (lambda x: [[0.5], [0.5, 0.5]], "as an array of numbers, found list"),
    "nothing": (lambda x: None, "as an array of numbers, found NoneType"),
    "a data set": (lambda x: tf.data.Dataset.from_tensors(x), "as an array of numbers, found _TensorDataset"),
}


@pytest.mark.parametrize("what", ADVICE)
def test_other_images_are_refused_with_what_to_do(bytes_and_pixels, what):
    change, message = ADVICE[what]
    with pytest.raises(ValueError, match=message) as error:
        images(change(bytes_and_pixels[1]), (28, 28, 1))
    assert "\n" not in str(error.value)


def test_sizes_that_are_open_are_named():
    with pytest.raises(ValueError, match=r"shape \(n, height, width, 3\), found shape \(2, 4, 4, 1\)"):
        images(np.zeros((2, 4, 4, 1)), (None, None, 3))


def test_labels_of_every_type_become_integers():
    y = np.array([3, 0, 2, 1])
    one_hot = np.eye(4)[y]
    given = [y.astype(kind) for kind in (np.uint8, np.int16, np.int64, np.uint64)]
    given += [y[:, None], y.tolist(), tf.constant(y), one_hot, one_hot > 0, one_hot.astype(np.uint8), one_hot.tolist()]
    for each in given:
        found = labels(each, 4, 4)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, y)
    assert labels([], 0, None).shape == (0,)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 2, 3, 4], "labels from 0 to 3, found 1 to 4: count them from 0, y - 1"),
        ([0, 1, 2, 4], "labels from 0 to 3, found 0 to 4$"),
        ([-1, 1, 2, 3], "found -1 to 3"),
        ([0, 1, 2], r"shape \(4,\), one for each image, found int64 of shape \(3,\)$"),
        ([0.0, 1.0, 2.0, 3.0], r"integer labels y.*found float64.*: give y.astype\(int\)"),
        ([0, 1, 2.5, 3], "integer labels y.*found float64.*such as 2.5"),
        ([0, 1, np.nan, 3], "integer labels y.*found float64.*such as nan"),
        (["a", "b", "b", "c"], r"found <U1 .*numpy.unique\(y, return_inverse=True\)"),
        (np.eye(5)[:4], r"one-hot labels y of 4 classes, found shape \(4, 5\)"),
        (np.full((4, 4), 0.25), r"a single 1 among 0s\), found others of shape \(4, 4\)"),
        ([[0], [1, 2], [3], [0]], "labels y as an array of numbers, found list"),
        (2, r"found int64 of shape \(\)"),
        (None, "labels y as an array of numbers, found NoneType"),
    ],
)
def test_other_labels_are_refused_with_what_to_do(y, message):
    with pytest.raises(ValueError, match=message) as error:
        labels(y, 4, 4)
    assert "\n" not in str(error.value)


def test_data_sets_of_every_form_are_the_same_pair(bytes_and_pixels):
    x, y = bytes_and_pixels[0], np.arange(20) % 10
    stream = tf.data.Dataset.from_tensor_slices((x, y))
    for data in (Dataset(x, y, 10), (x, y), [x, y], stream, stream.batch(7), stream.map(lambda x, y: (x, y[None]))):
        for shape in ((28, 28, 1), None):
            found = pair(data, shape)
            np.testing.assert_array_equal(found[0], x)
            np.testing.assert_array_equal(labels(found[1], 20, 10), y)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda x, y: x, "a Dataset, a tuple .* found ndarray"),
        (lambda x, y: (x, y, y), "found tuple of 3"),
        (lambda x, y: ((x, y), (x, y)), "found two tuples, as keras.datasets returns: give one of them"),
        (lambda x, y: None, "found NoneType"),
        (lambda x, y: tf.data.Dataset.from_tensor_slices(x), "pairs .image, label., found elements TensorSpec"),
        (lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).repeat(), r"repeats forever: give data.take\(n\)"),
        (lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).take(0), "of one size, found ValueError"),
        (
            lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).map(lambda x, y: (x[: 1 + y % 2], y)),
            "of one size, found ValueError",
        ),
        (
            lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).map(lambda x, y: (tf.gather(x, 99), y)),
            "found InvalidArgumentError",
        ),
    ],
)
def test_other_data_sets_are_refused(bytes_and_pixels, data, message):
    with pytest.raises(ValueError, match=message) as error:
        pair(data(bytes_and_pixels[1], np.arange(20)), (28, 28, 1))
    assert "\n" not in str(error.value)


def model():
    """Logits of the digits by one dense layer, the same at every call."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, name="logits")])


CALLS = {
    "fit": lambda model, x, y: bsa.fit("natural", model, (x, y), steps=2, batch_size=10)["loss"],
    "attack": lambda model, x, y: bsa.attack("pgd", model, epsilon=0.1, steps=2)(x, y).distance,
    "certificate": lambda model, x, y: bsa.certificate("outer_polytope", model, epsilon=0.1)(x, y).bounds,
    "measure": lambda model, x, y: bsa.measure(
        "nearest", model, x, y, training=tf.data.Dataset.from_tensor_slices((x, y)), layer="logits", k=[1]
    )["distance"],
    "sanity": lambda model, x, y: [
        str(check) for check in bsa.sanity("pgd", model, x, y, epsilon=0.1, steps=1, checks={"images": 4})
    ],
}


@pytest.mark.parametrize("call", CALLS)
def test_the_front_door_takes_the_same_forms_everywhere(call, bytes_and_pixels):
    given, x = bytes_and_pixels
    y = model()(x).numpy().argmax(-1)
    found, expected = CALLS[call](model(), given, np.eye(10)[y]), CALLS[call](model(), x, y.astype(np.int32))
    np.testing.assert_array_equal(found, expected)
    for refused, advice in ((255.0 * x, "divide 8-bit pixels by 255"), (x - 0.5, "put keras.layers.Rescaling")):
        with pytest.raises(ValueError, match=advice):
            CALLS[call](model(), refused, y)
    with pytest.raises(ValueError, match="count them from 0"):
        CALLS[call](model(), x, 1 + np.arange(20) % 10)
