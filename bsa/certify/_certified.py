"""What a certificate says."""

from typing import NamedTuple

import numpy as np


class Certified(NamedTuple):
    """What is proven of n images, one row for each, in their order."""

    bounds: np.ndarray  # (n, classes) float32: lower bounds of logit_y - logit_j in the ball of radius epsilon
    certified: np.ndarray  # (n,) bool: all of them positive, so that no image in the ball is misclassified
    radius: np.ndarray  # (n,) float64: the largest certified epsilon that bisection found, 0 where none
    notes: tuple = ()  # of str: what a reader should know
