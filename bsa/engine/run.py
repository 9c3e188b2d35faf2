"""Walk a plan: compute what the store lacks, in order, with progress and a record of each stage."""

import contextlib
import dataclasses
import datetime
import functools
import platform
import sys
import time

import numpy as np

from bsa import backend, catalog, exploration, files
from bsa.devices import cluster
from bsa.engine import keyed, passes, plan
from bsa.engine.display import silenced
from bsa.errors import BsaError
from bsa.execution import DEFAULT

PATIENCE = 600  # seconds that a worker waits for what the first one writes
SPENT = f"{files.WORK}/seconds.npz"  # what killed runs spent on a stage
LIBRARIES = ("bsa", "tensorflow", "keras", "numpy")  # all imported by the time that a stage is done


def describe(spec, data_dir=None):
    """What the plan needs to know of an experiment's data set, without reading it."""
    return catalog.find("data", spec.data.name).describe(data_dir=data_dir, **spec.data.params)


def planned(spec, data_dir=None):
    """The stages of a resolved spec, in order; those of a collection without repeats, titled with the experiment."""
    made = {}
    for experiment in spec.experiments:
        for stage in plan.stages(experiment, describe(experiment, data_dir)):
            title = stage.title if experiment is spec else f"{experiment.name}: {stage.title}"
            made.setdefault(stage.key, stage._replace(title=title))
    return tuple(made.values())


def outlook(spec, artefacts, *, data_dir=None):
    """What a run would do: for each stage its title, key, state in the store and an estimate of its passes.

    A state is "stored", "begun" or "to do"; passes are forward-backward passes of one image, None where none is due.
    """
    backend.check()
    stages = planned(spec, data_dir)
    rows = []
    for stage, count in zip(stages, passes.counted(stages), strict=True):
        begun = artefacts.part(stage.key).is_dir()
        state = "stored" if stage.key in artefacts else "begun" if begun else "to do"
        rows.append({"title": stage.title, "key": stage.key, "state": state, "passes": count})
    return rows


def check(stages, artefacts):
    """UsageError where a stage needs a package that is not there: before the work of those in front of it."""
    for stage in stages:
        if stage.kind == "explore" and stage.key not in artefacts:
            exploration.check(stage.component["params"]["sampler"])


def run(
    spec,
    artefacts,
    *,
    data_dir=None,
    weights_dir=None,
    strategy=None,
    devices=None,
    execution=DEFAULT,
    seen,
):
    """Compute every stage of a resolved spec that `artefacts` (a `Store`) lacks; returns the stages.

    Foreign weights without a stated sha256 need `files.pinned(spec)`; they are looked for in `weights_dir`.
    `strategy`, by default the spec's, and the number of `devices` say what computes: see
    `bsa.devices.strategy.find`. With "multi_worker" the first worker does so, and the others train with it.
    `execution` is that of attacks.

    `seen`, a `bsa.engine.seen.Seen`, is told what happens.
    """
    backend.check()
    stages, strategy = planned(spec, data_dir), strategy or spec.strategy
    check(stages, artefacts)
    worker, _ = cluster.place(strategy)
    # only where there is work for it
    desk = functools.cache(lambda: _desk(data_dir, weights_dir, strategy, devices, execution))
    for stage in stages:
        if stage.key in artefacts:
            stored(stage, artefacts, seen)
            continue
        if worker:
            _join(stage, artefacts, desk, seen)
            continue
        ensure(stage, artefacts, desk, seen)
    return stages


def ensure(stage, artefacts, desk, seen):
    """Compute a stage whose needs are there, unless another process has done so; `desk()` gives a `stages.Desk`."""
    with artefacts.begin(stage.key, waiting=lambda: seen.waiting(stage)) as part:
        if stage.key in artefacts:
            stored(stage, artefacts, seen)
        else:
            _compute(stage, artefacts, part, desk(), seen)


def stored(stage, artefacts, seen):
    """Tell of a stage that the store holds, and once more what of its result is to be doubted."""
    seen.reused(stage)
    if stage.kind == "measure":
        _doubt(stage, artefacts.record(stage.key)["metrics"], seen)


def _doubt(stage, metrics, seen):
    if "warning" in metrics:
        seen.warned(stage, metrics["warning"])


def _desk(data_dir, weights_dir, strategy, count, execution):
    """The `Desk` of all stages, without their progress. With several workers it waits for all of them."""
    number, workers = cluster.place(strategy)
    if workers > 1:
        print(f"worker {number} of {workers}: waiting for the others", file=sys.stderr, flush=True)
    with silenced():
        from bsa.devices import strategy as devices
        from bsa.engine import stages

        return stages.Desk(data_dir, weights_dir, devices.find(strategy, count), execution=execution)


def _join(stage, artefacts, desk, seen):
    """What a worker other than the first does for a stage: train with it, write nothing."""
    if stage.kind != "network" or stage.origin:
        return
    with silenced():
        from bsa.engine import stages

    _await(stage, artefacts)
    desk, progress, began = desk(), seen.began(stage), time.monotonic()
    needs = [artefacts.path(need) for need in stage.needs]
    stages.compute(stage, needs, artefacts.part(stage.key), dataclasses.replace(desk, progress=progress))
    seen.ended(stage, time.monotonic() - began)


def _await(stage, artefacts):
    """Wait until the first worker has written what a stage needs."""
    until = time.monotonic() + PATIENCE
    while missing := [need for need in stage.needs if need not in artefacts]:
        if time.monotonic() > until:
            found = f"{missing[0]} missing after {PATIENCE} s"
            raise BsaError(f"{stage.title}: expected the first worker to write what it needs, found {found}")
        time.sleep(0.2)


def _compute(stage, artefacts, part, desk, seen):
    from bsa.engine import stages

    for need in stage.needs:
        artefacts.record(need)  # a damaged artefact is found here, not in the numbers that it would spoil
    progress, began, before = seen.began(stage), time.monotonic(), _spent(part)
    desk = dataclasses.replace(desk, progress=_timed(progress, part, began, before))
    metrics = stages.compute(stage, [artefacts.path(n) for n in stage.needs], part, desk)
    seconds = before + time.monotonic() - began
    artefacts.commit(stage.key, _record(stage, metrics, seconds))
    seen.ended(stage, seconds)
    _doubt(stage, metrics, seen)


def _record(stage, metrics, seconds):
    from bsa.rewrites.quick import chosen

    versions = {name: sys.modules[name].__version__ for name in LIBRARIES} | {"python": sys.version.split()[0]}
    record = {"kind": stage.kind, "title": stage.title, "key": stage.key, "component": stage.component}
    record |= {
        "params": keyed.content(stage.params),
        "needs": list(stage.needs),
        "metrics": metrics,
        "versions": versions,
    }
    record |= {"kernels": chosen()}
    record |= {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "processor": processor()}
    return record | {"seconds": round(seconds, 2), "peak_memory_bytes": _peak_memory()}


def processor():
    """What this machine's processor is called, for records: results are equal to the bit on equal ones alone."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _peak_memory():
    """The largest resident size of this process so far, in bytes; None on Windows, which does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts in bytes, Linux in KiB


def _spent(part):
    """Seconds that killed runs spent on a stage, as far as they were noted."""
    saved = files.recall(part / SPENT)
    return float(saved["seconds"]) if saved else 0.0


def _timed(progress, part, began, before):
    """`progress`, which also notes the seconds spent, at most once in five seconds."""
    noted = began

    def report(done, total, **metrics):
        nonlocal noted
        now = time.monotonic()
        if now - noted > 5:
            noted = now
            files.keep(part / SPENT, {"seconds": np.float64(before + now - began)})
        progress(done, total, **metrics)

    return report
