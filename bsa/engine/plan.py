"""From a resolved spec to its stages: what there is to compute, each with the key it is stored under. Pure.

A key is the sha256 of everything that the result depends on and of nothing else: names of networks, labels, comments
and reports are in no key, so that two specs that train the same network share it.
"""

from typing import NamedTuple

from bsa import catalog, judge
from bsa.engine.store import key_of
from bsa.errors import UsageError
from bsa.spec import checks, parameters
from bsa.transforms import scale_shift

NOT_HASHED = {"name", "network", "after", "label", "file", "url", "sha256"}  # weights are hashed by their sha256, apart


class Stage(NamedTuple):
    """One thing to compute. `params` is what it depends on beside `needs`, the keys of the stages before it."""

    kind: str  # "network", "measure", "certify", "attack", "invariant" or "sanity"
    title: str  # for people: 'attack carlini_wagner_linf, network main, cell (0.9, 0)'
    component: dict  # {"name", "version", "params"}
    params: dict
    needs: tuple
    key: str
    origin: dict | None = None  # of foreign weights: where they are looked for ("file", "url"); in no key


class Cell(NamedTuple):
    """A blind-spot cell as the spec states it and as pixels in [0, 1] see it: x' = gain * x + offset."""

    scale: float
    shift: float
    gain: float
    offset: float

    def __str__(self):
        return f"({self.scale:g}, {self.shift:g})"


def stages(spec, data):
    """The stages of a resolved spec in an order in which each comes after what it needs, without repeats.

    `data` describes the spec's data set: `{"fingerprint", "input_shape", "num_classes"}`.
    """
    return tuple({stage.key: stage for _, stage in placed(spec, data)}.values())


def placed(spec, data):
    """Pairs (place, Stage): where in the results each stage belongs, as a dict that reports can search.

    A place holds "kind" and, where they apply, "network", "cell" (a `Cell`), "label", "thresholds" or "measure"; a
    sanity stage's holds "cells", in the order of its needs, an invariant's the "certificate" beside the attack's label.
    """
    source = _source(spec["data"], data)
    trained = _networks(spec, source)
    for name, stage in trained.items():
        yield {"kind": "network", "network": name}, stage
    for measure in spec["measures"]:
        for name in _named(measure, trained):
            for cell in cells_of(spec):
                place = {"kind": "measure", "network": name, "cell": cell, "measure": measure["name"]}
                yield place, _at(cell, "measure", "measures", measure, name, trained[name], source)
    proven = {name: [] for name in trained}
    for certificate in checks.certificates(spec):
        before = tuple(trained[name].key for name in certificate.get("after", ()))
        for name in _named(certificate, trained):
            found = list(_certified(spec, certificate, name, trained[name], source, before))
            proven[name] += [] if before else found  # what a cascade proves is not of one network
            yield from found
    for attack in checks.attacks(spec):
        for name in _named(attack, trained):
            found = list(_attacked(spec, attack, name, trained[name], source))
            yield from found
            yield from _invariants(spec, attack, found, proven[name], trained[name])
            if spec["sanity"]:
                yield _sanity(spec, attack, found, trained[name], source)


def _source(given, described):
    """What a key holds of a data set; its parameters too, where it has any."""
    name, params = given["name"], {k: v for k, v in given.items() if k != "name"}
    made = {"name": name, "version": _version("data", name)} | catalog.identity("data", name)
    return made | ({"params": params} if params else {}) | described


def _attacked(spec, attack, name, network, source):
    """An attack on one network, in every cell."""
    label = attack.get("label", attack["name"])
    for cell in cells_of(spec):
        at = judge.thresholds(attack["thresholds"], attack["epsilon"], cell.scale)
        place = {"kind": "attack", "network": name, "cell": cell, "label": label, "thresholds": at}
        resolved = attack | {"thresholds": at}
        yield place, _at(cell, "attack", "attacks", resolved, name, network, source, seed=spec["seed"])


def _certified(spec, given, name, network, source, before):
    """A certificate for one network, or the cascade of it behind the networks with the keys `before`, in every cell."""
    label, resolved = given.get("label", given["name"]), {k: v for k, v in given.items() if k != "thresholds"}
    for cell in cells_of(spec):
        at = judge.thresholds(given["thresholds"], given["epsilon"], cell.scale)
        place = {"kind": "certify", "network": name, "cell": cell, "label": label, "thresholds": at}
        stage = _at(cell, "certify", "certify", resolved, name, network, source, before=before)
        yield place, stage


def _invariants(spec, attack, found, proven, network):
    """Each certificate in each cell against an attack there: `proven` and `found` are their places and stages."""
    component = _component("checks", spec["invariant"] | {"name": "invariant"})
    params = {"attack": _alone(attack), "seed": spec["seed"]}
    for place, stage in found:
        for proof, certificate in proven:
            if proof["cell"] == place["cell"]:
                held = place | {"kind": "invariant", "certificate": proof["label"]}
                title = f"{proof['label']} against {stage.title}"
                yield held, _stage("invariant", title, component, params, (network.key, certificate.key, stage.key))


def _alone(attack):
    """The component of an attack, without what the table asks of it."""
    return _component("attacks", {k: v for k, v in attack.items() if k not in ("images", "thresholds")})


def _sanity(spec, attack, found, network, source):
    """The checks of an attack on one network: `found` are its places and stages in all cells."""
    places, stages = zip(*found, strict=True)
    name, label = places[0]["network"], places[0]["label"]
    place = {"kind": "sanity", "network": name, "label": label, "cells": [p["cell"] for p in places]}
    params = {"attack": _alone(attack), "thresholds": [p["thresholds"] for p in places], "seed": spec["seed"]}
    params |= {"data": source, "cells": [[p["cell"].gain, p["cell"].offset] for p in places]}
    square = {"epsilon": attack["epsilon"], "queries": spec["sanity"]["queries"]}  # every attack is compared with these
    params["black_box"] = _component("attacks", {"name": "square", **parameters("attacks", "square", square)})
    strong = parameters("attacks", "corner_descent", {"epsilon": attack["epsilon"]})
    params["reference"] = _component("attacks", {"name": "corner_descent", **strong})
    component = _component("checks", spec["sanity"] | {"name": "sanity"})
    needs = (network.key, *(s.key for s in stages))
    return place, _stage("sanity", f"sanity of {label}, network {name}", component, params, needs)


def experiments(spec):
    """The experiments of a resolved spec: those of a collection, or the one that it is."""
    return spec.get("experiments", [spec])


def networks(spec):
    """The networks of a spec by name; `model` with `train` or `weights` is short for one called main."""
    return spec.get("networks") or {"main": {k: spec[k] for k in ("model", "train", "weights") if k in spec}}


def cells_of(spec):
    """The `Cell`s of a spec, in its order."""
    where = spec["blind_spot"]
    return [Cell(s, b, *scale_shift.affine(s, b, where["pixel_range"])) for s, b in where["cells"]]


def _named(user, trained):
    named = user.get("network", list(trained))
    return [named] if isinstance(named, str) else named


def _version(kind, name):
    return catalog.fragment(kind, name)["version"]


def _component(kind, given):
    params = {k: v for k, v in given.items() if k not in NOT_HASHED}
    made = {"name": given["name"], "version": _version(kind, given["name"]), "params": params}
    if "attacks" in params:  # an ensemble: what its members compute is part of what it computes
        made["members"] = [_member(kind, member["name"]) for member in params["attacks"]]
    return made | catalog.identity(kind, given["name"])


def _member(kind, name):
    """A member of an ensemble: its version, and the origin of one from elsewhere."""
    identity = catalog.identity(kind, name)
    return {"version": _version(kind, name)} | identity if identity else _version(kind, name)


def _networks(spec, source):
    """The network stages by name, each after those that it is trained behind."""
    named, made = networks(spec), {}
    for name in _in_order(named):
        before = tuple(made[other].key for other in named[name].get("after", ()))
        made[name] = _network(name, named[name], spec["seed"], source, before)
    return made


def _in_order(named):
    """The names of networks, each after those that it is trained behind: there may be more than a recursion takes."""
    done = {}
    for first in named:
        path = [(first, iter(named[first].get("after", ())))]
        while path:
            name, before = path[-1]
            other = next((each for each in before if each not in done), None)
            if other is None:
                done[name] = path.pop()
            else:
                path.append((other, iter(named[other].get("after", ()))))
    return done


def _network(name, network, seed, source, before):
    if "weights" in network:
        return _imported(name, network, source)
    model, train = _component("models", network["model"]), _component("train", network["train"])
    title = f"network {name}: {model['name']}, {train['name']} training"
    params = {"model": model, "seed": seed, "data": source}
    if before:
        given = {key: network["train"][key] for key in ("epsilon", "bounded", "projections")}
        settings = parameters("certify", train["name"], given | {"slopes": "parallel"})
        params["certificate"] = _component("certify", {"name": train["name"], **settings})
    return _stage("network", title, train, params, before)


def _imported(name, network, source):
    """A network with foreign weights: by their content, and by what of the data shapes the network."""
    given = network["weights"]
    if "sha256" not in given:
        raise UsageError(f"network {name}: expected weights with their sha256, as `files.pinned(spec)` gives them")
    model, weights = _component("models", network["model"]), _component("weights", given)
    params = {"model": model, "sha256": given["sha256"]}
    params["data"] = {key: source[key] for key in ("input_shape", "num_classes")}
    stage = _stage("network", f"network {name}: {model['name']}, {weights['name']} weights", weights, params, ())
    return stage._replace(origin={key: given[key] for key in ("file", "url") if key in given})


def _at(cell, kind, folder, given, name, network, source, before=(), **more):
    """A stage at one network and one cell: an attack or a measure."""
    component = _component(folder, given)
    title = f"{given.get('label', component['name'])}, network {name}, cell {cell}"
    params = {"gain": cell.gain, "offset": cell.offset, "data": source, **more}
    return _stage(kind, title, component, params, (network.key, *before))


def _stage(kind, title, component, params, needs):
    key = key_of({"kind": kind, "component": component, "params": params, "needs": needs})
    return Stage(kind, title, component, params, needs, key)
