"""`bsa.evaluate` and `bsa.run`: their documentation is in `bsa.api`."""

from __future__ import annotations  # networks are named without importing TensorFlow

import copy
import functools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsa import foreign
from bsa.data import Dataset
from bsa.engine import run as runner
from bsa.engine.results import Collected, Results, gather
from bsa.engine.store import Store
from bsa.evaluation import _memory, _progress
from bsa.evaluation._evaluation import Evaluation
from bsa.evaluation._spec import evaluated
from bsa.execution import Execution
from bsa.given import images as images_of
from bsa.report import Folder, render
from bsa.spec import collection, load, override, resolve

COMPARED = 64  # images on which the outputs of the wrapped and of the original network are compared


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: float | str,
    cells: Sequence[Sequence[float]] | None,
    pixels: Any,
    outputs: str,
    images: int,
    paper: bool,
    certify: bool,
    attack: Any,
    sanity: Any,
    class_names: Sequence[str],
    seed: int,
    name: str,
    execution: Execution,
    progress: bool,
) -> Evaluation:
    """See `bsa.evaluate`."""
    from bsa.networks import checked, classes, fingerprint, target
    from bsa.rewrites.wrapped import wrap

    x = images_of(x)
    wrapped = wrap(model, pixels=pixels, outputs=outputs, images=x[:COMPARED])
    x, y, _ = checked(target(wrapped), x, y, None)
    count = classes(wrapped, x)
    if len(class_names) not in (0, count):
        raise ValueError(f"expected {count} class_names, one for each class, found {len(class_names)}")
    data = Dataset(x, y, count, tuple(class_names))
    read = {"pixels": pixels, "outputs": outputs}
    given = {
        "data": {"name": "arrays", "test": _memory.IMAGES},
        "model": {"name": "keras_file", "file": _memory.MODEL, "sha256": fingerprint(model)} | read,
        "seed": seed,
    }
    asked = {"epsilon": epsilon, "images": images, "cells": cells, "paper": paper, "certify": certify}
    spec = evaluated(given, name=name, **asked)
    if attack is not None:
        several = [attack] if isinstance(attack, str | Mapping) else attack
        given = [{"name": each} if isinstance(each, str) else dict(each) for each in several]
        spec["attack"] = [{"epsilon": epsilon, "images": images} | each for each in given]
    if sanity is not None:
        spec["sanity"] = sanity if sanity is False else dict(sanity)
    seen = _progress.display(progress)
    try:
        held = _memory.Held(resolve(_plain(spec), "bsa.evaluate"), wrapped, data, execution, seen)
    finally:
        seen.close()
    return Evaluation(held, (*wrapped.wrapping.notes, *_ordered(y, images)))


def _ordered(y, images):
    """A note if the first images are not of all classes: images from files are shuffled, these keep their order."""
    if images < len(y) and (np.diff(y) >= 0).all() and y[0] != y[-1]:
        yield (
            f"The labels are sorted by class, and the first {images} correctly classified images are attacked: "
            "shuffle images and labels together, so that these come from all classes."
        )


def _plain(spec):
    """A spec in JSON's types: tuples as lists, NumPy's numbers and arrays as JSON has them."""
    return json.loads(
        json.dumps(spec, default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value))
    )


def run(
    spec: Mapping[str, Any] | str | os.PathLike,
    *,
    overrides: Sequence[str],
    seed: int | None,
    store: str | os.PathLike | None,
    data_dir: str | None,
    weights_dir: str | None,
    out: str | os.PathLike | None,
    overwrite: bool,
    strategy: str | None,
    devices: int | None,
    execution: Execution,
    progress: bool,
) -> Results | Collected:
    """See `bsa.run`."""
    told = [*overrides, *([] if seed is None else [f"seed={seed}"])]
    resolved = foreign.pinned(_resolved(spec, told), weights_dir)
    folder = None if out is None else Folder(Path(out), resolved, data_dir, overwrite)
    if folder:
        folder.check()
    artefacts, seen = Store(store), _progress.display(progress)
    try:
        runner.run(
            resolved,
            artefacts,
            data_dir=data_dir,
            weights_dir=weights_dir,
            strategy=strategy,
            devices=devices,
            execution=execution,
            seen=seen,
        )
    finally:
        seen.close()
    results = gather(resolved, artefacts, functools.partial(runner.describe, data_dir=data_dir))
    if folder:
        for _ in folder.render(results, render, told):
            pass
    return results


def _resolved(spec, told):
    """The resolved spec of a file or a dict; the experiments of a dict are looked up in the current folder."""
    if not isinstance(spec, Mapping):
        return load(spec, told)
    spec = copy.deepcopy(dict(spec))
    if "experiments" in spec:
        return collection.resolve(spec, Path("spec"), told)
    for text in told:
        override(spec, text)
    return resolve(spec)
