"""The one training loop. Everything random is a function of (seed, step), so a killed run resumes bit for bit."""

import contextlib
import hashlib
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from bsa import store
from bsa.errors import TrainingError
from bsa.ops import precision as precisions
from bsa.ops import seeds
from bsa.spec import digest

CHECKPOINT = f"{store.WORK}/checkpoint.npz"
ADVICE = "A lower learning_rate, a longer epsilon_warmup or precision float32 usually helps."
SECONDS_BETWEEN_CHECKPOINTS = 2.0  # at least; a checkpoint never takes more than a fiftieth of the time


def fit(model, data, objective, *, steps, batch_size, optimizer, learning_rate, precision, jit_compile, seed,
        folder=None, progress=None, identity=""):  # fmt: skip
    """Train `model` in place on `data` (a `Dataset`); returns the history, a dict of (steps,) float32 arrays.

    `objective(model, x, y, seed, step)` gives a loss for each example (n,) and a dict of per-example metrics.
    Each epoch is a fresh permutation of the training set without its last, incomplete batch. `folder` receives
    checkpoints and TensorBoard scalars, and is resumed from; `progress(done, total, **metrics)` is called after
    each step. `identity` tells trainings apart: a checkpoint of another one is not resumed. Raises TrainingError for
    that, and where the loss, a weight or a logit is no longer a number; the last checkpoint stays.
    """
    if len(data.x) < batch_size:
        raise TrainingError(f"expected at least one batch of {batch_size} training images, found {len(data.x)}")
    twin = precisions.twin(model, precision)
    rule = {"adam": keras.optimizers.Adam, "sgd": lambda: keras.optimizers.SGD(momentum=0.9)}[optimizer]()
    rule.build(twin.trainable_variables)
    identity = digest([identity, seed, batch_size, optimizer, learning_rate, precision, _sums(data, model)])
    state = _State(twin.variables + rule.variables, Path(folder) if folder else None, identity)
    update = _update(twin, rule, data, objective, seeds.derive(seed, "train"), jit_compile)
    order = _order(seed, len(data.x), batch_size)
    with state.scalars() as scalars:
        for step in range(state.restore(steps), steps):
            rule.learning_rate = rate_at(learning_rate, step)
            metrics = {k: float(v) for k, v in update(order(step), tf.constant(step)).items()}
            if not np.isfinite(metrics["loss"]):
                raise TrainingError(f"the loss is {metrics['loss']} at step {step} of {steps}. {ADVICE}")
            state.add(step, metrics, last=step == steps - 1)
            scalars(step, metrics)
            if progress:
                progress(step + 1, steps, **metrics)
    model.set_weights(twin.get_weights())
    if not np.isfinite(model(data.x[:batch_size], training=False)).all():
        raise TrainingError(f"the logits are no longer numbers after the last of {steps} steps. {ADVICE}")
    return {key: np.array(values) for key, values in state.history.items()}


def _sums(data, model):
    """sha256 of the images, the labels and the weights that training begins with."""
    return [hashlib.sha256(np.ascontiguousarray(a)).hexdigest() for a in (data.x, data.y, *model.get_weights())]


def rate_at(learning_rate, step):
    """The learning rate at a step: a number, or the last of the pairs [from_step, rate] that has begun."""
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


def _update(model, rule, data, objective, seed, jit_compile):
    """One step as a graph: `update(indices, step) -> {"loss": mean, metric: mean, ...}`."""
    images, labels = tf.constant(data.x), tf.constant(data.y)

    @tf.function(jit_compile=jit_compile or None)
    def update(indices, step):
        x, y = tf.gather(images, indices), tf.gather(labels, indices)
        with tf.GradientTape() as tape:
            losses, metrics = objective(model, x, y, tf.stack([seed, step]), step)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        rule.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss} | {k: tf.reduce_mean(v) for k, v in metrics.items()}

    return update


class _State:
    """What a checkpoint holds: all variables, the next step and the history so far."""

    def __init__(self, variables, folder, identity):
        self.variables, self.folder, self.identity, self.history = variables, folder, identity, {}
        self.saved, self.cost = time.monotonic(), 0.0

    def restore(self, steps):
        """Go back to the checkpoint, if there is one; returns the step to go on from."""
        if not self.folder or not (self.folder / CHECKPOINT).is_file():
            return 0
        with np.load(self.folder / CHECKPOINT, allow_pickle=False) as saved:
            if str(saved["identity"]) != self.identity or saved["step"] > steps:
                raise TrainingError(
                    f"{self.folder / CHECKPOINT} is of a training with other parameters, seed, data, initial weights "
                    "or more steps: expected one of this training. Give another folder, or delete it."
                )
            for i, variable in enumerate(self.variables):
                variable.assign(saved[f"variable/{i}"])
            self.history = {k.removeprefix("history/"): list(saved[k]) for k in saved if k.startswith("history/")}
            return int(saved["step"])

    def add(self, step, metrics, last):
        """Append a step's metrics, and save if it is time."""
        for key, value in metrics.items():
            self.history.setdefault(key, []).append(np.float32(value))
        pause = max(SECONDS_BETWEEN_CHECKPOINTS, 50 * self.cost)
        if self.folder and (last or time.monotonic() - self.saved > pause):
            began = time.monotonic()
            (self.folder / store.WORK).mkdir(parents=True, exist_ok=True)
            values = self.finite(step)
            values |= {f"history/{k}": v for k, v in self.history.items()}
            values |= {"step": np.int64(step + 1), "identity": self.identity}
            store.write(self.folder / CHECKPOINT, lambda file: np.savez(file, **values))
            self.saved = time.monotonic()
            self.cost = self.saved - began

    def finite(self, step):
        """The variables as arrays; TrainingError where one is no longer a number."""
        values = {f"variable/{i}": np.asarray(v) for i, v in enumerate(self.variables)}
        if not all(np.isfinite(v).all() for v in values.values()):
            raise TrainingError(f"a weight is no longer a number after step {step}. {ADVICE}")
        return values

    @contextlib.contextmanager
    def scalars(self):
        """A function (step, metrics) that writes TensorBoard scalars into the folder, every tenth step."""
        if not self.folder:
            yield lambda step, metrics: None
            return
        writer = tf.summary.create_file_writer(str(self.folder / "tensorboard"))

        def scalars(step, metrics):
            if step % 10 == 0:
                with writer.as_default(step):
                    for key, value in metrics.items():
                        tf.summary.scalar(key, value)

        yield scalars
        writer.close()
