"""Returns to the nearest point: for which images, by which moves, and what they find that legs do not."""

import keras
import numpy as np
from nested import attack

from bsa.search.queue import LEAST
from bsa.search.returns import beside, returning, small_sides
from bsa.search.work import Work

# A batch that does not shrink: on some processors the last bits hang on its size.
SAME_SIZE = {"batch_size": LEAST}


def test_a_returning_leg_goes_on_from_the_nearest_point(trained, attacked_images):
    """Begun at the corner again it would repeat the first leg, here too short to cross the ball, and break no more."""
    x, y, index = attacked_images
    params = {"epsilon": 0.1, "steps": 2, "targets": 0, "squares": 0, **SAME_SIZE}
    once, again, near, hopeless = (
        attack("corner_descent", trained, **params, **more)(x, y, index=index)
        for more in ({}, {"times": 1, "near": 1}, {"times": 1, "near": 0.7}, {"times": 1, "near": 1e-9})
    )
    assert set(again.passes[~again.success]) == {6}
    assert not (once.success & ~again.success).any()
    assert (again.success & ~once.success).any()
    assert set(near.passes[~near.success]) == {2, 6}  # only what came near was tried again, and as before
    tried = near.passes > 2
    np.testing.assert_array_equal(near.x[tried], again.x[tried])
    np.testing.assert_array_equal(near.x[~tried], once.x[~tried])
    np.testing.assert_array_equal(hopeless.x, once.x)


def test_a_return_climbs_by_the_networks_own_gradients_too():
    """A network whose second unit is off in the whole ball; opened, it points the other way, and darker is no class."""
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "relu")])
    model.add(keras.layers.Dense(2))
    ones, zeros = np.ones((4, 2), np.float32), np.zeros((2, 2), np.float32)
    model.set_weights([ones, np.float32([0, -5]), zeros + np.float32([[0, 1], [0, -10]]), np.float32([3.5, 0])])
    x, y = np.full((3, 2, 2, 1), 0.8, np.float32), np.zeros(3, int)  # another class from a mean of 0.875 on
    params = {"epsilon": 0.1, "steps": 40, "sharpness": 0.1, "targets": 0, "squares": 0}
    once, back = (attack("corner_descent", model, **params, times=n)(x, y) for n in (0, 1))
    assert not once.success.any()
    assert back.success.all()
    assert (back.passes > 80).all()  # not by the first leg, nor by that of a return which opens, too


def test_a_return_begins_a_little_off_the_nearest_point_and_never_loses_it():
    """Its legs here stay where they begin, so the noise alone leads on: half the time to a point that is farther."""
    begun = []
    model = _margin(lambda total: 100 - total, 16)

    def leg(x, y, z, radius, limits, **_):
        begun.append(z.copy())
        return z.copy(), np.ones(len(z), int), np.zeros(len(z), bool), 100 - z.sum((1, 2, 3))

    def search(*arrays, work):
        return leg(*arrays)[:2]

    x, radius = np.full((3, 4, 4, 1), 0.95, np.float32), np.full(3, 0.1, np.float32)
    arrays = np.zeros(3, int), x, radius, np.full((3, 3), np.inf, np.float32), np.arange(3)
    attempt = returning(search, [[beside(leg, share)] * 2 for share in [0.2, 0.5] * 5], model, 3)
    points, passes = attempt(x, *arrays, seed=0, purpose="test", work=Work())
    nearest = begun[0]
    for turn, begin in enumerate(begun[1:]):
        reach = (0.2, 0.2, 0.5, 0.5)[turn % 4] * 0.1
        assert 0.8 * reach < np.abs(begin - nearest).max() <= reach + 1e-6  # of 48 draws the largest is above 80 %
        assert begin.max() <= 1
        nearer = begin.sum((1, 2, 3)) > nearest.sum((1, 2, 3))
        nearest = np.where(nearer[:, None, None, None], begin, nearest)
    np.testing.assert_array_equal(points, nearest)
    assert (nearest.sum((1, 2, 3)) > begun[-1].sum((1, 2, 3))).any()  # the last leg lost by its noise
    np.testing.assert_array_equal(passes, 21)
    again, other = (attempt(x, *arrays, seed=seed, purpose="test", work=Work())[0] for seed in (0, 1))
    np.testing.assert_array_equal(again, points)
    assert (other != points).any()


def test_each_return_has_its_own_limit_and_the_last_one_counts_on():
    """Four returns by limits 2.5 and 1.5 of images that stay 1, 2 and 3 from another class; one falls in the third."""
    margins = np.float32([1, 2, 3, 1.2])

    def search(x, y, z, radius, limits, work):
        return z.copy(), np.ones(len(z), int)

    def stay(x, y, nearest, radius, index, drawn, at):
        return nearest, np.ones(len(x), int), np.zeros(len(x), bool), margins[index]

    def fall(x, y, nearest, radius, index, drawn, at):
        return nearest, np.ones(len(x), int), index == 3, np.where(index == 3, np.float32(-1), margins[index])

    x = np.tile(margins[:, None, None, None] / 4, (1, 2, 2, 1))
    limits = np.tile(np.float32([np.inf, np.inf, 2.5, 1.5]), (4, 1))
    attempt = returning(search, [[stay], [stay], [fall], [stay]], _margin(lambda total: total, 4), 4)
    _, passes = attempt(x, np.zeros(4, int), x, np.ones(4), limits, np.arange(4), seed=0, purpose="test", work=Work())
    np.testing.assert_array_equal(passes, [1 + 4, 1 + 1, 1, 1 + 3])


def test_a_return_finds_what_no_gradient_tells(quantised):
    model, x, y = quantised
    params = {"epsilon": 0.2, "steps": 20, "times": 1}
    legs, squares = (attack("corner_descent", model, squares=n, **params)(x, y) for n in (0, 300))
    assert not legs.success.any()
    assert squares.success.mean() > 0.9
    assert squares.passes[squares.success].max() <= 20 + 4 * 20 + 300  # the first leg, those towards targets, squares


def test_returns_search_in_float32_whatever_the_precision(linear):
    """Logits that pass by way of 16,384, where bfloat16 numbers are 64 apart: its twin sees ties alone.

    Beside a class whose logit is -1,000 everywhere that is a twin's rounding, so that the search goes by it.
    """
    model, x, y, least = linear
    there, back = (keras.layers.Rescaling(1, offset) for offset in (2.0**14, -(2.0**14)))
    never = keras.layers.Rescaling(0, -1000)(model.outputs[0])
    both = keras.layers.Concatenate()([model.outputs[0], never])
    model = keras.Model(model.inputs[0], back(there(both)))
    radius = 1.05 * float(least.max())
    params = {"epsilon": radius, "steps": 40, "precision": "mixed_bfloat16", "squares": 0}
    legs, returns = (attack("corner_descent", model, times=n, **params)(x, y) for n in (0, 1))
    assert not any("a copy to search by" in note for note in legs.notes)
    assert not legs.success.all()
    assert returns.success.all()


def test_the_squares_of_a_return_are_small_and_fit_the_image():
    np.testing.assert_array_equal(small_sides(7, 28, 28), [1, 2, 3, 1, 2, 3, 1])
    np.testing.assert_array_equal(small_sides(4, 9, 2), [1, 2, 2, 1])


def test_only_what_came_close_is_returned_to(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.1, "steps": 2, "targets": 1, "rules": ["adam"], "times": 1, "squares": 0}
    far, close, all_of_them = (
        attack("corner_descent", trained, **params, **more, **SAME_SIZE)(x, y, index=index)
        for more in ({"close": [1e-9]}, {"close": [0.7]}, {})
    )
    assert set(far.passes[~far.success]) == {4}  # the leg towards the target is for all
    assert set(close.passes[~close.success]) == {4, 8}
    assert set(all_of_them.passes[~all_of_them.success]) == {8}
    returned = close.passes > 4
    np.testing.assert_array_equal(close.x[returned], all_of_them.x[returned])
    np.testing.assert_array_equal(close.x[~returned], far.x[~returned])
    twice, cut = (
        attack("corner_descent", trained, **params | more, **SAME_SIZE)(x, y, index=index)
        for more in ({"times": 2, "close": [0.7, 1e-9]}, {"near": 1e-9, "close": [0.7]})
    )
    assert set(twice.passes[~twice.success]) == {4, 8}  # the second return is for none
    assert set(cut.passes[~cut.success]) == {2}  # not even for the leg towards a target


def _margin(of, pixels):
    """A model whose margin of class 0 is `of` the sum of so many pixels, linear."""
    side = round(pixels**0.5)
    model = keras.Sequential([keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    weights, bias = np.zeros((pixels, 2), np.float32), np.float32([of(0), 0])
    weights[:, 0] = of(1) - of(0)
    model.set_weights([weights, bias])
    return model
