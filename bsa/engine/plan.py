"""From a resolved spec to its stages: what has to be computed, each with the key under which it is stored. Pure.

A key is the sha256 of everything that the result depends on, and of nothing else. Names of networks, labels, comments
and reports are in no key, so two specs that train the same network share it.
"""

from pathlib import Path
from typing import NamedTuple

from bsa import registered
from bsa.engine import keyed
from bsa.engine.store import key_of
from bsa.errors import UsageError
from bsa.spec.exploring import explored


class Stage(NamedTuple):
    """One thing to compute. `params` is what it depends on besides `needs`, the keys of earlier stages."""

    kind: str  # "network", "measure", "certify", "attack", "control", "invariant", "sanity" or "explore"
    title: str  # for people: 'attack carlini_wagner_linf, network main, cell (0.9, 0)'
    component: dict  # {"name", "version", "params"}
    params: dict
    needs: tuple
    key: str
    origin: dict | None = None  # of foreign weights and whole networks: where they are ("file", "url"); in no key


def stages(spec, data):
    """The stages of an `Experiment`, each after those that it needs, without repeats.

    `data` describes the spec's data set: `{"fingerprint", "input_shape", "num_classes"}`.
    """
    return tuple({stage.key: stage for _, stage in placed(spec, data)}.values())


def placed(spec, data):
    """Pairs (place, Stage): where in the results each stage belongs, as a dict that reports can search.

    A place holds "kind" and, where they apply, "network", "cell" (a `Cell`), "label", "thresholds" or "measure"; a
    sanity stage's holds "cells", in the order of its needs, an invariant's the "certificate" beside the attack's label.
    """
    source = keyed.source(spec.data, data)
    trained, sources = _networks(spec, source), keyed.sources(spec, source)
    for name, stage in trained.items():
        yield {"kind": "network", "network": name}, stage
    for measure in spec.measures:
        for name in measure.networks:
            for cell in spec.cells:
                place = {"kind": "measure", "network": name, "cell": cell, "measure": measure.component.name}
                yield place, _at(place, "measures", measure.component, trained[name], sources)
    proven = {name: [] for name in trained}
    for certificate in spec.certificates:
        before = tuple(trained[name].key for name in certificate.after)
        for name in certificate.networks:
            found = list(_certified(certificate, name, trained[name], sources, before))
            proven[name] += [] if before else found  # what a cascade proves is not of one network
            yield from found
    for attack in spec.attacks:
        for name in attack.networks:
            found = list(_attacked(spec, attack, name, trained[name], sources))
            yield from found
            yield from _controls(spec, attack, found, trained[name], source)
            yield from _invariants(spec, attack, found, proven[name], trained[name])
            if spec.sanity:
                yield _sanity(spec, attack, found, trained[name], sources)
    for search in explored(spec):
        for name in search.networks:
            yield _explored(spec, search, name, trained[name], source)


def _attacked(spec, attack, name, network, sources):
    """An attack on one network, in every cell."""
    for cell, thresholds in attack.thresholds.items():
        place = {"kind": "attack", "network": name, "cell": cell, "label": attack.label, "thresholds": thresholds}
        asked = {"images": attack.images, "thresholds": thresholds}
        component = attack.component._replace(params=attack.component.params | asked)
        yield place, _at(place, "attacks", component, network, sources, seed=spec.seed)


def _controls(spec, attack, found, network, source):
    """The control of an attack on one network, in every cell but the original: `found` are its places and stages."""
    if not spec.control:
        return
    component = keyed.hashed("checks", spec.control)
    for place, stage in found:
        if not place["cell"].original:
            params = {"attack": keyed.hashed("attacks", attack.component), "thresholds": place["thresholds"]}
            params |= {"seed": spec.seed, "data": source}
            title = f"control of {stage.title}"
            made = _stage("control", title, component, params, (network.key, stage.key))
            yield place | {"kind": "control"}, made


def _certified(certificate, name, network, sources, before):
    """A certificate for one network, or the cascade of it behind the networks with the keys `before`, in every cell."""
    asked = {"optional": True} if certificate.optional else {}
    component = certificate.component._replace(params=certificate.component.params | asked)
    for cell, thresholds in certificate.thresholds.items():
        place = {"kind": "certify", "network": name, "cell": cell, "label": certificate.label, "thresholds": thresholds}
        yield place, _at(place, "certify", component, network, sources, before=before)


def _invariants(spec, attack, found, proven, network):
    """Each certificate in each cell against an attack there: `proven` and `found` are their places and stages."""
    component = keyed.hashed("checks", spec.invariant)
    params = {"attack": keyed.hashed("attacks", attack.component), "seed": spec.seed}
    for place, stage in found:
        for proof, certificate in proven:
            if proof["cell"] == place["cell"]:
                held = place | {"kind": "invariant", "certificate": proof["label"]}
                title = f"{proof['label']} against {stage.title}"
                yield held, _stage("invariant", title, component, params, (network.key, certificate.key, stage.key))


def _sanity(spec, attack, found, network, sources):
    """The checks of an attack on one network: `found` are its places and stages in all cells."""
    places, stages = zip(*found, strict=True)
    name, label = places[0]["network"], attack.label
    place = {"kind": "sanity", "network": name, "label": label, "cells": [p["cell"] for p in places]}
    params = {"attack": keyed.hashed("attacks", attack.component), "thresholds": [p["thresholds"] for p in places]}
    there = [sources[cell] for cell in place["cells"]]
    moves = [[where["gain"], where["offset"]] if "gain" in where else where["transform"] for where in there]
    params |= {"seed": spec.seed, "data": there[0]["data"], "cells": moves}
    params |= {
        "black_box": keyed.hashed("attacks", attack.black_box),
        "reference": keyed.hashed("attacks", attack.reference),
    }
    needs = (network.key, *(s.key for s in stages))
    title = f"sanity of {label}, network {name}"
    return place, _stage("sanity", title, keyed.hashed("checks", spec.sanity), params, needs)


def _explored(spec, search, name, network, source):
    """A search for blind spots of one network, by what its chain and its attacks compute."""
    place = {"kind": "explore", "network": name, "label": search.label}
    params, component = search.component.params, keyed.hashed("exploration", search.component)
    component["attacks"] = [keyed.part("attacks", params[which]["name"]) for which in ("attack", "standard")]
    title = f"{search.label}, network {name}"
    return place, _stage("explore", title, component, {"seed": spec.seed, "data": source}, (network.key,))


def _networks(spec, source):
    """The network stages by name, each after those that it is trained behind."""
    made = {}
    for name in _in_order(spec.networks):
        network = spec.networks[name]
        before = tuple(made[other].key for other in network.after)
        make = _imported if network.weights else _trained if network.train else _whole
        made[name] = make(network, spec.seed, source, before)
    return made


def _in_order(named):
    """The names of networks, each after those that it is trained behind: there may be more than a recursion takes."""
    done = {}
    for first in named:
        path = [(first, iter(named[first].after))]
        while path:
            name, before = path[-1]
            other = next((each for each in before if each not in done), None)
            if other is None:
                done[name] = path.pop()
            else:
                path.append((other, iter(named[other].after)))
    return done


def _trained(network, seed, source, before):
    model, train = keyed.hashed("models", network.model), keyed.hashed("train", network.train)
    title = f"network {network.name}: {model['name']}, {train['name']} training"
    params = {"model": model, "seed": seed, "data": source}
    if before:
        params["certificate"] = keyed.hashed("certify", network.certificate)
    return _stage("network", title, train, params, before)


def _imported(network, seed, source, before):
    """A network with foreign weights: by their content, and by what of the data shapes the network."""
    if not network.sha256:
        raise UsageError(
            f"network {network.name}: expected weights with their sha256, as `foreign.pinned(spec)` gives them"
        )
    model, weights = keyed.hashed("models", network.model), keyed.hashed("weights", network.weights)
    params = {"model": model, "sha256": network.sha256}
    params["data"] = {key: source[key] for key in ("input_shape", "num_classes")}
    title = f"network {network.name}: {model['name']}, {weights['name']} weights"
    return _stage("network", title, weights, params, ())._replace(origin=network.origin)


def _whole(network, seed, source, before):
    """A network of a file of its own: by the file's content, what is made of it, and what of the data must fit."""
    if not network.sha256:
        raise UsageError(f"network {network.name}: expected its sha256, as `foreign.pinned(spec)` gives it")
    model = keyed.hashed("models", network.model)
    data = {key: source[key] for key in ("input_shape", "num_classes")}
    stated = {"num_classes": 0} | source.get("params", {})
    if stated["num_classes"] is None and not stated.get("class_names"):
        data["more_classes"] = True  # labels tell how many there are at least
    params = {"sha256": network.sha256, "data": data}
    if layers := registered.identity():
        params["layers"] = layers
    file = Path(network.origin["file"]).expanduser().absolute()  # who computes may be in another folder
    title = f"network {network.name}: {model['name']} {file.name}"
    return _stage("network", title, model, params, ())._replace(origin={"file": str(file)})


def _at(place, kind, component, network, sources, before=(), **more):
    """A stage at one network and one cell: a measure, a certificate or an attack."""
    cell = place["cell"]
    title = f"{place.get('label', component.name)}, network {place['network']}, cell {cell}"
    params = {**sources[cell], **more}
    return _stage(place["kind"], title, keyed.hashed(kind, component), params, (network.key, *before))


def _stage(kind, title, component, params, needs):
    key = key_of({"kind": kind, "component": component, "params": keyed.content(params), "needs": needs})
    return Stage(kind, title, component, params, needs, key)
