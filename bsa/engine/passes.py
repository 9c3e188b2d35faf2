"""What stages are expected to cost, in forward-backward passes of one image, as their components say: for the plan.

The modules that say so import TensorFlow and Keras, which takes seconds, and a count needs neither.
"""

import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from bsa import catalog
from bsa.engine.display import silenced
from bsa.engine.plan import Stage
from bsa.errors import UsageError

LARGE = ("tensorflow", "keras")


def counted(stages: Iterable[Stage]) -> list[int | None]:
    """About how many passes each stage costs, None where none is due. Imports neither TensorFlow nor Keras if it can.

    A component that counts by these libraries, of a plug-in maybe, is asked again with them.
    """
    stages = list(stages)
    if not sys.modules.keys() & set(LARGE):
        with contextlib.suppress(Exception), _without_libraries():
            return _whole([passes(stage) for stage in stages])
    with silenced():
        return [passes(stage) for stage in stages]


def _whole(counts):
    """The counts, if these are numbers: what a stand-in gave is none."""
    if any(isinstance(count, _Standing) for count in counts):
        raise UsageError("expected numbers of passes, found a library asked for them")
    return counts


def passes(stage: Stage) -> int | None:
    """About how many passes one stage costs."""
    name, params = stage.component["name"], stage.component["params"]
    if stage.kind == "network" and not stage.origin:
        return catalog.find("train", name).passes(**params) * params["steps"] * params["batch_size"]
    if stage.kind == "attack":
        return catalog.find("attacks", name).passes(**params) * params["images"]
    if stage.kind == "explore":
        return _explored(params)
    if stage.kind in ("control", "invariant", "sanity"):  # an attack again
        attack = stage.params["attack"]
        thresholds = stage.params["thresholds"] if stage.kind == "control" else ["epsilon"]
        once = catalog.find("attacks", attack["name"]).passes(**attack["params"], thresholds=thresholds)
        if stage.kind == "sanity":
            return catalog.find("checks", "sanity").passes(once, params["images"])
        return once * params["challenge" if stage.kind == "invariant" else "images"]
    return None


def _explored(params):
    """Of a search: its probes, and three points measured, two of them with their control."""
    shared = {name: params[name] for name in ("epsilon", "thresholds")}

    def once(which):
        own = {key: value for key, value in params[which].items() if key != "name"}
        return catalog.find("attacks", params[which]["name"]).passes(**own, **shared)

    return params["probes"] * params["images"] * once("attack") + 5 * params["unseen"] * once("standard")


class _Standing(ModuleType):
    """Stands for a library and all that is in it, as far as modules ask for it while they are imported."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (self.__name__, name) == ("keras", "config"):  # by which an imported Keras is known
            raise AttributeError(name)
        return _Standing(f"{self.__name__}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Standing(f"{self.__name__}()")

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (object,)

    def __or__(self, other: Any) -> Any:  # of types, in annotations
        return self

    __ror__ = __or__


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a `_Standing` for the libraries and for all of their modules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name.partition(".")[0] in LARGE else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Standing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextlib.contextmanager
def _without_libraries() -> Iterator[None]:
    """Modules that are imported in the block see stand-ins for the libraries, and are forgotten after it."""
    before, finder = set(sys.modules), _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        roots = {*LARGE, *_own()}
        for name in [each for each in sys.modules if each not in before and each.partition(".")[0] in roots]:
            module, (parent, _, last) = sys.modules.pop(name), name.rpartition(".")
            if getattr(sys.modules.get(parent), last, None) is module:
                delattr(sys.modules[parent], last)


def _own():
    """The packages of components: bsa, and what others offer."""
    offered = (entry.module for kind in catalog.OPEN for entry in catalog.entries(kind).values())
    return {"bsa", *(module.partition(".")[0] for module in offered)}
