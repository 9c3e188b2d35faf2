"""What counts as success: distances, thresholds, and the slack that float32 pixels need."""

import math
import numbers
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

SLACK = 1e-6  # tolerance for float32 pixels when a distance is compared with a threshold
GREY = 0.5  # the radius at which a solid grey image lies in every ball
Z = 1.959963984540054  # the 97.5 % quantile of the standard normal: intervals of 95 %
FRACTION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?/[1-9][0-9]{0,8}(\.[0-9]{1,9})?")  # "$defs/pixels" has it, too


def fraction(text: str) -> float | None:
    """The value of a fraction such as "8/255"; None if the text is no fraction."""
    if not FRACTION.fullmatch(text):
        return None
    above, _, below = text.partition("/")
    return float(above) / float(below)


def linf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """max |a - b| over each image, in float64: (n, ...) and (n, ...) to (n,)."""
    return np.abs(a.astype(np.float64) - b.astype(np.float64)).reshape(len(a), -1).max(-1)


def wrong(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which images are misclassified by logits (n, classes), ties not counted: (n,) bool."""
    own = np.arange(len(y)), y
    others = scores.copy()
    others[own] = -np.inf
    return scores[own] < others.max(-1)


def thresholds(named: Sequence[float | str], epsilon: float, scale: float | None = None) -> list[float]:
    """Success thresholds as numbers above 0 and at most 1, largest first, without repeats.

    `named` holds numbers, fractions such as "8/255", "epsilon", or "scale*epsilon": the stricter criterion of the
    paper's section 4.4, because scaling an image scales the distance between classes as well. A threshold of 0 is left
    out. Raises ValueError for "scale*epsilon" without a scale, for other names and numbers, and if nothing is left.
    """
    if isinstance(named, str) or np.ndim(named) == 0:
        raise ValueError(f'expected a list of thresholds, such as [0.1] or ["epsilon"], found {named!r}')
    computed = [fraction(each) if isinstance(each, str) else None for each in named]
    named = [each if found is None else found for each, found in zip(named, computed, strict=True)]
    known: dict[Any, Any] = {"epsilon": epsilon}
    if scale is not None:
        # 0.9 * 0.3 is to be 0.27; a fraction that nothing scales stays what it is, so that it stands once
        known["scale*epsilon"] = epsilon if abs(scale) == 1 else round(abs(scale) * epsilon, 12)
    for name in named:
        if isinstance(name, str) and name not in known:
            raise ValueError(f'expected numbers or "epsilon" as thresholds of images without a cell, found "{name}"')
        if not isinstance(name, str) and not (isinstance(name, numbers.Real) and 0 < name <= 1):
            raise ValueError(f"expected thresholds above 0 and at most 1, in [0, 1] pixels, found {name!r}")
    found = sorted({known.get(t, t) for t in named} - {0}, reverse=True)
    if not found:
        raise ValueError(f"expected at least one threshold above 0, found {named!r}")
    return found


def wilson(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval (low, high) of a proportion, `count` of `n`, in [0, 1]; (0, 1) for n = 0. Wilson (1927)."""
    if n == 0:
        return 0.0, 1.0
    share, square = count / n, Z * Z / n
    centre = (share + square / 2) / (1 + square)
    reach = Z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def newcombe(a: np.ndarray, b: np.ndarray, index_a: np.ndarray, index_b: np.ndarray) -> tuple[float, float]:
    """The 95 % interval (low, high) of share(b) - share(a), in [-1, 1], paired over the images that both are of.

    `a` and `b` (n,), bool, are outcomes of the images with the numbers `index_a` and `index_b`. It is made of the two
    Wilson intervals, which are as correlated as the outcomes: where all images are the same, method 10 of Newcombe
    (1998), Statistics in Medicine 17:2635; where none is, method 10 of 17:873. Between these the correlation counts
    for as much as the shares have in common (Zou and Donner 2008, Statistics in Medicine 27:1693). Of no images it is
    (-1, 1).
    """
    if not len(a) or not len(b):
        return -1.0, 1.0
    (p, q), (low_p, high_p), (low_q, high_q) = (a.mean(), b.mean()), _wilson(a), _wilson(b)
    same, i, j = np.intersect1d(index_a, index_b, return_indices=True)
    shared = _phi(a[i], b[j]) * len(same) / math.sqrt(len(a) * len(b))

    def reach(one, other):
        return math.sqrt(max(one**2 - 2 * shared * one * other + other**2, 0))

    low, high = q - p - reach(q - low_q, high_p - p), q - p + reach(high_q - q, p - low_p)
    return max(float(low), -1.0), min(float(high), 1.0)


def _wilson(flags):
    return wilson(int(flags.sum()), len(flags))


def _phi(a, b):
    """The correlation of two outcomes of the same images, corrected for continuity as Newcombe (1998) has it."""
    n, both, one, other = len(a), int((a & b).sum()), int(a.sum()), int(b.sum())
    product = one * (n - one) * other * (n - other)
    covariance = n * both - one * other  # ad - bc of the table of both
    if covariance > 0:
        covariance = max(covariance - n / 2, 0)
    return covariance / math.sqrt(product) if product else 0.0
