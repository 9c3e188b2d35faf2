"""Deviations of hidden units estimated by Cauchy projections (Wong et al. 2018, section 3.2).

A unit's deviation is an L1 norm, sum |A| w over sources of widths w: the inputs and the ReLUs below it. With C
standard Cauchy the sum of A w C is Cauchy of that scale, whose absolute value has it as its median. So k forward
passes of noise take the place of coefficients for every unit. The authors estimate each source by itself; here noise
of all sources goes through the network together, which takes one pass and is the same estimate of the whole sum.
"""

import math

import tensorflow as tf


def deviation(block, below, r, noise, options):
    """The estimates (n, *shape) for a block's units, and the noise (k, n, *shape) that gave them.

    `noise` is what the block before gave, None at the second block. Every image has the same draws.
    """
    k, last = options.projections, below[-1]

    def drawn(width, number):
        seed = tf.stack([options.seed[0] + number, options.seed[1]])
        part = tf.random.stateless_uniform((k, 1, *width.shape[1:]), seed, -0.5, 0.5, width.dtype)
        return width * tf.tan(math.pi * part)

    if noise is None:
        noise = _through(last.block, drawn(r, 0))
    noise = _through(block, last.d * noise + drawn(last.h, len(below)))
    return _median(tf.abs(noise)), noise


def _through(block, values):
    """The block's linear part on values (k, n, *shape)."""
    k, *shape = values.shape
    return tf.reshape(block.linear(tf.reshape(values, (-1, *shape[1:]))), (k, -1, *block.shape))


def _median(values):
    """The median over the first axis; of an even number of values the upper one of the middle two."""
    values = tf.transpose(values, (*range(1, len(values.shape)), 0))
    return tf.nn.top_k(values, (values.shape[-1] + 1) // 2).values[..., -1]
