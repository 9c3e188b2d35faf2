"""The results of a spec as reports read them: only from the store, without TensorFlow."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bsa.checks import strongest
from bsa.engine import plan
from bsa.engine.store import Store
from bsa.errors import BsaError
from bsa.spec import Collection, Experiment

LEFT_OUT = "left_out"  # of a record's metrics: why an optional stage has no result


class Result(NamedTuple):
    """One committed stage: where it belongs (see `plan.placed`), its record and its folder."""

    place: dict[str, Any]
    record: dict[str, Any]
    folder: Path

    def arrays(self, file: str, *names: str) -> dict[str, np.ndarray]:
        """The arrays of one of its `.npz` files, by name: all, or those asked for."""
        with np.load(self.folder / file, allow_pickle=False) as saved:
            return {name: saved[name] for name in names or saved}

    def rows(self, file: str, rows: Sequence[int]) -> dict[str, np.ndarray]:
        """These rows of all arrays of such a file, by name; one array is in memory whole at a time, and not two."""
        with np.load(self.folder / file, allow_pickle=False) as saved:
            return {name: saved[name][np.asarray(rows, np.int64)] for name in saved}


class Results:
    """The results of an `Experiment` in a `Store`; BsaError names what is missing."""

    def __init__(self, spec: Experiment, artefacts: Store, data: dict[str, Any]):
        self.spec, self.class_names = spec, tuple(data.get("class_names", ()))
        self.artefacts = artefacts  # a temporary one lasts as long as its results
        placed = list(plan.placed(spec, data))
        missing = list(dict.fromkeys(stage.title for _, stage in placed if stage.key not in artefacts))
        if missing:
            raise BsaError(
                f"{spec.name} has not been run to its end: the store {artefacts.root} lacks "
                f"{len(missing)} stages, the first of them {missing[0]}. `bsa run` computes them."
            )
        self.all = [Result(place, artefacts.record(s.key), artefacts.path(s.key)) for place, s in placed]

    def find(self, **place: Any) -> list[Result]:
        """The results whose place has all these values, in the plan's order; what was left out is none."""
        return [
            r
            for r in self.all
            if LEFT_OUT not in r.record["metrics"] and all(r.place.get(k) == v for k, v in place.items())
        ]

    def left_out(self, network: str | None = None, label: str | None = None) -> list[str]:
        """What optional certificates were left out, of a network and a label or of all, and why, as sentences."""
        asked = {key: value for key, value in {"network": network, "label": label}.items() if value is not None}
        asked["kind"] = "certify"
        found = [r for r in self.all if asked.items() <= r.place.items()]
        return list(
            dict.fromkeys(
                f"{r.place['label']} was left out: {r.record['metrics'][LEFT_OUT]}."
                for r in found
                if LEFT_OUT in r.record["metrics"]
            )
        )

    def named(self, label: int) -> str:
        """A class by its name, where the data set has names, and else by its number."""
        return str(self.class_names[label]) if 0 <= label < len(self.class_names) else str(int(label))

    @property
    def experiments(self) -> list["Results"]:
        """The results of each experiment: these."""
        return [self]

    @functools.cached_property
    def sanity(self) -> list[tuple[Result, list[dict[str, Any]]]]:
        """Pairs (result, checks) of the sanity checks, as dicts: those of the record, then those beside other attacks.

        The others are not part of the record, so that an attack more in the spec leaves it as it is.
        """
        found = self.find(kind="sanity")
        return [(r, [*r.record["metrics"]["checks"], *(c._asdict() for c in self._compared(r.place))]) for r in found]

    def _compared(self, place):
        """Each cell's check of an attack beside the other attacks on the same network."""
        for number, cell in enumerate(place["cells"]):
            tried = {}
            for result in self.find(kind="attack", network=place["network"], cell=cell):
                saved = result.arrays("attack.npz", "index", "distance")
                tried[result.place["label"]] = (saved["index"], saved["distance"], result.place["thresholds"])
            own = tried.pop(place["label"])
            yield strongest(own, tried, gain=self.spec.sanity.params["gain"], cell=number)

    @property
    def failed(self) -> int:
        """How many sanity checks failed."""
        return sum(check["passed"] is False for _, checks in self.sanity for check in checks)


class Collected:
    """The results of a `Collection`: those of its `experiments`."""

    def __init__(self, spec: Collection, experiments: Sequence[Results]):
        self.spec, self.experiments = spec, experiments

    @property
    def failed(self) -> int:
        """How many sanity checks failed."""
        return sum(results.failed for results in self.experiments)


def gather(
    spec: Experiment | Collection,
    artefacts: Store,
    describe: Callable[[Experiment], dict[str, Any]],
) -> Results | Collected:
    """The results of an `Experiment` or a `Collection`; `describe(experiment)` describes an experiment's data set."""
    found = [Results(each, artefacts, describe(each)) for each in spec.experiments]
    return Collected(spec, found) if isinstance(spec, Collection) else found[0]
