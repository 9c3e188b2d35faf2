"""What attacks and certificates give: a row for each image. No TensorFlow."""

from typing import NamedTuple

import numpy as np

NONE = np.zeros(0)  # of an attack that moves no images


class Attacked(NamedTuple):
    """What an attack found, one row for each of the n images, in their order."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]: the adversarial image, the original where none
    success: np.ndarray  # (n,) bool: correct, and broken within the largest threshold; in least-distortion mode at all
    distance: np.ndarray  # (n,) float64: max |x' - x|, an upper bound of the least distortion; inf where none; wrong: 0
    start: np.ndarray  # (n,) str: the start that found it, "" where none
    passes: np.ndarray  # (n,) int32: forward-backward passes spent on the image; none where it was wrong
    correct: np.ndarray  # (n,) bool: classified correctly before the attack
    notes: tuple = ()  # of str: what a reader should know, such as gradients that are not what was asked for
    # of an attack that moves images, such as `spatial`; otherwise empty
    moved: np.ndarray = NONE  # (n, height, width, channels) float32: the image at its point, from which distance counts
    point: np.ndarray = NONE  # (n,) with a field for each parameter: where the image was moved to

    @property
    def rate(self) -> float:
        """Success among the images that were classified correctly, as tables have it: a float, nan where none was."""
        return float(self.success[self.correct].mean()) if self.correct.any() else float("nan")


class Certified(NamedTuple):
    """What is proven of n images, one row for each, in their order."""

    bounds: np.ndarray  # (n, classes) float32: lower bounds of logit_y - logit_j in the ball of radius epsilon
    certified: np.ndarray  # (n,) bool: all of them positive, so that no image in the ball is misclassified
    radius: np.ndarray  # (n,) float64: the largest certified epsilon that bisection found, 0 where none
    notes: tuple = ()  # of str: what a reader should know
