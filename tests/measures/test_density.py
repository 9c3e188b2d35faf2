"""Kernel density estimates on a grid against scipy's and against the plain mixture of TensorFlow Probability."""

import numpy as np
import pytest
import scipy.stats

from bsa.errors import BsaError
from bsa.measures import _density


def samples(d, n=400, m=150):
    rng = np.random.default_rng(d)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)), 3 + rng.standard_t(5, (m, d)) @ rng.normal(size=(d, d))


def places(axes):
    """All points of a grid, (g^d, d), in the order of its densities."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))


@pytest.mark.parametrize(("d", "count"), [(2, 100), (3, 24)])
def test_it_is_scipys_estimate(d, count):
    for kernels in _density.pair(*samples(d)):
        axes = _density.grid(*_density.box([kernels], 3), count)
        found = _density.log_density(kernels, axes)
        assert found.shape == (count,) * d
        expected = scipy.stats.gaussian_kde(kernels.points.T).logpdf(places(axes).T)
        np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)  # float64, summed in another order


def test_common_axes_make_both_covariances_diagonal():
    first, second = (np.cov(k.points.T) for k in _density.pair(*samples(3)))
    np.testing.assert_allclose(first, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(second - np.diag(np.diag(second)), 0, atol=1e-9 * np.abs(second).max())


def test_it_is_the_plain_mixture():
    from tensorflow_probability import distributions as tfd

    kernels = _density.pair(*samples(2))[1]
    axes = _density.grid(*_density.box([kernels], 1), 20)
    parts = tfd.MultivariateNormalDiag(kernels.points, np.broadcast_to(kernels.scale, kernels.points.shape))
    weights = tfd.Categorical(logits=np.zeros(len(kernels.points)))
    expected = tfd.MixtureSameFamily(weights, parts).log_prob(places(axes)).numpy()
    np.testing.assert_allclose(_density.log_density(kernels, axes).ravel(), expected, atol=1e-9)


def test_a_density_that_float64_cannot_hold_keeps_its_logarithm():
    kernels = _density.Kernels(np.random.default_rng(0).normal(size=(50, 2)), np.array([0.1, 0.2]))
    axes = _density.grid(np.full(2, -8.0), np.full(2, 8.0), 40)
    found = _density.log_density(kernels, axes)
    assert np.isfinite(found).all()
    assert found.min() < -800  # exp(-745) is 0
    away = (places(axes)[:, None] - kernels.points) / kernels.scale
    expected = scipy.special.logsumexp(-(away**2).sum(-1) / 2, 1) - np.log(50 * 2 * np.pi * 0.02)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-12)


def test_the_mass_outside_of_a_box_is_what_its_integral_lacks():
    kernels = _density.pair(*samples(2))[0]
    low, high = np.quantile(kernels.points, [0.1, 0.8], axis=0)
    inside = np.exp(_density.log_density(kernels, _density.grid(low, high, 400))).mean() * np.prod(high - low)
    assert _density.outside(kernels, low, high) == pytest.approx(1 - inside, abs=1e-4)  # of midpoints, 400 an axis
    assert _density.outside(kernels, *_density.box([kernels], 6)) < 1e-8  # normal tails beyond six deviations


@pytest.mark.parametrize(
    "degenerate", [np.zeros((50, 2)), np.arange(100.0).repeat(2).reshape(100, 2), np.eye(3)[:, :2]]
)
def test_points_without_a_density_are_refused(degenerate):
    whole = np.random.default_rng(0).normal(size=(50, 2))
    for both in ((whole, degenerate), (degenerate, whole)):
        with pytest.raises(BsaError, match=r"expected (points that span 2 dimensions|at least 4 finite points)"):
            _density.pair(*both)
