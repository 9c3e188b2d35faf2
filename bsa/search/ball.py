"""The two skeletons of an attack: a search in balls of given radius, and one for the least distortion.

What all attacks share stands here: inputs are checked, the networks to search by carry the weights of the model as they
are now, the `Ledger` judges, and images that fell are left alone. An attack's own part is how it searches.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bsa.criteria import SLACK
from bsa.networks import checked, trusted
from bsa.search import starts as named
from bsa.search.ledger import Ledger
from bsa.search.work import Work, expected

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
    work: Work  # the account: `work.at(name)` is for the search of that name

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

    def run(x, y, *, thresholds, seed=0, index=None, journal=None):
        x, y, index = checked(exact, x, y, index)
        nets, more = trusted(model, exact, copies, x)
        best = Ledger(exact, x, y, index, notes=(*notes, *more), batch_size=batch_size, journal=journal)
        return best.result(course(nets, best, thresholds, seed))

    return run


def in_balls(
    search_by: Callable,
    rounds: Sequence,
    stages: Sequence = (),
    *,
    points: Callable = named.points,
    least: bool = False,
    around: Callable | None = None,
) -> Callable:
    """The course of a search in a ball of given radius, from each start of the `rounds` (name, restart).

    `search_by(*nets)` gives `search(tried) -> points, passes`; what a try costs is said by `stages`, see
    `bsa.search.work`. Radii are the thresholds from the largest down, a smaller one only for the images that fell at
    the one before; or, for the `least` distortion, those of a bisection from the largest threshold down. `points` gives
    the starts, as `starts.points` does; they are projected. Balls lie around the images or, with `around(rows, restart)
    -> Moved`, around where an attack moved those rows of them.
    """

    def course(nets, best, thresholds, seed):
        search = search_by(*nets)

        def attempt(rows, round, radius, place, after):
            name, restart = round
            best.work.begin(f"{place}/{name}/{restart}", stages, after)
            reach = radius[:, None, None, None] if np.ndim(radius) else radius
            moved = around and around(rows, restart)
            x, index = moved.x if around else best.original[rows], best.index[rows]
            z = named.project(points(name, x, index, seed, restart, reach), x, reach)
            start = f"{name}/{restart}"
            tried = Tried(x, best.y[rows], z, radius, index, best.scores[rows], seed, start, best.work)
            best.offer(rows, *search(tried), name, moved)

        def after(turn, images, further):
            """What is expected after a try of that turn: more rounds for what stays, further radii for what falls."""
            return lambda going: (
                expected(stages, going / 2, len(rounds) - turn - 1)
                + further * expected(stages, images - going / 2, len(rounds))
            )

        _descend(best, thresholds[:1] if least else thresholds, rounds, attempt, after, BISECTIONS * least)
        if least:
            _bisect(best, rounds, attempt, after)
        return thresholds[0]

    return course


def _descend(best, radii, rounds, attempt, after, more):
    """Try each radius from the largest down, a smaller one only on the images that fell at the one before.

    `attempt(rows, round, radius, place, after)` offers what it finds; `more` radii follow these.
    """
    reach = np.inf
    for number, radius in enumerate(radii):
        fell = best.distance <= reach
        for turn, each in enumerate(rounds):
            rows = np.flatnonzero(fell & (best.distance > radius + SLACK))
            if len(rows):
                further = len(radii) - number - 1 + more
                attempt(rows, each, radius, f"{radius:g}", after(turn, int(fell.sum()), further))
        reach = radius + SLACK


def _bisect(best, rounds, attempt, after):
    """Halve, for each broken image, the gap between a radius that failed and the distance found."""
    failed = np.zeros(len(best.x))
    broken = np.flatnonzero(np.isfinite(best.distance))
    for number in range(BISECTIONS):
        middle = (failed + best.distance) / 2
        for turn, each in enumerate(rounds):
            rows = broken[best.distance[broken] > middle[broken] + SLACK]
            if len(rows):
                later = after(turn, len(broken), BISECTIONS - number - 1)
                attempt(rows, each, middle[rows], f"bisection/{number}", later)
        stood = broken[best.distance[broken] > middle[broken] + SLACK]
        failed[stood] = middle[stood]


def for_least_distortion(search_by: Callable, rounds: Sequence, stages: Sequence) -> Callable:
    """The course of a search that seeks the closest point itself, from each start of the `rounds` (name, restart).

    `search_by(*nets)` gives `search(tried) -> points, passes`; its starts lie in the ball of the largest threshold and
    are not projected. Each start is for the images that are not within the smallest threshold yet. `stages` are as in
    `in_balls`.
    """

    def course(nets, best, thresholds, seed):
        search = search_by(*nets)
        for turn, (name, restart) in enumerate(rounds):
            rows = np.flatnonzero(best.distance > thresholds[-1] + SLACK)
            if len(rows):
                start = f"{name}/{restart}"
                best.work.begin(start, stages, rounds_after(stages, len(rounds) - turn - 1))
                x, y, index = best.original[rows], best.y[rows], best.index[rows]
                z = named.points(name, x, index, seed, restart, thresholds[0])
                tried = Tried(x, y, z, thresholds[0], index, best.scores[rows], seed, start, best.work)
                best.offer(rows, *search(tried), name)
        return thresholds[0]

    return course


def rounds_after(stages: Sequence, rounds: int) -> Callable:
    """What is expected after a try, of so many rounds for what stays."""
    return lambda going: expected(stages, going / 2, rounds)


def project(z: tf.Tensor, x: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    """z (n, ...) on the L-inf ball of `radius`, a number, (n,) or (n, 1, 1, 1), about x and in [0, 1]."""
    radius = radius[:, None, None, None] if radius.shape.rank == 1 else radius
    return tf.clip_by_value(z, tf.maximum(x - radius, 0.0), tf.minimum(x + radius, 1.0))


def away(z: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """max |z - x| of each image, (n,): the distance within a search; `criteria.linf` is that of what it found."""
    return tf.reduce_max(tf.abs(z - x), [1, 2, 3])


def wide(numbers: tf.Tensor) -> tf.Tensor:
    """(n,) as (n, 1, 1, 1)."""
    return numbers[:, None, None, None]
