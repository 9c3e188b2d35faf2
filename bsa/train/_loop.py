"""The one training loop. All randomness is a function of (seed, step), so a killed run resumes bit for bit."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from bsa import networks
from bsa.data import Dataset
from bsa.devices import strategy as device
from bsa.errors import TrainingError
from bsa.given import images, labels, pair
from bsa.lazy import LazyImages
from bsa.ops import seeds
from bsa.rewrites import copies
from bsa.rewrites import precision as precisions
from bsa.rewrites.quick import quick
from bsa.spec import digest
from bsa.train import _checkpoint, _finite, _update
from bsa.train._finite import ADVICE


def fit(model, data, objective, *, steps, batch_size, optimizer, learning_rate, precision, jit_compile, seed,
        weight_decay=None, augmentation=None, transform=None, gradient_accumulation=None, folder=None, progress=None,
        identity="", devices=device.ONE):  # fmt: skip
    """Train `model` in place; returns the history, a dict of (steps,) float32 arrays.

    Each epoch is a new permutation of the training set without its last, incomplete batch. `_update.make` defines a
    step.

    Args:
        model: the network.
        objective: `objective(model, x, y, seed, step)` returns a loss for each example (n,) and a dict of per-example
            metrics. If x is part of a batch, `part` = (its first row, size of the whole batch) is passed as well.
        data: see `bsa.data.pair`.
        folder: for checkpoints and TensorBoard scalars; a training resumes from it.
        progress: `progress(done, total, **metrics)` is called after each step.
        identity: distinguishes trainings: a checkpoint of another one is not resumed.
        devices: share each batch; results agree with those of one device up to the rounding of sums.

    The other arguments are the fields of `schemas/train/_loop.json`.

    Raises:
        TrainingError: the checkpoint is of another training; the copy of the model that trains differs from it; or a
            loss, gradient, weight or logit is NaN or infinite. The last is raised at that step, before it is kept:
            `model` then has its initial weights, and the last checkpoint stays.
        ValueError: images and labels that `bsa.data` refuses.
    """
    data = _given(model, data)
    _check(len(data.x), batch_size, gradient_accumulation or 1, jit_compile, devices)
    if jit_compile and isinstance(data.x, LazyImages):
        raise TrainingError("expected jit_compile false with images that are read as they are needed, found true")
    if devices.strategy and _adds_losses(model, data.x):
        raise TrainingError(
            "expected a model whose calls add no losses (activity_regularizer, add_loss), since the devices of a "
            "strategy would mix them, found some: train on one device"
        )
    _finite.begun(model)
    before = model.get_weights()
    with devices.scope():
        one = devices is device.ONE
        twin = quick(precisions.twin(model, precision), exact=True) if one else precisions.replica(model, precision)
        twin = _trusted(twin, model, data.x, precision, one)
        for variable, given in zip(twin.trainable_variables, model.trainable_variables, strict=True):
            variable.regularizer = given.regularizer  # of a layer's config, but may have been set on the variable
        rule = _rule(optimizer)
        rule.build(twin.trainable_variables)
    identity = digest([identity, seed, batch_size, optimizer, learning_rate, precision, _sums(data, model)])
    state = _checkpoint.State(twin.variables + rule.variables, Path(folder) if folder else None, identity, devices)
    update = _update.make(
        twin, rule, data, objective, seed=seed, batch_size=batch_size, weight_decay=weight_decay,
        augmentation=augmentation, transform=transform, gradient_accumulation=gradient_accumulation,
        jit_compile=jit_compile, devices=devices,
    )  # fmt: skip
    order = _order(seed, len(data.x), batch_size)
    with state.scalars() as scalars:
        first = state.restore(steps)
        _agree(devices, first, identity)
        for step in range(first, steps):
            rule.learning_rate = rate_at(learning_rate, step)
            with devices.together():
                metrics = {k: float(v) for k, v in update(order(step), tf.constant(step)).items()}
            if wrong := _finite.fault(metrics, step, steps, first=step == 0):
                model.set_weights(before)
                raise TrainingError(wrong)
            metrics = {k: v for k, v in metrics.items() if k not in _finite.COUNTS}
            state.add(step, metrics, last=step == steps - 1)
            scalars(step, metrics)
            if progress:
                progress(step + 1, steps, **metrics)
    if twin is not model:
        copies.carry(twin, model)
    if not np.isfinite(model(np.asarray(data.x[:batch_size]), training=False)).all():
        model.set_weights(before)
        raise TrainingError(f"the logits are no longer numbers after the last of {steps} steps. {ADVICE}")
    return {key: np.array(values) for key, values in state.history.items()}


def _trusted(twin, model, x, precision, one):
    """`twin`, or `model` itself where it can train in its place; TrainingError where the twin is not the model.

    The two are compared on the first of the training images x (n, ...). `one`: a single device trains.
    """
    where = copies.difference(twin, model, x)
    if twin is not model and not where and copies.shared(model):
        where = "once weights that its layers share have moved apart"
    if not where:
        return twin
    if precision == "float32" and one:
        return model
    raise TrainingError(
        f"expected a copy of the model in precision {precision} that answers as it does, found another answer {where}: "
        "Keras cannot copy that layer by its config. Build the model in that precision, or train in float32"
    )


def _rule(optimizer):
    """The optimizer "adam" or "sgd"; its learning rate is kept in float32, whatever `keras.config.floatx()` is."""
    floatx = keras.config.floatx()
    keras.config.set_floatx("float32")  # Keras takes the type from nowhere else
    try:
        return keras.optimizers.Adam() if optimizer == "adam" else keras.optimizers.SGD(momentum=0.9)
    finally:
        keras.config.set_floatx(floatx)


def _given(model, data):
    """`data` as a `Dataset` of what `model` can be trained on."""
    networks.check(model)
    if not model.trainable_variables:
        raise ValueError("expected a model with weights to train, found none: set trainable of its layers")
    shape = networks.image_shape(model)
    x, y = pair(data, shape)
    x = images(x, shape)
    classes = networks.classes(model, x)
    return Dataset(x, labels(y, len(x), classes), classes)


def _check(count, batch_size, micro, jit_compile, devices):
    """TrainingError where there is no whole batch, it cannot be split into equal parts, or XLA meets a strategy."""
    if count < batch_size:
        raise TrainingError(f"expected at least one batch of {batch_size} training images, found {count}")
    if batch_size % (devices.replicas * micro):
        raise TrainingError(
            f"expected a batch_size that is a multiple of {devices.replicas} devices x {micro} micro-batches "
            f"(gradient_accumulation), found {batch_size}"
        )
    if jit_compile and devices.strategy:
        raise TrainingError("expected jit_compile false with a strategy, whose sums XLA does not compile, found true")


def _adds_losses(model, x):
    """Whether calls of `model` in training add losses, beside those of its weights."""
    found = []

    def call(x):
        model(x, training=True)
        found.append(len(model.losses) - sum(v.regularizer is not None for v in model.trainable_variables))

    tf.function(call, autograph=False).get_concrete_function(tf.TensorSpec((None, *x.shape[1:])))  # computes nothing
    return found[0] > 0


def _agree(devices, first, identity):
    """TrainingError where the workers are about to train different networks, or from different steps."""
    with devices.together():
        same = devices.agree(first, int(identity[:6], 16))
    if not same:
        raise TrainingError(
            f"expected all workers to begin the same training at the same step, found another one; this begins at step "
            f"{first}: give all of them the same spec, data and version, and a shared store"
        )


def _sums(data, model):
    """sha256 of the images, the labels and the weights that training begins with."""
    return [_sum(array) for array in (data.x, data.y, *model.get_weights())]


def _sum(array):
    """sha256 of an array's bytes, of one block of images after the other where they are read as they are needed."""
    found = hashlib.sha256()
    blocks = range(0, len(array), 1000) if isinstance(array, LazyImages) else ()
    for block in (array[at : at + 1000] for at in blocks) if blocks else (array,):
        found.update(np.ascontiguousarray(block))
    return found.hexdigest()


def rate_at(learning_rate, step):
    """The learning rate at a step: a number, or that of the last of the pairs [from_step, rate] that has begun."""
    if isinstance(learning_rate, (int, float)):
        return learning_rate
    return [rate for start, rate in learning_rate if start <= step][-1]


def _order(seed, n, batch_size):
    """step -> the int32 indices of its batch."""
    batches = n // batch_size
    current = (None, None)

    def batch(step):
        nonlocal current
        epoch, at = divmod(step, batches)
        if current[0] != epoch:
            current = epoch, seeds.generator(seed, "order", epoch).permutation(n).astype(np.int32)
        return tf.constant(current[1][at * batch_size : (at + 1) * batch_size])

    return batch
