"""An explore stage: a search over the points of a chain for blind spots, and what it found, measured anew.

The search has its own test images, drawn at random; what it found is measured on others, so that the luckiest of many
probes is not taken for what it is on all images. The same functions serve `bsa.explore`, without a store.
"""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bsa import catalog, criteria, files
from bsa.criteria import GREY, SLACK, linf
from bsa.engine import pieces
from bsa.engine.stages.desk import Desk
from bsa.errors import BsaError
from bsa.exploration import Exploration, Measured, Probe, narrowed, size
from bsa.networks import AT_ONCE
from bsa.ops import seeds
from bsa.search.journal import Journal, digest_of
from bsa.search.ledger import Attacked
from bsa.spec import chained
from bsa.transforms import Transform, move

COUNTED = 1000  # images that accuracy is counted on, where there are so many


class Images(NamedTuple):
    """Images of the search, or those that it does not see."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]
    y: np.ndarray  # (n,) int32
    index: np.ndarray  # (n,) int64: their numbers


class Means(NamedTuple):
    """What points are tried with."""

    transform: Transform
    thresholds: Callable  # thresholds(point) gives radii, the largest first
    predict: Callable  # predict(x) gives logits
    attack: Callable  # attack(which, x, y, **call) gives `attack(radii)`, one for each of the devices, after its pilot
    chunk: int  # images that the attack which measures finishes together
    seed: int
    folder: Path  # for what a killed search goes on from
    progress: Callable | None = None
    pool: Any = None


class Looked(NamedTuple):
    """What a point does to images, without an attack."""

    correct: np.ndarray  # (n,) bool
    rows: np.ndarray  # (k,) int: the first that are classified correctly, in the order of the images
    x: np.ndarray  # (k, ...): these, moved
    away: np.ndarray  # (k,) float64: how far, max |x' - x|
    clipped: float  # mean share of pixel values that were clipped


def compute(stage, needs, part, desk):
    """Search, then measure what was found on images that were not seen: `explore.json`, an `.npz` for each point."""
    params, source = stage.component["params"], stage.params["data"]
    data = desk.dataset(source, "test")

    def attack(which, x, y, **call):
        name, own = params[which]["name"], {key: value for key, value in params[which].items() if key != "name"}
        own |= {"epsilon": params["epsilon"]}
        what = needs[0], name, known(desk.pilot(needs[0], name, own), own, x, y, **call)
        return lambda radii: desk.works(Desk.attacks, *what, seed=stage.params["seed"], thresholds=radii)

    folder = part / files.WORK
    means = prepared(params, stage.params["seed"], folder, predict=desk.logits(needs[0]), attack=attack,
                     chunk=desk.chunk(needs[0]), progress=desk.progress,
                     pool=desk.pool)  # fmt: skip
    try:
        search, measured, arrays = explored(means, data.x, data.y, params)
    except ValueError as error:
        raise BsaError(f"{stage.title}: {error}") from None
    for name, found in arrays.items():
        files.write(part / f"{name}.npz", lambda file, found=found: np.savez_compressed(file, **found))
    files.write_json(part / "explore.json", told(search, measured, params["keep_accuracy"]))
    attacked = sum(probe.success is not None for probe in search.probes)
    return {"probes": len(search.probes), "attacked": attacked, "found": sorted(arrays)}


def known(pilot, params, x, y, **call):
    """The parameters of an attack after its `pilot` (`bsa.search.variants`), where it has one."""
    return params if pilot is None else params | pilot(x, y, **call).params


def tuned(means, which, seen, images, thresholds):
    """`attack(radii)` of that name, after its pilot on the images that were `Looked` at: one for all that it is for."""
    given = seen.x, images.y[seen.rows]
    return means.attack(which, *given, index=images.index[seen.rows], thresholds=thresholds, seed=means.seed)


def prepared(params, seed, folder, **means):
    """`Means` by the parameters of a search; `means` are those that hang on where it is made."""
    transform = chained(params["chain"])

    def thresholds(point):
        return criteria.thresholds(params["thresholds"], params["epsilon"], transform.contraction(point))

    return Means(transform, thresholds, seed=seed, folder=folder, **means)


def explored(means, x, y, params):
    """(Exploration, what was measured by name, arrays by name) of images x (n, ...) with labels y (n,).

    Measured are "original", the images as they are, and "most" and "mildest" where the search found these. ValueError
    where there are too few images, or a space that cannot be searched.
    """
    seen, unseen = (Images(x[rows], y[rows], rows) for rows in shares(len(x), params, means.seed))
    space = narrowed(means.transform.space, params["ranges"])
    original = {name: each.neutral for name, each in space.items()}
    reference = looked(means, seen, original, params["images"])
    search = catalog.find("exploration", "explore").make(
        space, budget=params["probes"], seed=means.seed, accuracy=float(reference.correct.mean()),
        keep_accuracy=params["keep_accuracy"], sampler=params["sampler"], problem=means.transform.problem,
    )  # fmt: skip
    quick = tuned(means, "attack", reference, seen, means.thresholds(original))
    searched(means, quick, search, seen, params["images"], params["at_once"])
    points = {"original": original} | {
        name: found.point for name, found in (("most", search.most), ("mildest", search.mildest)) if found
    }
    measured, arrays = {}, {}
    for name, point in points.items():
        same = next((other for other in measured if points[other] == point), None)
        measured[name], arrays[name] = (
            (measured[same], arrays[same]) if same else measure(means, unseen, point, params["unseen"])
        )
    return search, measured, arrays


def shares(count, params, seed):
    """The numbers of the images of the search, and of others that it does not see: both drawn at random."""
    if count < 4:
        raise ValueError(f"expected at least 4 images, half of them for the search, found {count}")
    order = seeds.generator(seed, "explore/images", count).permutation(count)
    seen = min(count // 2, max(params["images"], COUNTED))
    return order[:seen], order[seen:][: max(params["unseen"], COUNTED)]


def looked(means, images, point, wanted):
    """`Looked` at a point, with the first `wanted` images that are classified correctly there."""
    correct, rows, x, away, clipped = [], [], [], [], []
    for at in range(0, len(images.x), AT_ONCE):
        block = Images(*(part[at : at + AT_ONCE] for part in images))
        moved, lost = (np.asarray(found) for found in move(means.transform, block.x, point, means.seed, block.index))
        correct.append(means.predict(moved).argmax(-1) == block.y)
        taken = np.flatnonzero(correct[-1])[: wanted - sum(map(len, rows))]
        rows.append(at + taken)
        x.append(moved[taken])
        away.append(linf(moved[taken], block.x[taken]) if len(taken) else np.zeros(0))
        clipped.append(lost)
    return Looked(*map(np.concatenate, (correct, rows, x, away)), float(np.concatenate(clipped).mean()))


def searched(means, quick, search: Exploration, images, wanted, at_once):
    """To the end of the search, by the attack of `quick(radii)`; each probe is kept, for one that goes on."""
    journal, number, total = Journal(means.folder, "probe_"), 0, search.left
    while points := search.ask(at_once):
        kept = [journal.piece(f"{number + n}", _digest(point)) for n, point in enumerate(points)]
        fresh = [point for point, found in zip(points, kept, strict=True) if found is None]
        folder = means.folder / f"attacks_{number}"
        tried = _tried(means, quick, search, images, wanted, fresh, folder)
        for point, found in zip(points, kept, strict=True):
            found = next(tried) if found is None else found
            journal.keep(f"{number}", _digest(point), {k: v for k, v in found.items() if k != "digest"})
            success = float(found["success"])
            success = None if np.isnan(success) else success
            search.tell(Probe(point, float(found["accuracy"]), success, size(search.space, point)))
            number += 1
        shutil.rmtree(folder, ignore_errors=True)
        if means.progress:
            most = search.most
            means.progress(number, total, **({"success": most.success} if most else {}))


def _digest(point):
    return digest_of(np.array([*point.values()]))


def _tried(means, quick, search, images, wanted, points, folder):
    """Accuracy and success at each of the points, in turn; no attack is made where accuracy is lost."""
    seen = [looked(means, images, point, wanted) for point in points]
    accuracy = [float(each.correct.mean()) for each in seen]
    success = np.full(len(points), np.nan)
    radii = [tuple(means.thresholds(point)) for point in points]
    worth = [n for n, each in enumerate(seen) if search.kept(accuracy[n]) and len(each.rows)]
    for at in sorted({radii[n] for n in worth}):  # one, but where the thresholds shrink with the contrast
        those = [n for n in worth if radii[n] == at]
        x, index = np.concatenate([seen[n].x for n in those]), np.concatenate([seen[n].rows for n in those])
        place = folder / "_".join(f"{radius:g}" for radius in at)
        done = _attacked(quick(list(at)), x, images, index, wanted, place, means.pool)
        ends = np.cumsum([len(seen[n].rows) for n in those])
        success[those] = [part.mean() for part in np.split(done.success, ends[:-1])]
    for one in zip(accuracy, success, strict=True):
        yield dict(zip(("accuracy", "success"), map(np.float64, one), strict=True))


def _attacked(works, x, images, rows, chunk, folder, pool, progress=None):
    """What an attack finds around x (k, ...), the images of those `rows` moved; what a killed one did is taken up."""
    folder.mkdir(parents=True, exist_ok=True)
    given = x, images.y[rows], images.index[rows]
    return pieces.run(works, Attacked, "success", *given, chunk, folder, progress, pool)


def measure(means, images, point, wanted):
    """(Measured, arrays) at a point, by the standard attack, on images that the search did not see."""
    seen, radii = looked(means, images, point, wanted), means.thresholds(point)
    if not len(seen.rows):
        raise ValueError(f"expected correctly classified images to measure at {point}, found none")
    place = means.folder / digest_of(np.array([*point.values()])).tobytes().hex()[:16]
    run = functools.partial(_attacked, images=images, rows=seen.rows, chunk=means.chunk, pool=means.pool,
                            progress=means.progress)  # fmt: skip
    standard = tuned(means, "standard", seen, images, radii)
    done = run(standard(radii), seen.x, folder=place)
    broken = {radius: int((done.distance <= radius + SLACK).sum()) for radius in radii}
    largest, control = float(seen.away.max()), None
    if largest > 0 and radii[0] + largest < GREY:
        wide = run(standard([radii[0] + largest]), images.x[seen.rows], folder=place / "control")
        control = (radii[0] + largest, int(wide.success.sum()), int(wide.correct.sum()))
    arrays = {"index": images.index[seen.rows], "x": seen.x, "y": images.y[seen.rows], "adversarial": done.x}
    arrays |= {"distance": done.distance, "original": images.x[seen.rows]}
    found = Measured(
        len(seen.correct), int(seen.correct.sum()), len(seen.rows), broken, largest, float(seen.away.mean()),
        seen.clipped, control, tuple(done.notes),
    )  # fmt: skip
    return found, arrays


def told(search, measured, keep_accuracy):
    """All of a search as JSON has it."""

    def winner(name, probe):
        return probe and probe._asdict() | {"unseen": measured[name].json()}

    return {
        "space": {name: each._asdict() for name, each in search.space.items()},
        "keep_accuracy": keep_accuracy,
        "accuracy": search.accuracy,
        "original": measured["original"].json(),
        "most": winner("most", search.most),
        "mildest": winner("mildest", search.mildest),
        "probes": [probe._asdict() for probe in search.probes],
    }
