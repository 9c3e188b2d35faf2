"""The devices that share a computation: one, several on one machine, or those of several processes.

A `Devices` is where a training's batch and an attack's chunks are computed. Draws do not depend on it, so results
agree: chunks bit for bit, a training up to the rounding of its sums.
"""

import contextlib
import functools

import tensorflow as tf

from bsa.devices import cluster
from bsa.errors import TrainingError, UsageError

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError,
        tf.errors.InternalError, tf.errors.FailedPreconditionError)  # fmt: skip


class Devices:
    """`strategy` is a `tf.distribute.Strategy`, or None for TensorFlow's default device."""

    def __init__(self, strategy=None, names=(), worker=0, workers=1):
        self.strategy, self.names = strategy, tuple(names)  # names: of this process's devices, for independent work
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self.worker, self.workers = worker, workers  # this process's number, and how many there are

    @property
    def chief(self):
        """Whether this process writes what is computed: the first worker does."""
        return self.worker == 0

    def scope(self):
        """A context in which variables are made for all devices."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def run(self, function, args):
        """`function(*args)` on each device; what it gives, or one value for each device."""
        return self.strategy.run(function, args) if self.strategy else function(*args)

    def total(self, values):
        """The sum over all devices of each of the values, a dict, that `run` gave."""
        if not self.strategy:
            return values
        return {k: self.strategy.reduce(tf.distribute.ReduceOp.SUM, v, axis=None) for k, v in values.items()}

    def replica(self):
        """In `run`: the number of this device among all."""
        return tf.distribute.get_replica_context().replica_id_in_sync_group if self.strategy else 0

    def agree(self, *numbers):
        """Whether all workers hold the same whole numbers, below 2**24. It waits for all of them."""
        if self.workers == 1:
            return True
        own = tf.constant([[n, n * n] for n in numbers], tf.float64)  # equal where mean and mean square are
        context = tf.distribute.get_replica_context
        mean = self.strategy.run(tf.function(lambda: context().all_reduce(tf.distribute.ReduceOp.MEAN, own)))
        return bool(tf.reduce_all(self.strategy.experimental_local_results(mean)[0] == own))

    @contextlib.contextmanager
    def together(self):
        """A context that turns the loss of another worker into a TrainingError that says what to do."""
        try:
            yield
        except LOST as error:
            if self.workers == 1:
                raise
            raise TrainingError(
                f"worker {self.worker} of {self.workers} lost another: expected all of TF_CONFIG to keep running "
                "together. Start all of them again with the same command: training goes on from its last checkpoint. "
                f"TensorFlow says: {type(error).__name__}, {' '.join(error.message.split())[-200:]}"
            ) from error


ONE = Devices()


def on(name, function):
    """`function`, computed on the device called `name`."""

    def placed(*args, **kwargs):
        with tf.device(name):
            return function(*args, **kwargs)

    return placed


def find(strategy, count=None):
    """The `Devices` of a strategy's name (None: one device), `count` of them; to be called before TensorFlow computes.

    "mirrored" are the GPUs of this machine, or without any its processor in `count` parts (2 if None).
    "multi_worker" are the GPUs, or the processors, of the processes that the environment variable TF_CONFIG names; it
    waits for all of them. Raises UsageError.
    """
    if strategy is None:
        if count is not None:
            raise UsageError(f"expected a strategy, mirrored, with {count} devices, found none")
        return ONE
    if strategy not in cluster.STRATEGIES:
        raise UsageError(f"expected a strategy out of {', '.join(cluster.STRATEGIES)}, found {strategy}")
    if strategy == "multi_worker":
        return _multi_worker(count)
    return _mirrored(tuple(_names(count)))


@functools.cache  # a second one numbers its collectives as the first, and TensorFlow takes them for the same
def _mirrored(names):
    return Devices(tf.distribute.MirroredStrategy(names), names)


def _names(count):
    """The names of the first `count` GPUs (None: all), or of as many parts of the processor where there is no GPU."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus:
        if (count or gpus) > gpus:
            raise UsageError(f"expected at most {gpus} devices, the GPUs of this machine, found {count}")
        return [f"GPU:{number}" for number in range(count or gpus)]
    parts = [tf.config.LogicalDeviceConfiguration()] * (count or 2)
    try:
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    except RuntimeError:
        raise UsageError("expected the devices to be chosen before TensorFlow computes, found it at work") from None
    return [f"CPU:{number}" for number in range(len(parts))]


def _multi_worker(count):
    if count is not None:
        raise UsageError(
            f"expected no number of devices with multi_worker, which takes all GPUs it sees, found {count}"
        )
    index, workers = cluster.place("multi_worker")
    gpus = len(tf.config.list_physical_devices("GPU"))
    names = [f"GPU:{number}" for number in range(gpus)] if gpus > 1 else []
    return Devices(tf.distribute.MultiWorkerMirroredStrategy(), names, index, workers)
