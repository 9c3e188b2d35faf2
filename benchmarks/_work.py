"""What every worker process does: run one entry on the job's images, count and time it. NumPy alone.

A job is a folder with `job.json` (entry, thresholds, ...) and `images.npz` (x (n, height, width, channels), y (n,));
the worker adds `result.npz` and `result.json`.
"""

import json
import platform
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

SLACK = 1e-6  # room for float32 pixels when a distance is compared with a threshold, as in bsa.criteria

FARTHER = 1e-4


def main(load):
    """The worker's `python -m ... FOLDER`. `load(job)` gives `(attack, logits, packages)`.

    `attack(x, y, index, radius, params)` gives candidates like x, and forward and backward passes of each image (m,);
    `logits(x)` gives (m, classes); `packages` names the distributions whose versions are reported.
    """
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    with np.load(folder / "images.npz") as file:
        x, y = file["x"], file["y"]
    attack, logits, packages = load(job)
    warmed = time.perf_counter()
    for count in (2, 3) if job["warm"] is not None else ():  # two shapes: TensorFlow then traces for any
        attack(x[:count], y[:count], np.arange(count), job["thresholds"][0], job["params"] | job["warm"])
    warmed = time.perf_counter() - warmed
    clean = logits(x)
    runs, seconds = descend(job, x, y, attack, logits)
    np.savez(folder / "result.npz", logits=clean, **runs)
    record = {"seconds": seconds, "warm_up_seconds": warmed, "peak_bytes": peak_bytes()}
    record |= {"versions": {p: _version(p) for p in packages}, "python": platform.python_version()}
    (folder / "result.json").write_text(json.dumps(record))


def descend(job, x, y, attack, logits):
    """Run the entry; returns arrays with one row a run, and the seconds of each run.

    candidates (runs, n, ...), ran (runs, n) bool, forwards and backwards (runs, n). A fixed-radius attack runs at each
    threshold from the largest, at a smaller one only on the images that fell at the one before and not within it. The
    judgement for that is neither counted nor timed.
    """
    radii = job["thresholds"] if job["kind"] == "radius" else job["thresholds"][:1]
    runs = {name: np.zeros((len(radii), len(x))) for name in ("forwards", "backwards")}
    runs |= {"ran": np.zeros((len(radii), len(x)), bool), "candidates": np.stack([x] * len(radii))}
    distance, reach, seconds = np.full(len(x), np.inf), np.inf, []
    for run, radius in enumerate(radii):
        rows = np.flatnonzero((distance > radius + SLACK) & (distance <= reach))
        began, found = time.perf_counter(), x[:0]
        if len(rows):
            found, forwards, backwards = attack(x[rows], y[rows], rows, radius, job["params"])
            runs["forwards"][run, rows], runs["backwards"][run, rows] = forwards, backwards
        seconds.append(time.perf_counter() - began)
        runs["candidates"][run, rows], runs["ran"][run, rows] = found, True
        if len(rows):
            distance[rows] = np.minimum(distance[rows], distances(logits, found, x[rows], y[rows]))
        reach = radius + SLACK
    return runs, seconds


def distances(logits, candidates, x, y):
    """max |x' - x| of each candidate in float64, clipped to [0, 1] before; inf where `logits` does not misclassify it.

    All arrays have one row an image; the class of `y` must lose strictly.
    """
    candidates = np.clip(np.asarray(candidates, np.float32), 0, 1)
    scores = np.array(logits(candidates), np.float32)
    own = np.arange(len(y)), y
    true = scores[own].copy()
    scores[own] = -np.inf
    away = np.abs(candidates.astype(np.float64) - x.astype(np.float64)).reshape(len(x), -1).max(-1)
    return np.where(true < scores.max(-1), away, np.inf)


def judged(logits, candidates, x, y):
    """As `distances`, with a second chance a little farther out for candidates that are not confirmed.

    Some attacks end on the boundary itself, where another library's order of addition decides; a ten-thousandth of the
    way beyond it nothing does.
    """
    first = distances(logits, candidates, x, y)
    farther = distances(logits, x + (candidates - x) * np.float32(1 + FARTHER), x, y)
    return np.where(np.isfinite(first), first, farther)


def peak_bytes():
    """The largest resident memory of this process so far.

    ru_maxrss will not do on Linux: a process that was started by a larger one inherits that one's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
