"""The search for blind spots, of a network in memory."""

from __future__ import annotations  # networks are named without importing TensorFlow

import contextlib
import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsa import backend, catalog
from bsa.api.execution import executed
from bsa.errors import UsageError
from bsa.exploration import Explored, Found
from bsa.spec import digest
from bsa.spec.parameters import parameters

if TYPE_CHECKING:
    import keras


def explore(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    epsilon: float | str,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
    progress: Callable[..., Any] | None = None,
    batch_size: int | None = None,
    jit_compile: bool = False,
    **params: Any,
) -> Explored:
    """Search for a network's blind spots: `bsa.explore(model, x, y, epsilon=0.1, chain=["rotate", "blur"])`.

    `model`, x and y are as `bsa.attack` takes them: test images, of which some are drawn for the search, at random, and
    others for what it found. `chain` are transformations as in a spec, `ranges` the ends of their parameters by name;
    or `space` is a name for both. `params` are those of `schemas/exploration/explore.json`: `keep_accuracy`, `probes`,
    `images`, `sampler`, `attack`, `unseen`, `standard` ...

    Gives an `Explored(most, mildest, original, probes, accuracy)`: `most` is the point that keeps accuracy and breaks
    most, `mildest` the mildest that breaks half, each a `Found(probe, unseen)` or None. `probe` is what the search saw;
    `unseen.success`, `unseen.interval` and `unseen.accuracy` are measured on images that it did not see, by another
    attack. `original` is measured likewise, on the images as they are.

    With a `folder` a killed call goes on where it was, one on another network or other images begins anew;
    `progress(done, total, **numbers)` is told how far it is. `batch_size` and `jit_compile` are those of `bsa.attack`.
    Raises UsageError and ValueError that say what was expected and what was found.
    """
    backend.check()
    from bsa.engine.stages import explore as stage
    from bsa.engine.stages.desk import CHUNK
    from bsa.networks import batch, checked, fingerprint, logits, target
    from bsa.search.journal import digest_of
    from bsa.search.variants import pilot

    params = parameters("exploration", "explore", {"epsilon": epsilon, **params})
    if "space" in params:
        raise UsageError(f'explore: expected either a space or a chain, found both, the space "{params["space"]}"')
    exact = target(model)
    x, y, _ = checked(exact, x, y, None)
    execution = executed(exact, batch_size, jit_compile)

    def attack(which, x, y, **call):
        module = catalog.find("attacks", params[which]["name"])
        own = {key: value for key, value in params[which].items() if key != "name"} | {"epsilon": params["epsilon"]}
        own = stage.known(pilot(module, exact, own, execution), own, x, y, **call)
        made = module.make(exact, **own, execution=execution)
        return lambda thresholds: [functools.partial(made, thresholds=thresholds, seed=seed)]

    with contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory() as place:
        given = {"network": fingerprint(exact), "images": digest_of(x, y).tobytes().hex()}
        kept = Path(place) / digest({"params": params, "seed": seed, **given})[:16]
        kept.mkdir(parents=True, exist_ok=True)
        means = stage.prepared(params, seed, kept, predict=functools.partial(logits, exact), attack=attack,
                               chunk=CHUNK * batch(exact, execution),
                               progress=progress)  # fmt: skip
        search, measured, _ = stage.explored(means, x, y, params)
    found = {
        name: probe and Found(probe, measured[name])
        for name, probe in (("most", search.most), ("mildest", search.mildest))
    }
    return Explored(**found, original=measured["original"], probes=search.probes, accuracy=search.accuracy)
