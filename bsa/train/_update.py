"""One training step as a graph: the gradient over the global batch, in one or several parts, and its use.

A global batch may be split among devices and among micro-batches. Random draws do not depend on the split: images
are drawn and augmented for the whole batch, and an objective that draws is told which rows it was given.
"""

import tensorflow as tf

from bsa.lazy import LazyImages
from bsa.ops import augment, seeds
from bsa.train import _finite, _moves


def make(model, rule, data, objective, *, seed, batch_size, weight_decay, augmentation, transform,
         gradient_accumulation, jit_compile, devices):  # fmt: skip
    """`update(indices, step) -> {"loss": mean, metric: mean, ...}`, which changes `model` by the optimizer `rule`.

    `indices` (batch_size,) int32 are the images of the global batch, which are augmented, and then moved by
    `transform` (see `_moves`). The gradient is that of the mean loss plus
    `weight_decay` * sum(w^2) / 2 over the variables named "kernel" (Madry et al. 2018, as released for CIFAR-10), and
    plus the losses of the model itself, once, as Keras trains with them: of its regularizers, and those that the last
    of the objective's calls added, which are taken for means over the batch. The reported loss is without both, and the
    `_finite.counts` stand beside it. The batch is worked through in `gradient_accumulation` equal parts, one after the
    other, each of which `devices` (a `bsa.devices.strategy.Devices`) share.
    """
    micro = gradient_accumulation or 1
    pieces = devices.replicas * micro
    size = batch_size // pieces
    images, labels = _gathered(data.x), tf.constant(data.y)
    draws, crops = seeds.derive(seed, "train"), seeds.derive(seed, "augmentation")
    moved = _moves.make(**transform, seed=seed, batch_size=batch_size) if transform else None

    def batch(indices, step):
        x, y = images(indices), tf.gather(labels, indices)
        if augmentation:
            x = augment.augment(augmentation, x, tf.stack([crops, step]))
        return moved(x, step) if moved else x, y

    def gradients(x, y, step, number):
        part = {}
        if pieces > 1:
            begin = (number * devices.replicas + devices.replica()) * size  # a micro-batch is the same on any devices
            x, y = (tf.slice(v, [begin] + [0] * (len(v.shape) - 1), [size, *v.shape[1:]]) for v in (x, y))
            part = {"part": (begin, batch_size)}
        with tf.GradientTape() as tape:
            losses, metrics = objective(model, x, y, tf.stack([draws, step]), step, **part)
            loss = total = tf.reduce_mean(losses) / pieces
            if weight_decay:
                total += weight_decay / pieces * _squares(model)
            own = model.losses
            if own:
                total += tf.add_n([tf.reduce_sum(tf.cast(each, tf.float32)) for each in own]) / pieces
        means = {"loss": loss} | {k: tf.reduce_mean(v) / pieces for k, v in metrics.items()}
        return tape.gradient(total, model.trainable_variables), means

    def use(slopes):
        rule.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        return _finite.counts(slopes, model)

    def whole(x, y, step):
        slopes, means = gradients(x, y, step, 0)
        return means | use(slopes)

    if micro == 1:

        @tf.function(jit_compile=jit_compile or None)
        def update(indices, step):
            return devices.total(devices.run(whole, (*batch(indices, step), step)))

        return update
    return _accumulated(batch, gradients, use, micro, jit_compile, devices)


def _gathered(x):
    """A function of a graph that gives the images x (n, ...) of given numbers."""
    if not isinstance(x, LazyImages):
        held = tf.constant(x)
        return lambda indices: tf.gather(held, indices)

    def read(indices):
        found = tf.numpy_function(lambda rows: x[rows], [indices], tf.float32)
        return tf.ensure_shape(found, (indices.shape[0], *x.shape[1:]))

    return read


def _squares(model):
    """sum(w^2) / 2 over the weights of convolutions and dense layers: not over biases, nor over batch norm's."""
    return tf.add_n([tf.nn.l2_loss(v.value) for v in model.trainable_variables if v.name == "kernel"])


def _accumulated(batch, gradients, use, micro, jit_compile, devices):
    """The update whose gradient is a sum over micro-batches: a graph each, so that one at a time is in memory."""

    @tf.function(jit_compile=jit_compile or None)
    def first(x, y, step, number):
        return devices.run(gradients, (x, y, step, number))

    @tf.function(jit_compile=jit_compile or None)
    def more(x, y, step, number, before):
        def added(x, y, step, number, before):
            return tf.nest.map_structure(tf.add, before, gradients(x, y, step, number))

        return devices.run(added, (x, y, step, number, before))

    prepare, apply = tf.function(batch), tf.function(lambda slopes: devices.run(use, (slopes,)))
    total = tf.function(devices.total)

    def update(indices, step):
        x, y = prepare(indices, step)
        found = first(x, y, step, tf.constant(0))
        for number in range(1, micro):
            found = more(x, y, step, tf.constant(number), found)
        slopes, means = found
        return total(means) | total(apply(slopes))

    return update
