"""Random crops and flips of training images, as functions of a seed: a resumed training sees the same ones.

Source: Madry et al. (2018), as released for CIFAR-10: 2 pixels of zeros on each side, not the usual 4.
"""

import tensorflow as tf

PADDING = 2
KINDS = ("crop", "flip_and_crop")


def augment(kind, x, seed):
    """Images x (n, height, width, channels) augmented by `kind`: "crop" or "flip_and_crop".

    `seed` is a pair of int32, of which no other draw of the step may be made. Raises ValueError for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"expected one of the augmentations {', '.join(KINDS)}, found {kind}")
    return crop(x, seed) if kind == "crop" else flip_and_crop(x, seed)


def crop(x, seed, padding=PADDING):
    """Each image padded with `padding` zeros on each side, and a window of its old size at random in it."""
    return _window(x, seed, padding, flips=False)


def flip_and_crop(x, seed, padding=PADDING):
    """As `crop`, and each image mirrored, left to right, with probability 1/2."""
    return _window(x, seed, padding, flips=True)


def _window(x, seed, padding, flips):
    """One gather of pixels; the window of an image is the same with and without flips."""
    n, (height, width, channels) = tf.shape(x)[0], x.shape[1:]
    draws = tf.random.stateless_uniform((n, 3), seed)
    corner = tf.cast(draws[:, :2] * (2 * padding + 1), tf.int32)
    rows = corner[:, :1] + tf.range(height)
    columns = tf.range(width)
    if flips:
        columns = tf.where(draws[:, 2:] < 0.5, columns[::-1], columns)
    columns = corner[:, 1:] + columns
    tall, wide = height + 2 * padding, width + 2 * padding
    padded = tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    place = (tf.range(n)[:, None, None] * tall + rows[:, :, None]) * wide + columns[:, None, :]
    return tf.reshape(tf.gather(tf.reshape(padded, (-1, channels)), place), (n, height, width, channels))
