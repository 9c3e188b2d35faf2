"""The front door: names, defaults and errors without a spec."""

import numpy as np
import pytest

import bsa
from bsa.errors import UsageError


def test_defaults_are_those_of_the_fragments(trained):
    with pytest.raises(UsageError, match=r'"pgd": /epsilon: expected a key "epsilon"'):
        bsa.attack("pgd", trained)
    with pytest.raises(UsageError, match=r'"step"; did you mean "steps"'):
        bsa.attack("pgd", trained, epsilon=0.1, step=3)
    with pytest.raises(UsageError, match=r'no attacks component named "pdg".*did you mean "pgd"'):
        bsa.attack("pdg", trained, epsilon=0.1)
    with pytest.raises(UsageError, match="madry_mnist"):
        bsa.build("madry", input_shape=(28, 28, 1), num_classes=10)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"leg": {"starts": ["gray"]}}, r'/leg/starts/0.*did you mean "grey"'),
        ({"epsilon": 8}, "at most 1"),
        ({"epsilon": float("nan")}, "finite numbers"),
        ({"leg": {"tau_factor": 1}}, "a number below 1"),
        ({"mode": "least"}, "success, least_distortion"),
        ({"thresholds": ["eps"]}, "epsilon, scale"),
        ({"leg": {"steps": "many"}}, "a whole number"),
    ],
)
def test_values_are_checked_as_in_specs(trained, params, message):
    with pytest.raises(UsageError, match=message):
        bsa.attack("carlini_wagner_linf", trained, **{"epsilon": 0.1, **params})


def test_numpys_numbers_and_tuples_are_welcome(trained, digits):
    attack = bsa.attack("pgd", trained, epsilon=np.float32(0.1), thresholds=(0.1, 0.05), steps=np.int64(3))
    assert len(attack(digits.x[:5], digits.y[:5]).x) == 5


def test_a_measure_of_any_model(trained, digits):
    training = bsa.load("digits", split="train")
    steps = []
    found = bsa.measure("nearest", trained, digits.x[:20], digits.y[:20], training=training, k=(np.int64(1), 3),
                        progress=lambda done, total: steps.append((done, total)))  # fmt: skip
    assert found["distance"].shape == found["normalised"].shape == (2, 20)
    assert steps[0] == (0, 40)
    assert steps[-1] == (40, 40)
    itself = bsa.measure("nearest", trained, training.x[:20], training.y[:20], training=training, k=[1])
    assert itself["mean"][0] < 1e-3 * found["mean"][0]  # nearest to itself, but for the order of sums in two batches
    accuracy = bsa.measure("accuracy", trained, digits.x, digits.y, images=20)  # needs no training images
    assert accuracy["accuracy"] == found["correct"].mean()


def test_what_a_measure_needs(trained, digits):
    x, y = digits.x[:5], digits.y[:5]
    with pytest.raises(UsageError, match=r'"nearest": expected training images, such as training=bsa.load.*found none'):
        bsa.measure("nearest", trained, x, y)
    with pytest.raises(UsageError, match=r'no measures component named "nearst".*did you mean "nearest"'):
        bsa.measure("nearst", trained, x, y)
    with pytest.raises(UsageError, match=r'found "sanity": see bsa.sanity'):
        bsa.measure("sanity", trained, x, y)
    with pytest.raises(UsageError, match="/k: expected a list, found 5"):
        bsa.measure("nearest", trained, x, y, k=5)
    with pytest.raises(ValueError, match="divide 8-bit pixels by 255"):
        bsa.measure("accuracy", trained, 255 * x, y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_shape": (28, 28)}, r"input_shape of three positive whole numbers, found \(28, 28\)"),
        ({"input_shape": (None, None, 1)}, "input_shape of three positive whole numbers, found"),
        ({"input_shape": "28"}, "input_shape of three positive whole numbers, found 28"),
        ({"num_classes": 0}, "num_classes, a positive whole number, found 0"),
        ({"num_classes": 2.5}, "num_classes, a positive whole number, found 2.5"),
        ({"seed": "a"}, "a whole number as seed, found 'a'"),
    ],
)
def test_what_a_network_is_built_for_is_checked(given, message):
    with pytest.raises(UsageError, match=message):
        bsa.build("wong_small", **{"input_shape": (28, 28, 1), "num_classes": 10} | given)


def test_numpys_numbers_build_the_same_network():
    one = bsa.build("wong_small", input_shape=np.array([28, 28, 1]), num_classes=np.int64(10), seed=np.int64(2))
    two = bsa.build("wong_small", input_shape=[28, 28, 1], num_classes=10, seed=2)
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])


def test_there_must_be_images_to_measure_and_weights_to_train(trained, digits):
    with pytest.raises(UsageError, match="at least one image, found none"):
        bsa.measure("accuracy", trained, digits.x[:0], digits.y[:0])
    frozen = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    frozen.trainable = False
    with pytest.raises(ValueError, match="weights to train, found none"):
        bsa.fit("natural", frozen, digits, steps=1)
