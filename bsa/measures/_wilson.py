"""The Wilson score interval of a share."""

import math

Z = 1.959963984540054  # the 97.5 % quantile of the standard normal: intervals of 95 %


def wilson(count, n):
    """The 95 % interval (low, high) of a share, `count` of `n`, in [0, 1]; (0, 1) for n = 0. Wilson (1927)."""
    if n == 0:
        return 0.0, 1.0
    share, square = count / n, Z * Z / n
    centre = (share + square / 2) / (1 + square)
    reach = Z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)
