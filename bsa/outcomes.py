"""What attacks and certificates return: one row per image. No TensorFlow."""

from typing import NamedTuple

import numpy as np

NONE = np.zeros(0)  # for an attack that transforms no images


class Attacked(NamedTuple):
    """What an attack found, one row for each of the n images, in their order."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]: the adversarial image, or the original
    success: np.ndarray  # (n,) bool: correct before, broken within the largest threshold (least distortion: at all)
    distance: np.ndarray  # (n,) float64: max |x' - x|, inf if not broken, 0 if wrong before
    start: np.ndarray  # (n,) str: the start that found it, or ""
    passes: np.ndarray  # (n,) int32: forward-backward passes spent on the image; 0 if it was wrong before
    correct: np.ndarray  # (n,) bool: classified correctly before the attack
    notes: tuple = ()  # of str: what a reader should know, such as that a surrogate gradient was not used
    # Only of an attack that transforms images, such as `spatial`:
    moved: np.ndarray = NONE  # (n, height, width, channels) float32: the transformed image; distances count from it
    point: np.ndarray = NONE  # (n,) with a field for each parameter of the transformation

    @property
    def rate(self) -> float:
        """Success among the correctly classified images, as in the tables: a float, NaN if there are none."""
        return float(self.success[self.correct].mean()) if self.correct.any() else float("nan")


class Certified(NamedTuple):
    """What is proven about n images, one row for each, in their order."""

    bounds: np.ndarray  # (n, classes) float32: lower bounds of logit_y - logit_j in the ball of radius epsilon
    certified: np.ndarray  # (n,) bool: all bounds are positive, so no image in the ball is misclassified
    radius: np.ndarray  # (n,) float64: the largest certified epsilon that bisection found, or 0
    notes: tuple = ()  # of str: what a reader should know
