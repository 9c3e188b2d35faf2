"""What a resolved spec asks for, as the plan, the stages, the reports and the command line read it. No TensorFlow.

Both classes are also mappings: the JSON with all defaults, which is a spec again. Everything derived from it is derived
here, once.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from bsa import criteria, foreign
from bsa.spec import cells as listing
from bsa.spec.cells import Cell
from bsa.spec.parameters import parameters
from bsa.spec.parts import Attack, Certificate, Component, Measure, Network, Reported, component

TABLE = ("network", "label", "images", "thresholds")  # what a table asks of an attack, beside the attack's parameters
PLACE = ("file", "url", "sha256")  # of foreign weights: where they are, and what


@dataclasses.dataclass(frozen=True, eq=False)
class Resolved(Mapping):
    """What experiments and collections share: `resolved` is the JSON, which is not to be changed."""

    resolved: dict[str, Any]

    def __getitem__(self, key):
        return self.resolved[key]

    def __iter__(self):
        return iter(self.resolved)

    def __len__(self):
        return len(self.resolved)

    def __or__(self, changes):
        """Another one, with other values of the top-level keys in `changes`."""
        return type(self)(self.resolved | changes)

    @property
    def name(self) -> str:
        return self["name"]

    @functools.cached_property
    def reports(self) -> tuple[Component, ...]:
        return tuple(component(each) for each in self["report"])


class Experiment(Resolved):
    """One resolved experiment."""

    @property
    def experiments(self) -> tuple["Experiment", ...]:
        """This one, as a collection has several."""
        return (self,)

    @property
    def seed(self) -> int:
        return self["seed"]

    @property
    def strategy(self) -> str | None:
        """What shares the work among devices, if anything."""
        return self.get("strategy")

    @functools.cached_property
    def data(self) -> Component:
        return component(self["data"])

    @functools.cached_property
    def networks(self) -> dict[str, Network]:
        """The networks by name, in the spec's order."""
        return {name: _network(name, given) for name, given in networks(self).items()}

    @functools.cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Where test images are moved to."""
        return listing.cells(self)

    @functools.cached_property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(Measure(component(each, "network"), self._users(each)) for each in self["measures"])

    @functools.cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        return tuple(
            Certificate(
                component(each, "network", "label", "after", "thresholds", "optional"),
                label(each),
                self._users(each),
                tuple(each.get("after", ())),
                self._thresholds(each),
                each.get("optional", False),
            )
            for each in listed(self, "certify")
        )

    @functools.cached_property
    def attacks(self) -> tuple[Attack, ...]:
        return tuple(self._attack(each) for each in listed(self, "attack"))

    @functools.cached_property
    def sanity(self) -> Component | None:
        """The checks that run with every attack, unless the spec says that there are none."""
        return component(self["sanity"] | {"name": "sanity"}) if self["sanity"] else None

    @functools.cached_property
    def invariant(self) -> Component:
        return component(self["invariant"] | {"name": "invariant"})

    @functools.cached_property
    def control(self) -> Component | None:
        """What an attack in a cell is compared with, unless the spec says that it is not."""
        return component(self["control"] | {"name": "control"}) if self["control"] else None

    @functools.cached_property
    def reported(self) -> Reported:
        return Reported(**self.get("reported", {}))

    def _users(self, given):
        """The networks that a measure, a certificate or an attack is for."""
        named = given.get("network", list(self.networks))
        return (named,) if isinstance(named, str) else tuple(named)

    def _thresholds(self, given):
        named, epsilon = given["thresholds"], given["epsilon"]
        return {cell: criteria.thresholds(named, epsilon, min(cell.contraction, 1)) for cell in self.cells}

    def _attack(self, given):
        def beside(name, **params):
            return Component(name, parameters("attacks", name, {"epsilon": given["epsilon"], **params}))

        checked = self.sanity is not None
        return Attack(
            component(given, *TABLE),
            label(given),
            self._users(given),
            given["images"],
            self._thresholds(given),
            black_box=beside("square", queries=self.sanity.params["queries"]) if checked else None,
            reference=beside("corner_descent", effort="quick") if checked else None,
        )


class Collection(Resolved):
    """Several resolved experiments, and reports over all of them."""

    @functools.cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        return tuple(Experiment(each) for each in self["experiments"])

    @property
    def strategy(self) -> str | None:
        """That of the first experiment which states one."""
        return next((each.strategy for each in self.experiments if each.strategy), None)


def networks(spec):
    """The networks of a spec by name, as JSON; `model` with `train` or `weights` is short for one called main."""
    return spec.get("networks") or {"main": {k: spec[k] for k in ("model", "train", "weights") if k in spec}}


def listed(spec, key):
    """The components, as JSON, of a key that holds one component, a list or nothing."""
    value = spec.get(key, [])
    return value if isinstance(value, list) else [value]


def label(given):
    """The name of an attack, a certificate or a search in tables."""
    return given.get("label", given.get("name", "explore"))


def _network(name, given):
    train, weights, after = given.get("train"), given.get("weights", {}), tuple(given.get("after", ()))
    file = given["model"] if (whole := foreign.complete(given["model"])) else weights  # what comes from elsewhere
    certificate = None
    if after:
        shared = {key: train[key] for key in ("epsilon", "bounded", "projections")}
        settings = parameters("certify", train["name"], shared | {"slopes": "parallel"})
        certificate = Component(train["name"], settings)
    return Network(
        name,
        component(given["model"], *(PLACE if whole else ())),
        train and component(train),
        component(weights, *PLACE) if weights else None,
        file.get("sha256"),
        {key: file[key] for key in ("file", "url") if key in file},
        after,
        certificate,
    )
