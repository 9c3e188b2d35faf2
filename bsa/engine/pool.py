"""Idle workers of Ray help a stage with its chunks.

A stage works through its chunks as in a plain run. Its helpers, tasks that wait in Ray's queue for an idle worker, do
the same with the images that they are sent. Whoever computes a chunk holds its lock, which is released when its process
ends, and the chunk's file in the stage's `.part` says that it is done. So a lost helper loses nothing, and a stage
needs none.
"""

import contextlib
import functools
import os
import signal
import socket
from typing import Any, NamedTuple

from bsa import catalog

LOST = 3  # times that a helper is begun again after its worker was lost


class Pool(NamedTuple):
    """What a stage's pieces are computed by: `bsa.engine.pieces.run` opens it, and tells it of its own."""

    key: str  # the stage's
    board: Any  # the actor `bsa.engine.ray.Board`
    cpus: int
    gpus: float
    workers: int  # how many tasks of that size all machines have room for
    plugins: tuple = ()  # folders of plug-ins, which all machines see

    @contextlib.contextmanager
    def helping(self, work, jobs):
        """A context with helpers for `jobs`, pairs (file, (x, y, index)). `work` travels: see `stages.Desk.works`.

        What a helper finds wrong is not raised: its piece is left to the stage, which finds the same.
        """
        import ray
        from ray import cloudpickle

        count = min(len(jobs), self.workers) - 1
        sent = [(file, ray.put(images)) for file, images in jobs] if count > 0 else []
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": LOST}
        tasks = [ray.remote(_help).options(**options).remote(self, cloudpickle.dumps(work), sent) for _ in range(count)]
        lost = True
        try:
            yield
            lost = False
        finally:
            for task in tasks:  # what waits in the queue; where an error ends the stage, what is at work, too
                ray.cancel(task, force=lost)
            if tasks:
                ray.wait(tasks, num_returns=count)  # none of them is at work in a folder that is committed

    @contextlib.contextmanager
    def told(self, file):
        """A context in which the piece of that file is computed, by this process."""
        who = f"{socket.gethostname()}:{os.getpid()}"
        self.board.tell.remote("piece", self.key, "began", file.stem, who)  # to wait would give the processor away
        yield
        self.board.tell.remote("piece", self.key, "ended", file.stem, who)


def prepare(pool):
    """A worker knows the plug-ins, and its TensorFlow adds up with as many threads as the task has processors."""
    for folder in pool.plugins:
        catalog.add_folder(folder)
    from bsa.engine.display import silenced

    with silenced():
        import tensorflow as tf

    if pool.cpus != os.cpu_count() and not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(pool.cpus)


def _help(pool, work, sent):
    """A helper: what nobody is at of the pieces sent, pairs (file, images in Ray's object store). `work` is pickled."""
    import ray
    from ray import cloudpickle

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # to be cancelled amid an import would spoil the process
    try:
        prepare(pool)
        from bsa.engine import pieces

        jobs = [(file, functools.partial(ray.get, images)) for file, images in sent]
        pieces.assist(cloudpickle.loads(work), jobs, pool)
    finally:
        signal.signal(signal.SIGINT, before)
