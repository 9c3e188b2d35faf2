"""Certificates by the convex outer polytope (Wong and Kolter 2018), with the slopes of CROWN (Zhang et al. 2018).

For every other class, a lower bound of logit_y - logit_j over the L-inf ball around an image: the dual of a linear
program in which each activation, a ReLU or an ELU, is relaxed to two lines. Where all bounds are above 0, no image in
the ball is misclassified.
"""

import numpy as np
import tensorflow as tf

from bsa.certify import Certified, _bounds, _chain
from bsa.given import images, labels

TINY = 1e-12  # keeps a quotient finite
HALVE = 3  # every third step of the search for a radius halves the interval; the others interpolate


def make(model, *, epsilon, bounded, slopes, projections, rounding, tolerance, batch_size):
    """The certificate of `model`: `certificate(x, y) -> Certified`, x (n, height, width, channels) float32 in [0, 1].

    Args:
        model: a chain of Dense, Conv2D, ReLU, ELU and layers that are affine at inference (`_read.AFFINE`), ending in
            logits. A model in lower precision is taken in float32.
        epsilon: the radius of `bounds` and `certified`, in [0, 1] pixels.
        tolerance: `radius` is a certified epsilon, at most 1, within this tolerance of the largest one that these
            bounds certify; 0 for a misclassified image. None: no search; `radius` is `epsilon` where certified, else 0.
        bounded: whether the ball is cut to [0, 1].
        slopes: "parallel" for Wong and Kolter's; "crown" for the better of those and CROWN's, for each class.
        rounding: whether to lower the bounds by several times float32's error (`_bounds._rounding`: sufficient except
            with a tiny probability), so that they hold for the network as it computes.
        batch_size: how many images are bounded at once.
        projections: estimate the bounds of hidden units by so many random projections; a note then says that nothing is
            proven. None: exact.

    Raises:
        ValueError: the model is no such chain; names the layer.
    """
    _chain.check(model)
    shape, classes, scales = model.input_shape[1:], model.output_shape[-1], _chain.scales(model)
    if classes < 2:
        raise ValueError("expected a logit for each of at least 2 classes, found 1 logit: give a binary model two")
    options = _bounds.Options(rounding=rounding, projections=projections)
    signature = [tf.TensorSpec((None, *shape)), tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,))]

    @tf.function(input_signature=signature)
    def margins(x, y, epsilon):
        blocks = _chain.chain(model)
        return _bounds.margins(blocks, x, y, epsilon, bounded=bounded, crown=slopes == "crown", options=options)

    def bounds(x, y, radius):
        found, radius = np.zeros((len(x), classes), np.float32), np.broadcast_to(np.float32(radius), len(x))
        for at in range(0, len(x), batch_size):
            part = slice(at, at + batch_size)
            found[part] = margins(x[part], y[part], radius[part])
        return found

    def certificate(x, y):
        x = images(x, shape)
        y = labels(y, len(x), classes)
        if not all(map(np.array_equal, scales, _chain.scales(model))):
            raise ValueError("expected Normalization and Rescaling as when the certificate was made: make it again")
        found = bounds(x, y, epsilon)
        smallest = least(found, y)
        radius = np.where(smallest > 0, np.float32(epsilon), np.float32(0))

        def least_at(rows, radii):
            return least(bounds(x[rows], y[rows], radii), y[rows])

        if tolerance is not None:
            radius = _radius(least_at, smallest, epsilon, tolerance)
        notes = (f"bounds estimated by {projections} random projections: nothing is proven",) if projections else ()
        return Certified(found, smallest > 0, radius.astype(np.float64), notes)

    return certificate


def units(model):
    """How many hidden units `model`, a network that `make` takes, has: the cost of its bounds grows with them."""
    return _chain.units(model)


def least(bounds, y):
    """The smallest of the bounds (n, classes) over the classes other than y (n,), shape (n,)."""
    others = bounds.copy()
    others[np.arange(len(y)), y] = np.inf
    return others.min(-1)


def _radius(least_at, at_epsilon, epsilon, tolerance):
    """The largest certified radius of each image, (n,) float32, within `tolerance`.

    `least_at(rows, radii)` gives the smallest bound of images `rows` at `radii`; `at_epsilon` are those at `epsilon`.
    """
    everyone = np.arange(len(at_epsilon))
    low, high = np.zeros(len(everyone), np.float32), np.full(len(everyone), np.float32(epsilon))
    below, above = least_at(everyone, low), at_epsilon.copy()  # the smallest bounds at low and high
    rows = everyone[above > 0]
    while len(rows):  # bounds fall faster and faster, so that they mostly reach 0 before a straight line does
        zero = high[rows] + (high[rows] - low[rows]) * above[rows] / np.maximum(below[rows] - above[rows], TINY)
        low[rows], below[rows] = high[rows], above[rows]
        high[rows] = np.minimum(np.clip(zero, 1.05 * low[rows], 1.2 * low[rows]), 1)
        above[rows] = least_at(rows, high[rows])
        rows = rows[(above[rows] > 0) & (high[rows] < 1)]
    low = np.where(above > 0, high, low)  # everything is certified
    step = 0
    while len(rows := everyone[(below > 0) & (above <= 0) & (high - low > tolerance)]):
        middle = _between(low[rows], high[rows], below[rows], above[rows], tolerance, step)
        value = least_at(rows, middle)
        held = value > 0
        low[rows[held]], below[rows[held]] = middle[held], value[held]
        high[rows[~held]], above[rows[~held]] = middle[~held], value[~held]
        step += 1
    return low


def _between(low, high, below, above, tolerance, step):
    """Where to look next: just beside the zero of the line through both ends, on each side in turn, or halfway."""
    if step % HALVE == HALVE - 1:
        return (low + high) / 2
    zero = low + (high - low) * below / (below - above) + (0.4, -0.4)[step % HALVE] * np.float32(tolerance)
    return np.clip(zero, low + 0.1 * (high - low), high - 0.1 * (high - low)).astype(np.float32)
