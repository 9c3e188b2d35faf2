"""Success is that of a table: among the images that the model classified correctly before the attack."""

import numpy as np
import pytest
from nested import attack as made

from bsa import catalog
from bsa.engine.pieces import join

PARAMS = {  # short: on a linear network a few steps find what there is
    "apgd": {"loss": "cross_entropy", "steps": 10},
    "carlini_wagner_linf": {"steps": 50, "starts": ["image"], "constant": 0.1, "constant_max": 10.0},
    "corner_descent": {"steps": 20, "later_steps": 5, "starts": ["image"]},
    "ensemble": {"attacks": [{"name": "pgd", "steps": 1}, {"name": "square", "queries": 50}]},
    "fmn": {"steps": 20, "starts": ["image"]},
    "pgd": {"steps": 5},
    "square": {"queries": 50},
}
MODES = [(name, {}) for name in catalog.names("attacks")]
MODES += [(name, {"mode": "least_distortion"}) for name in ("corner_descent", "carlini_wagner_linf")]


def attack(name, model, **params):
    return made(name, model, **PARAMS.get(name, {}), **params)


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_an_image_that_was_wrong_from_the_start_is_no_success(name, mode, linear):
    """Some fall, some stand, some were wrong: what the attack finds of the rest, it finds without the wrong ones."""
    model, x, y, least = linear
    epsilon = float(np.median(least))
    wrong = np.arange(len(x)) % 4 == 0
    run = attack(name, model, epsilon=epsilon, **mode)
    found = run(x, np.where(wrong, (y + 1) % 3, y))
    np.testing.assert_array_equal(found.correct, ~wrong)
    assert not found.success[wrong].any()
    assert not found.distance[wrong].any()
    assert not found.passes[wrong].any()
    assert set(found.start[wrong]) == {""}
    np.testing.assert_array_equal(found.x[wrong], x[wrong])
    rest = np.flatnonzero(~wrong)
    alone = run(x[rest], y[rest], index=rest)
    assert found.success.any()
    np.testing.assert_array_equal(found.success[rest], alone.success)
    assert found.rate == alone.rate == alone.success.mean() == found.success.sum() / len(rest)


def test_of_no_correct_image_there_is_no_rate(linear):
    model, x, y, _ = linear
    run = attack("pgd", model, epsilon=0.5)
    assert not run(x, (y + 1) % 3).success.any()
    assert np.isnan(run(x, (y + 1) % 3).rate)
    assert np.isnan(run(x[:0], y[:0]).rate)


def test_joined_results_keep_which_images_were_correct(linear):
    model, x, y, _ = linear
    run = attack("pgd", model, epsilon=0.5)
    both = join([run(x[:5], (y[:5] + 1) % 3), run(x[5:], y[5:])])
    np.testing.assert_array_equal(both.correct, np.arange(len(x)) >= 5)
    assert both.rate == 1
