"""Evaluations: of a network in memory, and of what a spec states."""

from __future__ import annotations  # networks are named without importing TensorFlow

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bsa import backend
from bsa.api.execution import executed

if TYPE_CHECKING:
    import keras

    from bsa.engine.results import Collected, Results
    from bsa.evaluation import Evaluation


def evaluate(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    epsilon: float | str,
    cells: Sequence[Sequence[float]] | None = None,
    pixels: Sequence[float] | Mapping[str, Any] | str = (0, 1),
    outputs: str = "auto",
    images: int = 1000,
    paper: bool = False,
    certify: bool = True,
    attack: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,
    sanity: Mapping[str, Any] | bool | None = None,
    class_names: Sequence[str] = (),
    seed: int = 0,
    name: str = "evaluation",
    batch_size: int | None = None,
    jit_compile: bool = False,
    progress: bool = True,
) -> Evaluation:
    """What `bsa evaluate` does, of a model and images in memory: `bsa.evaluate(model, x, y, epsilon="8/255")`.

    `model` is any Keras classifier, also one that `bsa.from_torch` gives; `pixels` and `outputs` say what it takes and
    gives, see `bsa.wrap`. x are test images (n, height, width, channels), floats in [0, 1] or bytes, y their labels, as
    `attack` takes them. `epsilon` is the largest change of a pixel, in [0, 1] whatever `pixels` says. `cells` are
    blind spots [scale, shift], [1, 0] the images as they are; by default that one and four of the paper's. In each cell
    the first `images` that are classified correctly are attacked, and accuracy is counted on up to ten times as many.

    `attack` is one or several, by name or as specs state them, in place of corner_descent by its defaults and, with
    `paper`, the paper's; `certify` proves what can be proven of some images; `sanity` sets the fields of the checks,
    False makes none. `class_names` are for pictures, `name`, of small letters, digits and _, for titles. `batch_size`
    and `jit_compile` are those of `bsa.attack`.

    Gives an `Evaluation`: `verdict`, `rates`, `checks`, `adversarial`, `to_frame()`, `save(folder)`. Raises ValueError
    and UsageError that say what was expected and what was found, SpecError for parameters that are none.
    """
    backend.check()
    from bsa.evaluation import evaluate

    return evaluate(
        model, x, y, epsilon=epsilon, cells=cells, pixels=pixels, outputs=outputs, images=images, paper=paper,
        certify=certify, attack=attack, sanity=sanity, class_names=class_names, seed=seed, name=name,
        execution=executed(model, batch_size, jit_compile), progress=progress,
    )  # fmt: skip


def run(
    spec: Mapping[str, Any] | str | os.PathLike,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    store: str | os.PathLike | None = None,
    data_dir: str | None = None,
    weights_dir: str | None = None,
    out: str | os.PathLike | None = None,
    overwrite: bool = False,
    strategy: str | None = None,
    devices: int | None = None,
    batch_size: int | None = None,
    jit_compile: bool = False,
    progress: bool = True,
) -> Results | Collected:
    """What `bsa run` does, of a spec as a dict or in a file: `bsa.run("quickstart", overrides=["train.steps=20"])`.

    Computes what the `store` (by default BSA_STORE, or the user's cache) lacks, and gives the `Results`, of a
    collection `Collected`. With `out` the page and tables are written into that folder, which is one run's, unless
    `overwrite`. The rest are the options of `bsa run`. A killed call goes on where it was. Raises SpecError with every
    problem of the spec at once, UsageError, and what the stages raise.
    """
    backend.check()
    from bsa.evaluation import run

    return run(
        spec, overrides=overrides, seed=seed, store=store, data_dir=data_dir, weights_dir=weights_dir, out=out,
        overwrite=overwrite, strategy=strategy, devices=devices, execution=executed(None, batch_size, jit_compile),
        progress=progress,
    )  # fmt: skip
