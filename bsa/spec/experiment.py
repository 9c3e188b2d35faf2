"""What a resolved spec asks for, as the plan, the stages, the reports and the command line read it. No TensorFlow.

Both are mappings, too, of the JSON with all defaults, a spec again. What is derived from it is derived here, and once.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bsa import criteria, foreign
from bsa.spec.parameters import parameters
from bsa.transforms.scale_shift import Cell, affine

TABLE = ("network", "label", "images", "thresholds")  # what a table asks of an attack, beside the attack's parameters
PLACE = ("file", "url", "sha256")  # of foreign weights: where they are, and what


class Component(NamedTuple):
    """A component by its name, with all its parameters."""

    name: str
    params: dict[str, Any]


class Network(NamedTuple):
    """A network: trained (`train`), with `weights` of a format and its params, or neither, its `model` being a file."""

    name: str
    model: Component
    train: Component | None
    weights: Component | None
    sha256: str | None  # of the foreign weights, or of a complete network's file
    origin: dict[str, str]  # where they are looked for: "file", "url"
    after: tuple[str, ...]  # the networks before it in a cascade, on whose rest it is trained
    certificate: Component | None  # what decides the rest


class Measure(NamedTuple):
    """A measure of some networks in every cell."""

    component: Component
    networks: tuple[str, ...]


class Certificate(NamedTuple):
    """A certificate for some networks, or for the cascade that ends in one of them, in every cell."""

    component: Component
    label: str
    networks: tuple[str, ...]
    after: tuple[str, ...]  # the networks before it in the cascade
    thresholds: dict[Cell, list[float]]
    optional: bool  # left out where it does not apply


class Attack(NamedTuple):
    """An attack on some networks in every cell, on the first `images` that are classified correctly."""

    component: Component
    label: str
    networks: tuple[str, ...]
    images: int
    thresholds: dict[Cell, list[float]]
    black_box: Component | None  # both are what the sanity checks, where there are any, compare it with
    reference: Component | None


class Reported(NamedTuple):
    """The published numbers beside which ours are printed."""

    source: str = ""  # for example "Table 2"; "" where there are none
    network: str | None = None
    rows: Sequence[dict[str, Any]] = ()

    def row(self, network: str, cell: Cell) -> dict[str, Any]:
        """The published numbers of a network in a cell, or an empty dict."""
        rows = self.rows if self.network in (None, network) else ()
        return next((row for row in rows if tuple(row["cell"]) == (cell.scale, cell.shift)), {})


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
        return tuple(_component(each) for each in self["report"])


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
        return _component(self["data"])

    @functools.cached_property
    def networks(self) -> dict[str, Network]:
        """The networks by name, in the spec's order."""
        return {name: _network(name, given) for name, given in networks(self).items()}

    @functools.cached_property
    def cells(self) -> tuple[Cell, ...]:
        where = self["blind_spot"]
        return tuple(Cell(s, b, *affine(s, b, where["pixel_range"])) for s, b in where["cells"])

    @functools.cached_property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(Measure(_component(each, "network"), self._users(each)) for each in self["measures"])

    @functools.cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        return tuple(
            Certificate(
                _component(each, "network", "label", "after", "thresholds", "optional"),
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
        return _component(self["sanity"] | {"name": "sanity"}) if self["sanity"] else None

    @functools.cached_property
    def invariant(self) -> Component:
        return _component(self["invariant"] | {"name": "invariant"})

    @functools.cached_property
    def reported(self) -> Reported:
        return Reported(**self.get("reported", {}))

    def _users(self, given):
        """The networks that a measure, a certificate or an attack is for."""
        named = given.get("network", list(self.networks))
        return (named,) if isinstance(named, str) else tuple(named)

    def _thresholds(self, given):
        return {cell: criteria.thresholds(given["thresholds"], given["epsilon"], cell.scale) for cell in self.cells}

    def _attack(self, given):
        def beside(name, **params):
            return Component(name, parameters("attacks", name, {"epsilon": given["epsilon"], **params}))

        checked = self.sanity is not None
        return Attack(
            _component(given, *TABLE),
            label(given),
            self._users(given),
            given["images"],
            self._thresholds(given),
            black_box=beside("square", queries=self.sanity.params["queries"]) if checked else None,
            reference=beside("corner_descent") if checked else None,
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


def _component(given, *apart):
    return Component(given["name"], {key: value for key, value in given.items() if key not in ("name", *apart)})


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
        _component(given["model"], *(PLACE if whole else ())),
        train and _component(train),
        _component(weights, *PLACE) if weights else None,
        file.get("sha256"),
        {key: file[key] for key in ("file", "url") if key in file},
        after,
        certificate,
    )
