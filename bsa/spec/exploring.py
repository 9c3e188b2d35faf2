"""The searches that a spec asks for, and what is wrong with them. No TensorFlow."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bsa import errors
from bsa.exploration import free, narrowed
from bsa.spec.chain import chained
from bsa.spec.experiment import Experiment, label, listed
from bsa.spec.parts import Component
from bsa.spec.problems import Problem


class Explored(NamedTuple):
    """A search for blind spots of some networks; the component's params hold its chain, its ranges and its attacks."""

    component: Component
    label: str
    networks: tuple[str, ...]


def explored(spec: Experiment) -> tuple[Explored, ...]:
    """The searches of a resolved spec."""
    return tuple(_explored(spec, each) for each in listed(spec, "explore"))


def _explored(spec, given):
    named = given.get("network", list(spec.networks))
    params = {key: value for key, value in given.items() if key not in ("name", "network", "label")}
    return Explored(Component("explore", params), label(given), (named,) if isinstance(named, str) else tuple(named))


def problems(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems of a parsed spec's searches that a schema cannot see."""
    several = isinstance(spec.get("explore", []), list)
    for number, each in enumerate(listed(spec, "explore")):
        yield from _of_one(f"/explore/{number}" if several else "/explore", each)


def _of_one(place, given):
    if "space" in given:
        yield Problem(f"{place}/space", 'either "space" or "chain"', "both")
        return
    try:
        space = narrowed(chained(given["chain"]).space, given.get("ranges", {}))
    except errors.UsageError as error:
        yield Problem(f"{place}/chain", "transformations", errors.one_line(error))
    except ValueError as error:
        expected, found = str(error).removeprefix("expected ").split(", found ", 1)
        yield Problem(f"{place}/ranges", expected, found)
    else:
        if not free(space):
            yield Problem(f"{place}/ranges", "at least one range to search", "numbers alone")
    for which in ("attack", "standard"):
        if (given[which].get("glance") or 0) > given[which].get("steps", 0):
            expected = f"at most the {given[which]['steps']} steps of the first leg"
            yield Problem(f"{place}/{which}/glance", expected, f"{given[which]['glance']}")
