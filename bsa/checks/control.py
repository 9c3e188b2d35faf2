"""The control of a cell: a blind spot, or no more than a larger ball?

Where no image moved farther than rho = max |x' - x|, the ball of radius t around x' lies in the ball of radius t + rho
around x itself. What breaks in the cell is broken in that larger ball, too: a network whose robustness ends between t
and t + rho breaks in the cell though nothing is blind there. So the same attack is run around the original images
within t + rho, and the two are compared image by image. At t + rho = 1/2 a grey image lies in every ball, and nothing
is said.
"""

from typing import NamedTuple

import numpy as np

from bsa.criteria import GREY, SLACK

DIGITS = 6  # of t + rho, within SLACK: 0.35, where float32 pixels moved by 0.05000001


class Ball(NamedTuple):
    """The larger ball beside a threshold of the cell; no radius where it says nothing."""

    threshold: float
    radius: float | None


def balls(thresholds: list[float], rho: float) -> list[Ball]:
    """The larger ball of each threshold of a cell whose images moved by `rho` at most, in their order."""
    radii = [round(threshold + rho, DIGITS) for threshold in thresholds]
    return [Ball(t, radius if radius < GREY else None) for t, radius in zip(thresholds, radii, strict=True)]


def pairs(ball: Ball, cell: np.ndarray, around: np.ndarray) -> dict[str, float | int | None]:
    """How many images the attack broke in both, in the cell alone, in the larger ball alone, and in neither.

    `cell` and `around` are the distances (n,) of the adversarial images from the moved and from the original images,
    inf where none was found. What breaks in the cell alone says that the attack missed it in the larger ball.
    """
    if ball.radius is None:
        return ball._asdict()
    there, here = cell <= ball.threshold + SLACK, around <= ball.radius + SLACK
    counts = {"both": there & here, "cell": there & ~here, "ball": ~there & here, "neither": ~there & ~here}
    return ball._asdict() | {name: int(flags.sum()) for name, flags in counts.items()}
