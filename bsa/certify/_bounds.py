"""Dual bounds through a chain (Wong and Kolter 2018, section 3; slopes of Zhang et al. 2018, section 3.3).

A ReLU whose input z lies in [l, u], l < 0 < u, lies between two lines: d z below and d z + s above, d = u / (u - l),
s = -d l. Both have one slope, so every value of the network is a centre plus or minus a deviation. The centre is a
forward pass with d z + s / 2 in place of the ReLU; the deviation of a unit is sum |A| s / 2 over the ReLUs below it
plus sum |A| r over the inputs, with A its coefficients there, r the radius of each input. Thus one pass of
coefficients serves both bounds, and it is spared for a unit that the triangle inequality decides already: one that is
never or always on has d in {0, 1} and s = 0, whatever its bounds. With another lower slope d + e (CROWN) a row of
coefficients A loses relu(A) e c less, c the centre before the ReLU, and the two bounds need a row each.
An ELU has such lines as well, the lower ones with a constant, and is straight only where its input is never negative.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from bsa.certify import _lines, _projections

CHUNK = 2**23  # coefficients worked on at once where no gradient is wanted: 32 MB, and a few times that; besides
# them `Rows.of` holds a batch's windows, images * positions * window, so that large networks want a small batch


class Options(NamedTuple):
    """How to bound: `rounding` allows for float32, `projections` (None: exact) estimates the deviations of hidden
    units with `seed`, two int32; with `gradient` the bounds can be differentiated: memory grows with what crosses 0."""

    rounding: bool = True
    projections: int | None = None
    seed: object = (0, 0)
    gradient: bool = False


class Relaxed(NamedTuple):
    """A block and the lines around the activations behind it, (n, *shape) each."""

    block: object
    low: tf.Tensor  # bounds of the activation's input; exact, or good enough to tell that it does not bend there
    high: tf.Tensor
    d: tf.Tensor  # upper slope
    h: tf.Tensor  # half the distance of the lines, and rounding
    p: tf.Tensor  # centre behind the activation
    reach: tf.Tensor  # how far the values behind the activation may be from p, at most
    e: tf.Tensor | None = None  # what the lower slope has more than d; None for nothing
    f: tf.Tensor | None = None  # how far the lower line is above the parallel one, at the centre before the activation


def margins(blocks, x, y, epsilon, *, bounded, crown, options):
    """Lower bounds (n, classes) of logit_y - logit_j in the L-inf ball, 0 at j = y.

    x (n, *shape), y (n,) int, epsilon (n,) in [0, 1] pixels; `bounded` cuts the ball to [0, 1]. With `crown` the
    better of both slopes for each class, without it parallel ones.
    """
    radius = tf.reshape(epsilon, (-1, *(1,) * (len(x.shape) - 1)))
    low, high = x - radius, x + radius
    if bounded:
        low, high = tf.clip_by_value(low, 0.0, 1.0), tf.clip_by_value(high, 0.0, 1.0)
    centre, r = (low + high) / 2, (high - low) / 2
    below = relax(blocks, centre, r, options)
    found = _margins(blocks[-1], below, centre, r, y, options)
    if crown:
        below = _tighten(below, centre, r, options)
        found = tf.maximum(found, _margins(blocks[-1], below, centre, r, y, options))
    return found


def relax(blocks, centre, r, options):
    """The activations between the blocks, relaxed by parallel lines: a list of `Relaxed`."""
    below, noise = [], None
    for block in blocks[:-1]:
        p, reach = (below[-1].p, below[-1].reach) if below else (centre, r)
        c, rounding = block.forward(p), _rounding(block, tf.abs(p) + reach, options)
        deviation = block.spread(reach)
        if options.projections and below:
            deviation, noise = _projections.deviation(block, below, r, noise, options)
        elif below or not block.single:
            deviation = _exact(block, below, r, c, tf.stop_gradient(deviation), rounding, options)
        deviation += rounding
        below.append(_relaxed(block, c, *tf.unstack(c + _signs(c) * deviation), rounding, options))
    return below


def _exact(block, below, r, c, deviation, rounding, options):
    """The deviations of units with centres c, given upper bounds of them: exact where with these the unit may bend.

    Where a gradient is wanted, only the units that really bend have one: they are computed once more for it.
    """
    for final in (False, True) if options.gradient else (False,):
        units = tf.where(_lines.bends(block.activation, c - (deviation + rounding), c + (deviation + rounding)))
        found = _deviation(block, below, r, units, options._replace(gradient=final))
        deviation = tf.tensor_scatter_nd_update(deviation, units, found if final else tf.stop_gradient(found))
    return deviation


def _tighten(below, centre, r, options):
    """The same activations with the slopes of CROWN, their inputs in the better of its bounds and those given."""
    found = []
    for block, low, high, *_ in below:
        p, reach = (found[-1].p, found[-1].reach) if found else (centre, r)
        c, rounding = block.forward(p), _rounding(block, tf.abs(p) + reach, options)
        if found or not block.single:
            units = tf.where(_lines.bends(block.activation, low, high))
            lost, gained = (_deviation(block, found, r, units, options, sign) for sign in (1, -1))
            least, most = (tf.gather_nd(v, units) for v in (c - rounding, c + rounding))
            low = tf.tensor_scatter_nd_max(low, units, least - lost)
            high = tf.tensor_scatter_nd_min(high, units, most + gained)
        found.append(_relaxed(block, c, low, high, rounding, options, crown=True))
    return found


def _signs(like):
    """-1 and 1, to be multiplied with `like`, (2, 1, ...).

    For both bounds in one sum: of a tensor that three sums or more depend on, gradients are added up in an order that
    changes from run to run where one of them is also that of another tensor, and training would not repeat bit for bit.
    """
    return tf.reshape(tf.constant([-1, 1], like.dtype), (2, *(1,) * len(like.shape)))


def _relaxed(block, c, low, high, rounding, options, crown=False):
    """The lines of activations with inputs in [low, high], and c where everything below is at its centre."""
    d, h, p, e, f = _lines.around(block.activation, c, low, high, options.rounding)
    if not crown:
        h += d * rounding
        return Relaxed(block, low, high, d, h, p, d * (high - low) / 2 + h)
    slope = d + tf.abs(e)
    h += slope * rounding
    return Relaxed(block, low, high, d, h, p, slope * tf.maximum(high - c, c - low) + h, e, f)


def _margins(block, below, centre, r, y, options):
    """The lower bounds of all margins, (n, classes): `block` is the last one."""
    n, others = tf.shape(y, tf.int64)[0], block.shape[0] - 1
    other = tf.range(others, dtype=tf.int64) + tf.cast(tf.range(others) >= y[:, None], tf.int64)
    images = tf.repeat(tf.range(n), others)
    own = tf.stack([images, tf.repeat(tf.cast(y, tf.int64), others)], axis=1)
    pairs = tf.stack([images, tf.reshape(other, (-1,))], axis=1)

    def loss(both):
        one, two = block.rows(both[:, :2]), block.rows(both[:, 2:])
        return _loss(one._replace(a=one.a - two.a), below, r)

    p, reach = (below[-1].p, below[-1].reach) if below else (centre, r)
    logits, rounding = block.forward(p), _rounding(block, tf.abs(p) + reach, options)
    found = tf.gather_nd(logits - rounding, own) - tf.gather_nd(logits + rounding, pairs)
    found -= _in_chunks(loss, tf.concat([own, pairs], axis=1), _width(block.rows(own[:0]), below), r.dtype, options)
    return tf.scatter_nd(pairs, found, tf.stack([n, others + 1]))


def _deviation(block, below, r, units, options, sign=1):
    """How far `units` (R, 1 + dimensions), image and place, can be below their centre; for sign -1 above it."""

    def loss(units):
        rows = block.rows(units)
        return _loss(rows if sign == 1 else rows._replace(a=-rows.a), below, r, skip=block.single)

    lost = _in_chunks(loss, units, _width(block.rows(units[:0]), below), r.dtype, options)
    if not (below and block.single):
        return lost
    last = below[-1]  # what is lost right below takes no rows
    own = block.spread(last.h)
    if last.e is not None:
        own -= (block.spread(last.f) + sign * block.linear(last.f)) / 2
    return lost + tf.gather_nd(own, units)


def _loss(rows, below, r, skip=False):
    """How far below its centre a row's value can be, (R,): at every activation from the top, then at the inputs.

    `rows` are on what comes out of the last of `below`, whose own share is left out where `skip`.
    """
    total = 0.0
    for relaxed in reversed(below):
        if not skip:
            total += _dot(tf.abs(rows.a), rows.of(relaxed.h))
            if relaxed.e is not None:
                total -= _dot(tf.nn.relu(rows.a), rows.of(relaxed.f))
        a = rows.a * rows.of(relaxed.d)
        if relaxed.e is not None:
            a += tf.nn.relu(rows.a) * rows.of(relaxed.e)
        rows, skip = relaxed.block.back(rows._replace(a=a)), False
    return total + _dot(tf.abs(rows.a), rows.of(r))


def _rounding(block, size, options):
    """What float32 may add to or take from a block's sums, (n, *shape), for values and deviations up to `size`.

    A sum of m products errs by at most c sqrt(m) times the unit roundoff times the sum of their absolute values, but
    for a probability that falls as exp(-c^2 / 2) (Higham and Mary 2019, Theorem 2.4). An allowance enters the bounds of
    its ReLU and, through h, everything above. It stands for the error of the coefficients as well.
    """
    if not options.rounding:
        return 0.0
    return _lines.ROUNDING * math.sqrt(block.terms) * _lines.roundoff(size) * block.magnitude(size)


def _in_chunks(f, units, width, dtype, options):
    """f(units), (R,), where a unit takes `width` coefficients."""
    if options.gradient:
        return f(units)
    size = max(CHUNK // width, 1)
    chunks = tf.maximum(-(tf.shape(units)[0] // -size), 1)
    found = tf.TensorArray(dtype, chunks, element_shape=(None,), infer_shape=False)

    def step(number, found):
        return number + 1, found.write(number, f(units[number * size : (number + 1) * size]))

    _, found = tf.while_loop(lambda number, _: number < chunks, step, (0, found), parallel_iterations=1)
    return found.concat()


def _width(rows, below):
    """The most coefficients that a row has on its way down."""
    widths = [rows.a.shape[1:].num_elements()]
    for relaxed in reversed(below):
        rows = relaxed.block.back(rows)
        widths.append(rows.a.shape[1:].num_elements())
    return max(widths)


def _dot(a, b):
    return tf.reduce_sum(a * b, tuple(range(1, len(a.shape))))
