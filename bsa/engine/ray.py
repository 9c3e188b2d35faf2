"""Stages as tasks of Ray, on this machine or on a cluster: independent ones at once, over one shared store.

Ray resolves what needs what, places tasks by their resources, and runs a task again whose worker was lost; the stage
then goes on from its `.part`, as after any kill. Workers without a stage of their own help others with theirs, see
`bsa.engine.pool`. On several machines the store, the data and the weights must lie in a file system that all of them
see, with atomic renames and working locks (NFS 4 and Lustre with flock have them).
"""

import contextlib
import dataclasses
import os
import re
import signal
import socket
import threading
import time

from bsa import backend, catalog
from bsa.engine import run
from bsa.engine.pool import LOST, Pool, prepare
from bsa.engine.seen import Seen
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.execution import DEFAULT

ANSWER = 10  # seconds that a cluster may take to answer
PAUSE = 0.5  # seconds between two looks at the stages at work


class Board:
    """An actor: what the stages at work have to tell."""

    def __init__(self):
        self.told = []

    def tell(self, *event):
        self.told.append(event)

    def read(self):
        told, self.told = self.told, []
        return told


class Teller(Seen):
    """What a stage in a worker tells: `seen` of `bsa.engine.run`, passed on to a `Board`."""

    def __init__(self, board):
        self.board, self.said = board, 0.0

    def reused(self, stage):
        self.board.tell.remote("reused", stage.key)

    def waiting(self, stage):
        self.board.tell.remote("waiting", stage.key)

    def began(self, stage):
        self.board.tell.remote("began", stage.key)

        def progress(done, total, **metrics):
            if time.monotonic() - self.said > PAUSE or done == total:
                self.said = time.monotonic()
                numbers = {name: float(value) for name, value in metrics.items()}
                self.board.tell.remote("progress", stage.key, done, total, numbers)

        return progress

    def ended(self, stage, seconds):
        self.board.tell.remote("ended", stage.key, seconds)

    def warned(self, stage, why):
        self.board.tell.remote("warned", stage.key, why)


def execute(spec, artefacts, *, data_dir=None, weights_dir=None, execution=DEFAULT, seen, ray_address=None,
            workers=None, stage_cpus=None, stage_gpus=0):  # fmt: skip
    """As `run.run`, by Ray: `workers` stages (2 if None) at once here, or as many as fit the cluster at `ray_address`.

    An address is "auto", HOST:PORT or ray://HOST:PORT; where it is None, that in RAY_ADDRESS, as on the nodes of a
    cluster. "local" starts a cluster here whatever RAY_ADDRESS says.

    Each stage gets `stage_cpus` processors (None: as many as this machine has, so that sums are added up as in the
    plain run and results are equal to the bit on equal processors) and `stage_gpus` GPUs. Errors of a stage are raised
    here, and what has not begun is cancelled. Raises UsageError without Ray, with `workers` for a cluster
    that is there, or where no machine can take a stage.
    """
    backend.check()
    ray, address = _ray(), _address(ray_address)
    if workers and address != "local":
        raise UsageError(
            f"--workers {workers}: expected none with a cluster of Ray that is there, found {address} by "
            f"{_who(ray_address)}: as many stages run at once as its processors take (--stage-cpus). Leave --workers "
            "away, or give --ray-address local to start a cluster here"
        )
    stages, cpus = run.planned(spec, data_dir), stage_cpus or os.cpu_count()
    run.check(stages, artefacts)
    here = {"num_cpus": (workers or 2) * cpus, "include_dashboard": False} if address == "local" else {}
    # a task sees a GPU only where it asked for one, and imports this very package
    try:
        with _own_sigterm():
            ray.init(address, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True, **here)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _no_cluster(ray_address, address, reason) from None
    try:
        slots = _fits(ray, cpus, stage_gpus)
        board = ray.remote(Board).options(num_cpus=0).remote()
        task = ray.remote(_task).options(num_cpus=cpus, num_gpus=stage_gpus, max_retries=LOST)
        folders = (artefacts.root, data_dir, weights_dir)
        places = [*(folder and os.path.abspath(folder) for folder in folders), execution]
        pool, begun = Pool("", board, cpus, stage_gpus, slots, catalog.folders()), {}
        for stage in stages:
            if stage.key in artefacts:
                run.stored(stage, artefacts, seen)
            else:
                needs = [begun[key] for key in stage.needs if key in begun]
                begun[stage.key] = task.remote(stage, places, pool._replace(key=stage.key), *needs)
        _follow(ray, {stage.key: stage for stage in stages}, list(begun.values()), board, seen)
    finally:
        ray.shutdown()
    return stages


@contextlib.contextmanager
def _own_sigterm():
    """Ray takes SIGTERM for itself as it begins: what it means to the command stays the command's."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _address(given):
    """Where the cluster is, with something that answers there: Ray itself waits, and ends the process.

    Raises UsageError for what is no address, and where nothing answers.
    """
    stated = os.environ.get("RAY_ADDRESS")
    if given == "auto" and stated:  # so reads Ray itself
        given = None
    address = given or stated or "local"
    if address in ("auto", "local"):
        return address
    found = re.fullmatch(r"(?:ray://)?(\[[0-9a-fA-F:.]+\]|[^\s:/]+):(\d{1,5})", address)
    if not found:
        raise _no_cluster(given, address, "no address")
    try:
        socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=ANSWER).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise _no_cluster(given, address, str(error)) from None
    return address


def _who(given):
    return "--ray-address" if given else "the environment variable RAY_ADDRESS"


def _no_cluster(given, address, reason):
    more = "" if given else ". Unset it, or give --ray-address local, to start one here"
    return UsageError(
        f"{_who(given)}: expected the address of a cluster of Ray (auto, HOST:PORT or ray://HOST:PORT), found "
        f"{address}: {reason}{more}"
    )


def _ray():
    try:
        import ray
    except ImportError:
        raise UsageError('--executor ray: expected Ray, found none: pip install "bsa[ray]"') from None
    return ray


def _fits(ray, cpus, gpus):
    """How many stages all machines have room for; UsageError where one would wait for ever."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    machines = [(each.get("CPU", 0), each.get("GPU", 0)) for each in alive]
    room = sum(int(min(has // cpus, more // gpus if gpus else has)) for has, more in machines)
    if not room:
        found = ", ".join(f"{has:g} and {more:g}" for has, more in machines)
        raise UsageError(
            f"--executor ray: expected a machine with the {cpus} processors and {gpus:g} GPUs of a stage, found "
            f"{found}: give fewer with --stage-cpus and --stage-gpus"
        )
    return room


def _task(stage, places, pool, *needs):
    """One stage in a worker; `needs` are there to be waited for."""
    root, data_dir, weights_dir, execution = places
    prepare(pool)
    from bsa.engine import stages

    desk = dataclasses.replace(stages.of_process(data_dir, weights_dir, execution), pool=pool)
    run.ensure(stage, Store(root), lambda: desk, Teller(pool.board))


def _follow(ray, stages, left, board, seen):
    """Show what the board is told until every task is done; the first error is raised, and the rest cancelled."""
    progress = {}
    while left:
        done, left = ray.wait(left, num_returns=len(left), timeout=PAUSE)
        _show(ray.get(board.read.remote()), stages, progress, seen)
        try:
            ray.get(done)
        except ray.exceptions.RayError as error:
            for task in left:
                ray.cancel(task, force=True)
            if isinstance(error, ray.exceptions.RayTaskError):
                raise error.cause from None
            raise BsaError(
                f"the worker of a stage was lost {LOST + 1} times ({type(error).__name__}): if memory was short, give "
                "fewer --workers. What was finished is stored, and the same command goes on"
            ) from error


def _show(told, stages, progress, seen):
    for what, key, *more in told:
        stage = stages[key]
        if what == "progress":
            done, total, numbers = more
            progress[key](done, total, **numbers)
        elif what == "began":
            progress[key] = seen.began(stage)
        else:
            getattr(seen, what)(stage, *more)
