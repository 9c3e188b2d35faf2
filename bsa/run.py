"""Walk a plan: compute what the store lacks, in order, with progress and a record of each stage."""

import sys
import time

from bsa import components, plan, store
from bsa.progress import silenced

LIBRARIES = ("bsa", "tensorflow", "keras", "numpy")  # all imported by the time that a stage is done


def describe(spec, data_dir=None):
    """What the plan needs to know of the spec's data set, without reading it."""
    return components.find("data", spec["data"]["name"]).describe(data_dir=data_dir)


def outlook(spec, artefacts, *, data_dir=None):
    """What a run would do: for each stage its title, key, state in the store and an estimate of its passes.

    A state is "stored", "begun" or "to do"; passes are forward-backward passes of one image, None where none is due.
    """
    rows = []
    for stage in plan.stages(spec, describe(spec, data_dir)):
        begun = artefacts.part(stage.key).is_dir()
        state = "stored" if stage.key in artefacts else "begun" if begun else "to do"
        rows.append({"title": stage.title, "key": stage.key, "state": state, "passes": _passes(stage)})
    return rows


def _passes(stage):
    name, params = stage.component["name"], stage.component["params"]
    if stage.kind == "network" and not stage.origin:
        return components.find("train", name).passes(**params) * params["steps"] * params["batch_size"]
    if stage.kind == "attack":
        return components.find("attacks", name).passes(**params) * params["images"]
    if stage.kind == "invariant":
        attack = stage.params["attack"]
        once = components.find("attacks", attack["name"]).passes(**attack["params"], thresholds=["epsilon"])
        return once * params["challenge"]
    if stage.kind == "sanity":
        attack = stage.params["attack"]
        once = components.find("attacks", attack["name"]).passes(**attack["params"], thresholds=["epsilon"])
        return components.find("measures", "sanity").passes(once, params["images"])
    return None


def run(spec, artefacts, *, data_dir=None, weights_dir=None, seen):
    """Compute every stage of a resolved spec that `artefacts` (a `Store`) lacks; returns the stages.

    Foreign weights without a stated sha256 need `foreign.pinned(spec)`; they are looked for in `weights_dir`.

    `seen` is told what happens: `seen.reused(stage)`, `seen.waiting(stage)`, `seen.began(stage)` giving a
    progress(done, total, **metrics), and `seen.ended(stage, seconds)`. See `bsa.progress.Display`.
    """
    stages = plan.stages(spec, describe(spec, data_dir))
    for stage in stages:
        if stage.key in artefacts:
            seen.reused(stage)
            continue
        with artefacts.begin(stage.key, waiting=lambda stage=stage: seen.waiting(stage)) as part:
            if stage.key in artefacts:
                seen.reused(stage)
            else:
                _compute(stage, artefacts, part, (data_dir, weights_dir), seen)
    return stages


def _compute(stage, artefacts, part, folders, seen):
    with silenced():
        from bsa import stages

    for need in stage.needs:
        artefacts.record(need)  # a damaged artefact is found here, not in the numbers that it would spoil
    progress, began, before = seen.began(stage), time.monotonic(), _spent(part)
    data_dir, weights_dir = folders
    desk = stages.Desk(data_dir, _timed(progress, part, began, before), weights_dir)
    metrics = stages.compute(stage, [artefacts.path(n) for n in stage.needs], part, desk)
    seconds = before + time.monotonic() - began
    artefacts.commit(stage.key, _record(stage, metrics, seconds))
    seen.ended(stage, seconds)


def _record(stage, metrics, seconds):
    versions = {name: sys.modules[name].__version__ for name in LIBRARIES} | {"python": sys.version.split()[0]}
    record = {"kind": stage.kind, "title": stage.title, "key": stage.key, "component": stage.component}
    record |= {"params": stage.params, "needs": list(stage.needs), "metrics": metrics, "versions": versions}
    return record | {"seconds": round(seconds, 2), "peak_memory_bytes": _peak_memory()}


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
    file = part / store.WORK / "seconds"
    return float(file.read_text()) if file.is_file() else 0.0


def _timed(progress, part, began, before):
    """`progress`, which also notes the seconds spent, at most once in five seconds."""
    noted = began

    def report(done, total, **metrics):
        nonlocal noted
        now = time.monotonic()
        if now - noted > 5:
            noted = now
            text = f"{before + now - began:.1f}".encode()
            store.write(part / store.WORK / "seconds", lambda file: file.write(text))
        progress(done, total, **metrics)

    return report
