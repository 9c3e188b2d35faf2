"""Checkpoints of a training: all variables, the next step and the history so far; and TensorBoard scalars."""

import contextlib
import time

import numpy as np
import tensorflow as tf

from bsa import files
from bsa.errors import StoreError, TrainingError
from bsa.train._finite import ADVICE

FILE = f"{files.WORK}/checkpoint.npz"
SECONDS_BETWEEN = 2.0  # at least; a checkpoint never takes more than a fiftieth of the time


class State:
    """The content of a checkpoint: all variables, the next step and the history so far."""

    def __init__(self, variables, folder, identity, devices):
        self.variables, self.folder, self.identity, self.history = variables, folder, identity, {}
        self.writes = folder and devices.chief
        self.saved, self.cost = time.monotonic(), 0.0

    def restore(self, steps):
        """Go back to the checkpoint, if there is one; returns the step to go on from."""
        saved = files.recall(self.folder / FILE) if self.folder else None
        if saved is None:
            return 0
        if str(saved["identity"]) != self.identity or saved["step"] > steps:
            raise TrainingError(
                f"{self.folder / FILE} is of a training with other parameters, seed, data, initial weights "
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
        pause = max(SECONDS_BETWEEN, 50 * self.cost)
        if self.writes and (last or time.monotonic() - self.saved > pause):
            began = time.monotonic()
            with files.told(f"write {self.folder}"):
                (self.folder / files.WORK).mkdir(parents=True, exist_ok=True)
            values = self.finite(step)
            values |= {f"history/{k}": v for k, v in self.history.items()}
            values |= {"step": np.int64(step + 1), "identity": self.identity}
            files.keep(self.folder / FILE, values)
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
        if not self.writes:
            yield lambda step, metrics: None
            return
        log = self.folder / files.LOG
        with _told(log):
            writer = tf.summary.create_file_writer(str(log))

        def scalars(step, metrics):
            if step % 10 == 0:
                with _told(log), writer.as_default(step):
                    for key, value in metrics.items():
                        tf.summary.scalar(key, value)

        yield scalars
        with _told(log):
            writer.close()


@contextlib.contextmanager
def _told(log):
    """As `files.told`, of TensorFlow's own errors: it writes the log by itself."""
    try:
        yield
    except tf.errors.OpError as error:
        found = " ".join(str(error.message).split())
        raise StoreError(f"cannot write {log}: {found}. {files.ADVICE}") from None
