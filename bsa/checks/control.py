"""The control of a cell: is it a blind spot, or only a larger ball?

Where no image moved farther than rho = max |x' - x|, the ball of radius t around x' lies in the ball of radius t + rho
around x itself. An image that breaks in the cell breaks in that larger ball, too. So a network whose robustness ends
between t and t + rho breaks in the cell, although the cell is no blind spot. Therefore the same attack runs around the
original images within t + rho, and the two are compared image by image. From t + rho = 1/2 on, a grey image lies in
every ball, and the control says nothing.
"""

from typing import NamedTuple

import numpy as np

from bsa.criteria import GREY, SLACK

DIGITS = 6  # of t + rho, within SLACK: 0.35, where float32 pixels moved by 0.05000001


class Ball(NamedTuple):
    """The larger ball for a threshold of the cell; its radius is None where it says nothing."""

    threshold: float
    radius: float | None


def balls(thresholds: list[float], rho: float) -> list[Ball]:
    """The larger ball of each threshold of a cell whose images moved by `rho` at most, in their order."""
    radii = [round(threshold + rho, DIGITS) for threshold in thresholds]
    return [Ball(t, radius if radius < GREY else None) for t, radius in zip(thresholds, radii, strict=True)]


def pairs(ball: Ball, cell: np.ndarray, around: np.ndarray) -> dict[str, float | int | None]:
    """How many images the attack broke in both, in the cell alone, in the larger ball alone, and in neither.

    `cell` and `around` are the distances (n,) of the adversarial images from the moved and from the original images,
    inf where none was found. Of an image that breaks in the cell alone, the attack missed what is in the larger ball.
    """
    if ball.radius is None:
        return ball._asdict()
    there, here = cell <= ball.threshold + SLACK, around <= ball.radius + SLACK
    counts = {"both": there & here, "cell": there & ~here, "ball": ~there & here, "neither": ~there & ~here}
    return ball._asdict() | {name: int(flags.sum()) for name, flags in counts.items()}
