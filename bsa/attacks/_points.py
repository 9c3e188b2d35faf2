"""Where images are easiest to break: points of a chain of transformations, tried image by image."""

import functools

import numpy as np
import tensorflow as tf

from bsa.exploration import allowed, centre, drawn, grid
from bsa.networks import logits
from bsa.ops import losses, seeds
from bsa.search.ledger import Moved
from bsa.transforms import move

STEPS = 10  # of a descent on the point, from each of its random starts; a forward pass follows
REACH = 2.5  # how far all steps of a descent reach, in halves of a range, as in Madry et al. (2018)


class Points:
    """Points of `space`, a narrowed one of `transform`'s, and what they make of images."""

    def __init__(self, model, transform, space, search, count, batch_size):
        self.model, self.transform, self.space = model, transform, space
        self.search, self.count, self.batch_size = search, count, batch_size
        self.names, self.dtype = list(space), [(name, np.float64) for name in space]

    @functools.cached_property
    def number(self):
        """How many points an image is tried at, at most."""
        return 1 + self._descended if self.search == "gradient" else len(self.shared(0))

    @property
    def _descended(self):
        return max(self.count // (STEPS + 1), 1)

    def shared(self, seed):
        """The points that all images are tried at, the one nearest to neutral first."""
        problem = self.transform.problem
        if self.search == "grid":
            found = grid(self.space, problem, self.count)
        else:
            found = [drawn(self.space, problem, seed, number) for number in range(self.count - 1)]
        first = centre(self.space)
        return [first, *(point for point in found if point != first)]

    def array(self, points):
        """Points, dicts, as an array with a field for each parameter."""
        return np.array([tuple(point[name] for name in self.names) for point in points], self.dtype)

    def moved(self, x, point, seed, index):
        """Images x (m, ...) each at its own point (m,): `Moved`."""
        out = np.empty_like(x)
        for at in range(0, len(x), self.batch_size):
            rows = slice(at, at + self.batch_size)
            where = {name: point[name][rows].astype(np.float32) for name in self.names}
            out[rows] = move(self.transform, x[rows], where, seed, index[rows])[0]
        return Moved(out, point)

    def worst(self, best, wanted, seed):
        """For each image the `wanted` points of the least margins, (n, wanted), the least first.

        What is misclassified at a point without another change is offered to the `Ledger` and not tried any more.
        """
        margins = np.full((len(best.x), wanted), np.inf)
        points = np.full((len(best.x), wanted), self.array([centre(self.space)]))
        tries = self._descents(best, seed) if self.search == "gradient" else self._all(seed)
        for tried in tries:
            rows = np.flatnonzero(best.distance > 0)
            if not len(rows):
                break
            point, passes = tried(rows)
            there = self.moved(best.original[rows], point, seed, best.index[rows])
            margin = losses.margin(logits(self.model, there.x, self.batch_size), best.y[rows]).numpy()
            best.passes[rows] += passes
            broken = margin < 0
            if broken.any():
                best.offer(rows[broken], there.x[broken], 0, "moved", there.of(broken))
            _insert(margins, points, rows, margin, point)
        return points

    def _all(self, seed):
        for each in self.shared(seed):
            yield lambda rows, each=each: (np.repeat(self.array([each]), len(rows)), 1)

    def _descents(self, best, seed):
        yield lambda rows: (np.repeat(self.array([centre(self.space)]), len(rows)), 1)
        for number in range(self._descended):
            yield lambda rows, number=number: (self._descent(best, rows, seed, number), STEPS + 1)

    def _descent(self, best, rows, seed, number):
        """Down the margin from a random point of each image, by the signs of its gradient; the end is made allowed."""
        index = best.index[rows]
        low, high = (np.array([getattr(self.space[name], end) for name in self.names]) for end in ("low", "high"))
        share = (seeds.uniform(seed, f"spatial/{number}", index, (len(self.names),)) + 1) / 2
        point = np.float32(low + (high - low) * share)
        for at in range(0, len(rows), self.batch_size):
            part = slice(at, at + self.batch_size)
            x, y = (tf.constant(each[rows[part]]) for each in (best.original, best.y))
            there = tf.constant(point[part])
            for _ in range(STEPS):
                there = self._step(x, y, there, tf.constant(index[part]), seed)
            point[part] = there
        found = [dict(zip(self.names, each, strict=True)) for each in point.astype(np.float64).tolist()]
        return self.array([allowed(self.space, self.transform.problem, each) for each in found])

    @functools.cached_property
    def _step(self):
        low, high = (tf.constant([getattr(self.space[name], end) for name in self.names]) for end in ("low", "high"))
        stride = REACH * (high - low) / 2 / STEPS

        @functools.partial(tf.function, reduce_retracing=True)
        def step(x, y, point, index, seed):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(point)
                where = dict(zip(self.names, tf.unstack(point, axis=1), strict=True))
                there, _ = move(self.transform, x, where, seed, index)
                margin = losses.margin(self.model(there, training=False), y)
            slope = tape.gradient(margin, point, unconnected_gradients="zero")
            slope = tf.where(tf.math.is_finite(slope), slope, 0.0)
            return tf.clip_by_value(point - stride * tf.sign(slope), low, high)

        return step


def _insert(margins, points, rows, margin, point):
    """Keep the least margins of each image, in order, with their points."""
    both = np.concatenate([margins[rows], margin[:, None]], axis=1)
    every = np.concatenate([points[rows], point[:, None]], axis=1)
    order = np.argsort(both, axis=1, kind="stable")[:, : margins.shape[1]]
    margins[rows], points[rows] = np.take_along_axis(both, order, 1), np.take_along_axis(every, order, 1)
