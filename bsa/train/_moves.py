"""Training over transformations: each image of a batch is moved to its own random point, a new one at every step."""

import tensorflow as tf

from bsa.errors import UsageError
from bsa.ops import draws, seeds
from bsa.spec import chained
from bsa.transforms import move, ranges_problems


def make(*, chain, ranges, alone, seed, batch_size):
    """`moved(x, step)`: the batch x (batch_size, height, width, channels) of a step with its images moved, in [0, 1].

    `chain` has transformations as a spec lists them. The point of an image is drawn uniformly: by name, `ranges` has
    [low, high], a number, or "fits" for what keeps pixels in range at the other values. What is left out "fits" where
    it can, and is neutral otherwise. A share `alone` of images stays as it is. A draw is a function of the seed, the
    step and the image's row in the whole batch. Raises UsageError for ranges that the chain does not have.
    """
    transform = chained(chain)
    wrong = next(ranges_problems(transform, ranges), None)
    if wrong:
        raise UsageError("transform: ranges: {}: expected {}, found {}".format(*wrong))
    keys, noise = draws.keys(seed, "transform", range(batch_size)), seeds.derive(seed, "transform/noise")

    def moved(x, step):
        rows = tf.range(batch_size)
        drawn = draws.uniform(tf.constant(keys), tf.fill([batch_size], step), 1 + len(transform.space))
        point = _point(transform, ranges, tf.unstack(drawn[:, 1:], axis=1))
        there, _ = move(transform, x, point, noise, step * batch_size + rows)
        return tf.where(drawn[:, :1, None, None] < alone, x, there)

    return moved


def _point(transform, ranges, drawn):
    """A point for each image: `drawn` has numbers (n,) in [0, 1), for each name of the space."""
    shares = dict(zip(transform.space, drawn, strict=True))
    given = {name: ends for name, ends in ranges.items() if ends != "fits"}
    point = {name: _between(ends, shares[name]) for name, ends in given.items()}
    ends = transform.fits(point) if transform.fits else {}
    return point | {name: _between(ends[name], shares[name]) for name in ends if name not in given}


def _between(ends, share):
    """The numbers at `share` (n,) of the way between two ends, or at the one number that both are."""
    low, high = (ends, ends) if isinstance(ends, (int, float)) else ends
    return low + (high - low) * share
