"""The two skeletons of an attack: a search in balls of given radius, and one for the least distortion.

What all attacks share stands here: inputs are checked, the networks to search by carry the weights of the model as they
are now, the `Ledger` judges, and images that fell are left alone. An attack's own part is how it searches.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.judge import SLACK
from bsa.networks import checked, trusted
from bsa.search import starts as named
from bsa.search.finite import counted
from bsa.search.journal import part, parts
from bsa.search.ledger import Ledger

BISECTIONS = 10  # the least distortion is known within a thousandth of the largest threshold


class Tried(NamedTuple):
    """What a search works on: images that are to be broken, n of them, and where it begins."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]
    y: np.ndarray  # (n,) int32
    z: np.ndarray  # (n, ...) float32: the start points
    radius: object  # of the ball, in [0, 1] pixels: a number, or (n,) float64
    index: np.ndarray  # (n,) int64: numbers of the images
    scores: np.ndarray  # (n, classes) float32: the logits at x
    seed: int
    start: str  # the name of the start and, of a random one, which draw it is: "noise/1"

    @property
    def radii(self):
        """The radius of each image, (n,) float32."""
        return np.broadcast_to(np.float32(self.radius), len(self.x))


def attack(
    model: keras.Model,
    exact: keras.Model,
    copies: Sequence,
    course: Callable,
    *,
    batch_size: int,
    notes: tuple = (),
) -> Callable:
    """The attack on `model` along a `course`, as `bsa.attacks` describes attacks.

    `exact` is what `networks.target` gave for the model, `copies` of it are searched by. `course(nets, best,
    thresholds, seed)` searches by the copies that are to be trusted, offers to the `Ledger` what it finds, and gives
    the distance that is success.
    """

    def run(x, y, *, thresholds, seed=0, index=None):
        x, y, index = checked(exact, x, y, index)
        nets, more = trusted(model, exact, copies, x)
        best = Ledger(exact, x, y, index, notes=(*notes, *more), batch_size=batch_size)
        with counted(best):
            success = course(nets, best, thresholds, seed)
        return best.result(success)

    return run


def in_balls(
    search_by: Callable, rounds: Sequence, *, points: Callable = named.points, least: bool = False
) -> Callable:
    """The course of a search in a ball of given radius, from each start of the `rounds` (name, restart).

    `search_by(*nets)` gives `search(tried) -> points, passes`. Radii are the thresholds from the largest down, a
    smaller one only for the images that fell at the one before; or, for the `least` distortion, those of a bisection
    from the largest threshold down. `points` gives the starts, as `starts.points` does; they are projected.
    """

    def course(nets, best, thresholds, seed):
        search = search_by(*nets)

        def attempt(rows, name, restart, radius):
            reach = radius[:, None, None, None] if np.ndim(radius) else radius
            x, index = best.original[rows], best.index[rows]
            z = named.project(points(name, x, index, seed, restart, reach), x, reach)
            start = f"{name}/{restart}"
            return search(Tried(x, best.y[rows], z, radius, index, best.scores[rows], seed, start))

        if not least:
            _descend(best, thresholds, rounds, attempt)
            return thresholds[0]
        first = 1 / (1 + BISECTIONS)
        with part(0, first):
            _descend(best, thresholds[:1], rounds, attempt)
        with part(first, 1):
            _bisect(best, rounds, attempt)
        return thresholds[0]

    return course


def _descend(best, radii, rounds, attempt):
    """Try each radius from the largest down, a smaller one only on the images that fell at the one before.

    `attempt(rows, start, restart, radius)` gives candidates and passes.
    """
    reach = np.inf
    for radius in parts(radii):
        fell = best.distance <= reach
        for start, restart in parts(rounds):
            rows = np.flatnonzero(fell & (best.distance > radius + SLACK))
            if len(rows):
                best.offer(rows, *attempt(rows, start, restart, radius), start)
        reach = radius + SLACK


def _bisect(best, rounds, attempt):
    """Halve, for each broken image, the gap between a radius that failed and the distance found."""
    failed = np.zeros(len(best.x))
    broken = np.flatnonzero(np.isfinite(best.distance))
    for _ in parts(range(BISECTIONS)):
        middle = (failed + best.distance) / 2
        for start, restart in parts(rounds):
            rows = broken[best.distance[broken] > middle[broken] + SLACK]
            if len(rows):
                best.offer(rows, *attempt(rows, start, restart, middle[rows]), start)
        stood = broken[best.distance[broken] > middle[broken] + SLACK]
        failed[stood] = middle[stood]


def for_least_distortion(search_by: Callable, rounds: Sequence) -> Callable:
    """The course of a search that seeks the closest point itself, from each start of the `rounds` (name, restart).

    `search_by(*nets)` gives `search(tried) -> points, passes`; its starts lie in the ball of the largest threshold and
    are not projected. Each start is for the images that are not within the smallest threshold yet.
    """

    def course(nets, best, thresholds, seed):
        search = search_by(*nets)
        for name, restart in parts(rounds):
            rows = np.flatnonzero(best.distance > thresholds[-1] + SLACK)
            if len(rows):
                x, y, index = best.original[rows], best.y[rows], best.index[rows]
                z = named.points(name, x, index, seed, restart, thresholds[0])
                tried = Tried(x, y, z, thresholds[0], index, best.scores[rows], seed, f"{name}/{restart}")
                best.offer(rows, *search(tried), name)
        return thresholds[0]

    return course


def project(z: tf.Tensor, x: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    """z (n, ...) on the L-inf ball of `radius`, a number, (n,) or (n, 1, 1, 1), about x and in [0, 1]."""
    radius = radius[:, None, None, None] if radius.shape.rank == 1 else radius
    return tf.clip_by_value(z, tf.maximum(x - radius, 0.0), tf.minimum(x + radius, 1.0))


def away(z: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """max |z - x| of each image, (n,): the distance within a search; `judge.linf` is that of what it found."""
    return tf.reduce_max(tf.abs(z - x), [1, 2, 3])


def wide(numbers: tf.Tensor) -> tf.Tensor:
    """(n,) as (n, 1, 1, 1)."""
    return numbers[:, None, None, None]
