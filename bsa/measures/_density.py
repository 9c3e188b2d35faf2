"""Gaussian kernel density estimates of two samples on one grid, in the log domain.

Scott's rule: the kernel's covariance is n^(-2 / (d + 4)) times the sample's. After one linear map that makes both
covariances diagonal, each kernel is a product over the axes, and the sum over the kernels at all points of a grid is
one matrix product: seconds where a mixture of n normals takes minutes, and the same number.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.special

from bsa.errors import BsaError

SMALLEST = 1e-280  # densities below it are summed again as logarithms: float64 ends at 1e-308
AT_ONCE = 2**24  # numbers in one block: 128 MB


class Kernels(NamedTuple):
    """A kernel density estimate whose kernels are products over the axes."""

    points: np.ndarray  # (n, d) float64
    scale: np.ndarray  # (d,): the kernel's standard deviation along each axis


def pair(first, second):
    """Two samples (n, d) and (m, d) as `Kernels` in common axes, in which the first has the covariance 1.

    Distances change by that map, and a KL divergence does not. Raises BsaError where a sample has too few points, or
    points on a line or plane, for a covariance.
    """
    first, second = (np.asarray(sample, np.float64) for sample in (first, second))
    for sample in (first, second):
        _check(sample)
    axes = scipy.linalg.eigh(_covariance(second), _covariance(first))[1]
    return tuple(_kernels((sample - first.mean(0)) @ axes) for sample in (first, second))


def _check(sample):
    n, d = sample.shape
    if n < d + 2 or not np.isfinite(sample).all():
        raise BsaError(f"expected at least {d + 2} finite points for a density in {d} dimensions, found {n}")
    spans = np.linalg.svd(sample - sample.mean(0), compute_uv=False)
    if spans[-1] <= 1e-9 * max(spans[0], np.abs(sample).max()):
        raise BsaError(f"expected points that span {d} dimensions, found {n} on a line, a plane or one point")


def _covariance(sample):
    return np.cov(sample, rowvar=False).reshape(sample.shape[1], -1)


def _kernels(sample):
    n, d = sample.shape
    return Kernels(sample, n ** (-1 / (d + 4)) * sample.std(0, ddof=1))


def box(kernels, margin):
    """The corners (low, high), (d,) each, of a box around all points, `margin` kernels' deviations wider."""
    low = np.min([(k.points - margin * k.scale).min(0) for k in kernels], axis=0)
    return low, np.max([(k.points + margin * k.scale).max(0) for k in kernels], axis=0)


def grid(low, high, count):
    """`count` midpoints along each axis of a box, (d, count)."""
    return np.stack([a + (b - a) * (np.arange(count) + 0.5) / count for a, b in zip(low, high, strict=True)])


def log_density(kernels, axes):
    """The log density on the grid of `axes` (d, g) for d = 2 or 3, shape (g,) * d.

    In each axis, log densities of `tfp.distributions.Normal`, (g, n), less their largest; exponentials are multiplied
    and summed over the kernels as matrices. What float64 cannot hold is summed as logarithms, so that nothing is -inf.
    """
    logs = [_normal(axis, kernels.points[:, i], kernels.scale[i]) for i, axis in enumerate(axes)]
    peaks = [log.max(1, keepdims=True) for log in logs]
    parts = [np.exp(log - peak) for log, peak in zip(logs, peaks, strict=True)]
    total = parts[0] @ parts[1].T if len(axes) == 2 else _product(parts)
    small = total < SMALLEST
    with np.errstate(divide="ignore"):
        found = np.log(total)
    for i, peak in enumerate(peaks):
        found += peak.reshape([-1 if axis == i else 1 for axis in range(len(axes))])
    if small.any():
        found[small] = _slowly(logs, np.argwhere(small))
    return found - np.log(len(kernels.points))


def _normal(axis, centres, scale):
    """Log densities of normals at points of an axis: (g,), (n,) to (g, n)."""
    from tensorflow_probability import distributions

    return distributions.Normal(centres, np.float64(scale)).log_prob(axis[:, None]).numpy()


def _product(parts):
    """sum over n of a[i, n] b[j, n] c[k, n], as one matrix product for each j: (g, g, g)."""
    a, b, c = parts
    return np.stack([a @ (row * c).T for row in b], axis=1)


def _slowly(logs, places):
    """log of the sum over the kernels at places (m, d) of the grid, by log-sum-exp."""
    found, size = np.empty(len(places)), max(AT_ONCE // logs[0].shape[1], 1)
    for at in range(0, len(places), size):
        some = places[at : at + size]
        found[at : at + size] = scipy.special.logsumexp(sum(log[some[:, i]] for i, log in enumerate(logs)), axis=1)
    return found


def outside(kernels, low, high):
    """The share of a density's mass outside of a box, exactly."""
    inside = scipy.special.ndtr((high - kernels.points) / kernels.scale)
    inside = inside - scipy.special.ndtr((low - kernels.points) / kernels.scale)
    return float(1 - inside.prod(1).mean())


def draw(kernels, rng):
    """A sample of the estimate, of as many points as it has."""
    rows = rng.integers(len(kernels.points), size=len(kernels.points))
    return kernels.points[rows] + kernels.scale * rng.standard_normal(kernels.points.shape)
