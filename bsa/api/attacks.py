"""Attacks by their names, and the checks whether one is a sound evaluation."""

from __future__ import annotations  # networks and results are named without importing TensorFlow

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bsa import backend, catalog, criteria
from bsa.api.execution import executed
from bsa.spec.parameters import parameters

if TYPE_CHECKING:
    import keras

    from bsa import contracts
    from bsa.checks import Check
    from bsa.search.ledger import Attacked


class Attack:
    """An attack on one network, as `bsa.attack` gives it; see there. `params` are all of its parameters."""

    def __init__(
        self,
        name: str,
        params: dict[str, Any],
        search: contracts.Attack,
        fingerprint: Callable[[], str],
    ) -> None:
        self.name, self.params, self._search, self._fingerprint = name, params, search, fingerprint

    def __repr__(self) -> str:
        return f'Attack("{self.name}", {", ".join(f"{name}={value!r}" for name, value in self.params.items())})'

    @property
    def measured(self) -> dict[str, Any] | None:
        """What the last call measured of the network, on its first images; None where nothing is to be measured."""
        return getattr(self._search, "measured", None)

    def __call__(
        self,
        x: Any,
        y: Any,
        *,
        thresholds: Sequence[float | str] | None = None,
        seed: int = 0,
        index: Any = None,
        journal: contracts.Journal | None = None,
    ) -> Attacked:
        at = criteria.thresholds(
            self.params["thresholds"] if thresholds is None else thresholds, self.params["epsilon"]
        )
        if journal is not None:
            from bsa.search.journal import Own

            journal = Own(journal, [self.name, self.params, at, seed, self._fingerprint()])
        return self._search(x, y, thresholds=at, seed=seed, index=index, journal=journal)


def attack(
    name: str,
    model: keras.Model,
    *,
    batch_size: int | None = None,
    jit_compile: bool = False,
    **params: Any,
) -> Attack:
    """An attack on a Keras classifier with logits: `bsa.attack("pgd", model, epsilon=0.3)`.

    Call it as `attack(x, y, seed=0)` with x (n, height, width, channels), uint8 or floats in [0, 1], and labels y,
    integers (n,) or (n, 1) or one-hot (n, classes); ValueError says what is wrong with others. It
    gives an `Attacked(x, success, distance, start, passes, correct, notes)`, whose `rate` is the success of a paper's
    table: among the images that the model classifies correctly as they are. The others count as no success.

    `effort`, of most of them "quick", "standard" or "thorough", stands for values of the other `params`. `batch_size`
    is how many images it works on at a time, None for as many as fit, and `jit_compile` has XLA compile its passes, for
    GPUs: both change what it costs, and not what it finds but for float32's last bits.

    `thresholds`, radii in [0, 1] pixels or "epsilon", say what success is: those given here, or at a call. Draws depend
    on `seed` and the images' numbers, `index` (n,), by default their places. With a `journal`, such as a
    `bsa.search.journal.Journal` of a folder, a killed call goes on where it was, and tells how far it is; what was kept
    for another network, attack or images is not taken up.
    """
    module, params = catalog.find("attacks", name), parameters("attacks", name, params)
    own = {k: v for k, v in params.items() if k != "thresholds"}
    search = module.make(model, **own, execution=executed(model, batch_size, jit_compile))
    from bsa.networks import fingerprint  # TensorFlow is there by now

    return Attack(name, params, search, functools.partial(fingerprint, model))


def sanity(
    name: str,
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    seed: int = 0,
    checks: dict[str, Any] | None = None,
    batch_size: int | None = None,
    jit_compile: bool = False,
    **params: Any,
) -> list[Check]:
    """Is an attack on a network a sound evaluation? `bsa.sanity("pgd", model, x, y, epsilon=0.3)` is a list of checks.

    `params` are those of the attack, as `batch_size` and `jit_compile` (see `bsa.attack`), x and y images and labels as
    it takes them, of which the first that `model` classifies correctly are used; `checks` may set the fields
    of `schemas/checks/sanity.json`.
    Each `Check(check, passed, found, expected, message, cell)` says what was found, and of a failure what to do.
    The first is of the accuracy on all of them: where it is hardly above chance it says what to look at.
    """
    backend.check()
    from bsa.checks.sanity import Sample
    from bsa.criteria import thresholds
    from bsa.engine.stages.desk import first_correct
    from bsa.engine.stages.sanity import SEEN, judged
    from bsa.networks import checked, target
    from bsa.search.variants import pilot

    params, checks = parameters("attacks", name, params), parameters("checks", "sanity", checks or {})
    execution = executed(model, batch_size, jit_compile)
    x, y, _ = checked(target(model), x, y, None)
    if not len(x):
        raise ValueError("expected images to check the attack on, found none")
    index = first_correct(target(model), x, y, checks["images"])
    at = thresholds(params.pop("thresholds"), params["epsilon"])
    samples = [Sample(None, x[index], y[index], index, at, given=(x[:SEEN], y[:SEEN]))]

    def make(params):
        return catalog.find("attacks", name).make(model, **params, execution=execution)

    measure = pilot(catalog.find("attacks", name), model, params, execution)
    return judged(model, name, make, params, samples, execution, measure=measure, seed=seed, **checks)
