"""Images that are read as they are asked for are the same as those in memory, wherever they are given."""

import pickle

import keras
import numpy as np
import pytest

import bsa
from bsa.data import Dataset
from bsa.errors import TrainingError
from bsa.lazy import BLOCK, LazyImages
from bsa.networks import embedding, logits


@pytest.fixture
def both():
    """The images of more than two blocks, in memory and not, and the numbers of those that were read."""
    x = np.random.default_rng(0).random((2 * BLOCK + 3, 6, 5, 1), np.float32)
    asked = []

    def read(rows):
        asked.extend(rows.tolist())
        return x[rows]

    return x, LazyImages(read, np.arange(len(x)), x.shape[1:]), asked


def test_they_are_indexed_as_an_array_is(both):
    x, lazy, _ = both
    assert (len(lazy), lazy.shape, lazy.dtype, lazy.ndim) == (len(x), x.shape, x.dtype, x.ndim)
    rows = np.array([5, 1, 100, 5])
    keys = (3, -1, rows, rows.tolist(), np.arange(len(x)) % 7 == 0, slice(2, 9), slice(None, None, -3), slice(4, 4))
    for key in (*keys, np.zeros(0, int)):
        np.testing.assert_array_equal(np.asarray(lazy[key]), x[key])
        np.testing.assert_array_equal(np.asarray(lazy[10:][key % 20 if isinstance(key, int) else slice(3)]),
                                      x[10:][key % 20 if isinstance(key, int) else slice(3)])  # fmt: skip
    np.testing.assert_array_equal(np.asarray(lazy), x)
    assert np.asarray(lazy, np.float64).dtype == np.float64
    with pytest.raises(IndexError):
        lazy[len(x)]


def test_a_slice_reads_nothing_until_it_is_used(both):
    _, lazy, asked = both
    part = lazy[5:100][1:3]
    assert asked == []
    np.asarray(part)
    assert asked == [6, 7]


def test_a_change_is_told_which_images_it_changes(both):
    x, lazy, _ = both
    moved = lazy.then(lambda x, rows: x * np.float32(rows)[:, None, None, None])
    np.testing.assert_array_equal(moved[np.array([7, 2])], x[[7, 2]] * np.float32([7, 2])[:, None, None, None])
    np.testing.assert_array_equal(moved[50:][3], x[53] * np.float32(53))


def test_to_another_process_they_travel_as_an_array(both):
    x, lazy, _ = both
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy[4:6])), x[4:6])


def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(name="embedding"), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 5, 1)), *layers])


def test_networks_attacks_and_measures_take_them(both):
    x, lazy, _ = both
    network = model()
    np.testing.assert_array_equal(logits(network, lazy), logits(network, x))
    np.testing.assert_array_equal(embedding(network, lazy[:9]), embedding(network, x[:9]))
    y = logits(network, x).argmax(-1)
    attack = bsa.attack("pgd", network, epsilon=0.1, steps=2)
    np.testing.assert_array_equal(attack(lazy[:8], y[:8]).x, attack(x[:8], y[:8]).x)
    found, expected = (bsa.measure("accuracy", network, given, y) for given in (lazy, x))
    np.testing.assert_array_equal(found["correct"], expected["correct"])
    with pytest.raises(ValueError, match=r"expected images x of shape \(n, 6, 6, 1\), found shape \(131, 6, 5, 1\)"):
        bsa.given.images(lazy, (6, 6, 1))


def test_training_on_them_is_the_same_to_the_bit_and_reads_a_batch_at_a_time(both):
    x, lazy, asked = both
    y = np.arange(len(x), dtype=np.int32) % 3
    weights = []
    for given in (x, lazy):
        network = model()
        bsa.fit("natural", network, Dataset(given, y, 3), steps=3, batch_size=10, augmentation="flip_and_crop")
        weights.append(network.get_weights())
    for found, expected in zip(*weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(asked) < 2 * len(x)  # once for the sum of all, and three batches
    with pytest.raises(TrainingError, match="expected jit_compile false with images that are read as they are needed"):
        bsa.fit("natural", model(), Dataset(lazy, y, 3), steps=1, batch_size=10, jit_compile=True)
