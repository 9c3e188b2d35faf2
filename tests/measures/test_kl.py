"""The estimate of a KL divergence: closed forms within its own error, and what it may not depend on."""

import numpy as np
import pytest

from bsa.errors import BsaError
from bsa.measures._kl import divergence

SETTINGS = {2: {"points": 128, "margin": 5, "bootstrap": 8}, 3: {"points": 40, "margin": 5, "bootstrap": 4}}


def normals(d):
    """Pairs of normals (mean, covariance): the same, shifted, wider, narrower, turned."""
    turn = np.eye(d)
    turn[:2, :2] = [[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]]
    turned = turn @ np.diag([2.0, 0.5, 1.0][:d]) @ turn.T
    zero, one = np.zeros(d), np.eye(d)
    return {
        "equal": (zero, one, zero, one),
        "shifted": (zero, one, zero + 0.5, one),
        "wider": (zero, one, zero, 1.5 * one),
        "narrower": (zero, 1.5 * one, zero, one),
        "turned": (zero, one, zero + 0.3, turned),
    }


def closed_form(mean, covariance, other_mean, other):
    """KL of two normals."""
    inverse, away = np.linalg.inv(other), other_mean - mean
    logs = np.linalg.slogdet(other)[1] - np.linalg.slogdet(covariance)[1]
    return (np.trace(inverse @ covariance) + away @ inverse @ away - len(mean) + logs) / 2


@pytest.mark.parametrize("name", normals(2))
@pytest.mark.parametrize("d", [2, 3])
def test_the_closed_form_of_two_normals_is_within_the_reported_error(d, name):
    pair, rng = normals(d)[name], np.random.default_rng(1)
    first, second = rng.multivariate_normal(*pair[:2], 6000), rng.multivariate_normal(*pair[2:], 1000)
    found = divergence(first, second, seed=0, **SETTINGS[d])
    true = closed_form(*pair)
    assert abs(found.kl - true) <= found.error
    assert found.error < 0.2 + 2 * true  # an error of any size would hold; this is what tails cost in 3 dimensions
    assert found.grid < 2e-3  # grids finer than the kernels
    assert found.outside < 1e-5  # normal tails beyond five deviations


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(2)
    return rng.normal(size=(300, 2)), rng.normal([0.7, 0], size=(80, 2))


def test_linear_maps_and_repeats_do_not_matter(small):
    settings = SETTINGS[2] | {"seed": 3}
    found = divergence(*small, **settings)
    assert found == divergence(*small, **settings)
    turned = divergence(*(5 + sample @ np.array([[3.0, 1.0], [-2.0, 0.1]]) for sample in small), **settings)
    assert turned.kl == pytest.approx(found.kl, rel=1e-6)  # the axes are the same but for signs and rounding
    assert turned.neighbours == pytest.approx(found.neighbours, rel=1e-6)


def test_the_scatter_is_that_of_other_samples():
    rng, found = np.random.default_rng(4), []
    for _ in range(30):
        first, second = rng.normal(size=(300, 2)), rng.normal([0.7, 0], size=(80, 2))
        found.append(divergence(first, second, seed=0, points=64, margin=5, bootstrap=8))
    true, told = np.std([f.kl for f in found], ddof=1), np.mean([f.deviation for f in found])
    assert 0.7 * true < told < 2.5 * true  # thinner samples from wider estimates scatter somewhat more


def test_without_a_bootstrap_the_error_is_of_the_estimate_alone(small):
    found = divergence(*small, seed=0, points=64, margin=5, bootstrap=0)
    assert found.deviation == 0
    assert found.error == abs(found.kl - found.neighbours) + found.grid


def test_a_coarse_grid_tells_how_far_it_is_off(small):
    fine, coarse = (divergence(*small, seed=0, points=n, margin=5, bootstrap=0) for n in (256, 16))
    assert 1e-6 < abs(coarse.kl - fine.kl) <= coarse.grid


def test_equal_points_and_too_few(small):
    first, second = small
    repeated = np.concatenate([first, first[:50]])
    assert np.isfinite(divergence(repeated, second, seed=0, **SETTINGS[2]).error)
    with pytest.raises(BsaError, match="at least 4 finite points"):
        divergence(first, second[:3], seed=0, **SETTINGS[2])
