"""The searches that a spec asks for, and what is wrong with them. No TensorFlow."""

import math
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
    """The problems of a parsed spec's searches that a schema cannot see, and of attacks that move images."""
    for place, each in _listed(spec, "explore"):
        grid = {"probes": each["probes"]} if each["sampler"] == "grid" else {}
        yield from _space(place, each, **grid)
        for which in ("attack", "standard"):
            yield from _leg(f"{place}/{which}", each[which])
    for place, attack in _listed(spec, "attack"):
        members = [(f"{place}/attacks/{i}", each) for i, each in enumerate(attack.get("attacks", []))]
        for at, each in members or [(place, attack)]:
            yield from _leg(at, each)
            if "chain" in each:
                yield from _space(at, each, **_moving(each.get("moves", {})))


def _listed(spec, key):
    """Pairs (pointer, component) of a key that holds one component or a list."""
    several = isinstance(spec.get(key, []), list)
    return [(f"/{key}/{i}" if several else f"/{key}", each) for i, each in enumerate(listed(spec, key))]


def _leg(place, attack):
    """Fields of an attack that do not go together: some may be stated, others its effort's."""
    leg, glance = attack.get("leg", {}), attack.get("give_up", {}).get("glance") or 0
    if glance > (steps := leg.get("steps", 0)):
        yield Problem(f"{place}/give_up/glance", f"at most the {steps} steps of the first leg", f"{glance}")
    if leg.get("constant", 0) > (most := leg.get("constant_max", math.inf)):
        expected = f"at most constant_max, {most:g}, unless that is stated, too"
        yield Problem(f"{place}/leg/constant", expected, f"{leg['constant']:g}")


def _moving(moves):
    """How an attack that moves images searches, and of a grid with how many points."""
    search = moves.get("search", "")
    return {"search": search} | ({"moves/points": moves["points"]} if search == "grid" else {})


def _space(place, given, search="", **grid):
    """What is wrong with a chain and its ranges, and with a number of points, by its name, that are to be a `grid`."""
    if "space" in given:
        yield Problem(f"{place}/space", 'either "space" or "chain"', "both")
        return
    try:
        made = chained(given["chain"])
        names = free(narrowed(made.space, given.get("ranges", {})))
    except errors.UsageError as error:
        yield Problem(f"{place}/chain", "transformations", errors.one_line(error))
        return
    except ValueError as error:
        expected, found = str(error).removeprefix("expected ").split(", found ", 1)
        yield Problem(f"{place}/ranges", expected, found)
        return
    if not names:
        yield Problem(f"{place}/ranges", "at least one range to search", "numbers alone")
    if search == "gradient" and not made.smooth:
        yield Problem(f"{place}/moves/search", '"random" or "grid", as not all of the chain is smooth', '"gradient"')
    for name, count in grid.items():
        if count < 2 ** len(names):
            expected = f"at least {2 ** len(names)}, for a grid of {len(names)} parameters from end to end"
            yield Problem(f"{place}/{name}", expected, f"{count}")
