"""The parts of an experiment: its networks, measures, certificates, attacks, and the published numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bsa.spec.cells import Cell


class Component(NamedTuple):
    """A component by its name, with all its parameters."""

    name: str
    params: dict[str, Any]


def component(given: Mapping[str, Any], *apart: str) -> Component:
    """The component of its JSON, which has its name beside its parameters; the keys `apart` are none of them."""
    return Component(given["name"], {key: value for key, value in given.items() if key not in ("name", *apart)})


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
        return next((row for row in rows if cell.called(row["cell"])), {})
