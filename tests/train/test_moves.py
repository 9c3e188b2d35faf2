"""Training over transformations: where the points lie, what they hang on, and that each objective takes them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.errors import UsageError
from bsa.train import _checkpoint, _moves

N = 4096
ENDS = tf.constant(np.tile(np.float32([0, 1]), (N, 1)).reshape(N, 2, 1, 1))  # black and white tell scale and shift
SCALE_SHIFT = {"chain": ["scale_shift"], "ranges": {"scale": [0.65, 1]}, "alone": 0.2}
DENSE = [keras.layers.Flatten, lambda: keras.layers.Dense(10)]


def points(step=0, seed=0, n=N, **changes):
    """The scales and shifts (n,) in the paper's range that images are moved by."""
    moved = _moves.make(**SCALE_SHIFT | changes, seed=seed, batch_size=n)
    black, white = np.asarray(moved(ENDS[:n], tf.constant(step)), np.float64)[:, :, 0, 0].T
    return white - black, (white + black) / 2 - 0.5


@pytest.fixture(scope="module")
def data():
    found = bsa.load("digits", split="train")
    return found._replace(x=found.x[:64], y=found.y[:64])


def network():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((28, 28, 1)), *(make() for make in DENSE)])


def test_scales_are_uniform_shifts_fit_and_one_in_five_stays():
    scale, shift = points()
    alone = (scale == 1) & (shift == 0)
    assert abs(alone.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / N)  # five standard deviations of a mean
    scale, shift = scale[~alone], shift[~alone]
    room = shift / ((1 - scale) / 2)
    for share in ((scale - 0.65) / 0.35, (room + 1) / 2):
        assert -1e-5 < share.min() < 0.01  # float32, divided by what may be small
        assert 0.99 < share.max() < 1 + 1e-2
        assert abs(share.mean() - 0.5) < 5 / np.sqrt(12 * len(share))
        assert abs(share.std() - 12**-0.5) < 0.02
    assert abs(np.corrcoef(scale, room)[0, 1]) < 0.1


def test_a_point_hangs_on_seed_step_and_row_alone():
    scale, shift = points(step=7)
    for same in (points(step=7), points(step=7, n=100)):
        np.testing.assert_array_equal(same[0], scale[: len(same[0])])
        np.testing.assert_array_equal(same[1], shift[: len(same[1])])
    for other in (points(step=8), points(step=7, seed=1)):
        assert (other[0] == scale).mean() < 0.1  # alone in both, at 0.2 * 0.2
    np.testing.assert_array_equal(points(step=7, ranges={"scale": [0.65, 1], "shift": "fits"})[1], shift)
    np.testing.assert_allclose(points(step=7, ranges={"scale": [0.65, 1], "shift": 0})[0], scale, atol=1e-6)  # float32


def test_what_is_stated_is_taken_and_what_leaves_the_range_is_clipped():
    scale, shift = points(ranges={"scale": 0.5, "shift": [0, 0.25]}, alone=0)
    np.testing.assert_allclose(scale, 0.5, atol=1e-6)  # float32
    assert 0 <= shift.min() < 0.01 < 0.24 < shift.max() <= 0.25
    moved = _moves.make(**SCALE_SHIFT | {"ranges": {"shift": 0.5}, "alone": 0}, seed=0, batch_size=N)
    assert (moved(ENDS, tf.constant(0)).numpy()[:, :, 0, 0] == [0.5, 1]).all()


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("natural", {}),
        ("adversarial", {"epsilon": 0.1, "attack_steps": 2}),
        ("wrm", {"attack_steps": 2}),
        ("outer_polytope", {"epsilon": 0.1}),
    ],
)
def test_each_objective_takes_the_moved_image_for_the_image(data, name, params):
    """At one point for all, training is that on a data set which was moved there before."""
    given = {"steps": 2, "batch_size": 32, **params}
    there = {"chain": ["scale_shift"], "ranges": {"scale": 0.8, "shift": 0.1}, "alone": 0}
    found, expected = network(), network()
    history = bsa.fit(name, found, data, transform=there, **given)
    again = bsa.fit(name, expected, data._replace(x=bsa.blind_spot(data.x, 0.8, 0.1).clip(0, 1)), **given)
    np.testing.assert_allclose(history["loss"], again["loss"], rtol=1e-5)  # float32's sums
    # signs of gradients may flip where float32 rounds a pixel otherwise: a step of Adam is 1e-3
    np.testing.assert_allclose(found.get_weights()[0], expected.get_weights()[0], atol=1e-4)
    assert np.abs(found.get_weights()[0] - network().get_weights()[0]).max() > 1e-3


def fit(data, folder=None, progress=None, **params):
    model = network()
    given = {"steps": 6, "batch_size": 32, "transform": SCALE_SHIFT} | params
    bsa.fit("natural", model, data, seed=5, folder=folder, progress=progress, **given)
    return model.get_weights()


def test_a_killed_training_goes_on_to_the_bit(data, tmp_path, monkeypatch):
    monkeypatch.setattr(_checkpoint, "SECONDS_BETWEEN", 0.0)

    def kill(done, total, **_):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, tmp_path, kill)
    for one, other in zip(fit(data, tmp_path), fit(data), strict=True):
        np.testing.assert_array_equal(one, other)


def test_parts_of_a_batch_are_moved_as_the_whole(data):
    for whole, parts in zip(fit(data), fit(data, gradient_accumulation=4), strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)  # sums of 32 gradients in another order


def test_ranges_that_a_chain_does_not_have_are_an_error(data):
    wrong = SCALE_SHIFT | {"ranges": {"degrees": [0, 10]}}
    with pytest.raises(UsageError, match='ranges: degrees: expected one of scale, shift, found "degrees"'):
        fit(data, transform=wrong)
