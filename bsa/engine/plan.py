"""From a resolved spec to its stages: what there is to compute, each with the key it is stored under. Pure.

A key is the sha256 of everything that the result depends on and of nothing else: names of networks, labels, comments
and reports are in no key, so that two specs that train the same network share it.
"""

from pathlib import Path
from typing import NamedTuple

from bsa import catalog, registered
from bsa.engine.store import key_of
from bsa.errors import UsageError
from bsa.spec.experiment import Component
from bsa.spec.exploring import explored


class Stage(NamedTuple):
    """One thing to compute. `params` is what it depends on beside `needs`, the keys of the stages before it."""

    kind: str  # "network", "measure", "certify", "attack", "invariant", "sanity" or "explore"
    title: str  # for people: 'attack carlini_wagner_linf, network main, cell (0.9, 0)'
    component: dict  # {"name", "version", "params"}
    params: dict
    needs: tuple
    key: str
    origin: dict | None = None  # of foreign weights and whole networks: where they are ("file", "url"); in no key


def stages(spec, data):
    """The stages of an `Experiment` in an order in which each comes after what it needs, without repeats.

    `data` describes the spec's data set: `{"fingerprint", "input_shape", "num_classes"}`.
    """
    return tuple({stage.key: stage for _, stage in placed(spec, data)}.values())


def placed(spec, data):
    """Pairs (place, Stage): where in the results each stage belongs, as a dict that reports can search.

    A place holds "kind" and, where they apply, "network", "cell" (a `Cell`), "label", "thresholds" or "measure"; a
    sanity stage's holds "cells", in the order of its needs, an invariant's the "certificate" beside the attack's label.
    """
    source = _source(spec.data, data)
    trained = _networks(spec, source)
    for name, stage in trained.items():
        yield {"kind": "network", "network": name}, stage
    for measure in spec.measures:
        for name in measure.networks:
            for cell in spec.cells:
                place = {"kind": "measure", "network": name, "cell": cell, "measure": measure.component.name}
                yield place, _at(place, "measures", measure.component, trained[name], source)
    proven = {name: [] for name in trained}
    for certificate in spec.certificates:
        before = tuple(trained[name].key for name in certificate.after)
        for name in certificate.networks:
            found = list(_certified(certificate, name, trained[name], source, before))
            proven[name] += [] if before else found  # what a cascade proves is not of one network
            yield from found
    for attack in spec.attacks:
        for name in attack.networks:
            found = list(_attacked(spec, attack, name, trained[name], source))
            yield from found
            yield from _invariants(spec, attack, found, proven[name], trained[name])
            if spec.sanity:
                yield _sanity(spec, attack, found, trained[name], source)
    for search in explored(spec):
        for name in search.networks:
            yield _explored(spec, search, name, trained[name], source)


def _source(data, described):
    """What a stage knows of a data set; its parameters too, where it has any. `keyed` says what of it a key holds."""
    made = {"name": data.name, "version": _version("data", data.name)} | catalog.identity("data", data.name)
    described = {name: value for name, value in described.items() if name != "class_names"}
    return made | ({"params": _placed(data)} if data.params else {}) | described


def _placed(data):
    """The parameters of a data set, with absolute paths: who computes may be in another folder."""
    fields = catalog.fragment("data", data.name)["properties"]
    return {key: _absolute(v) if fields[key].get("path") else v for key, v in data.params.items()}


def _absolute(place):
    if isinstance(place, list):
        return [_absolute(each) for each in place]
    return place and str(Path(place).expanduser().absolute())


def keyed(params):
    """`params` of a stage without where its data lie and what their classes are called: the content is what counts."""
    source = params.get("data", {})
    if "params" not in source:
        return params
    fields = catalog.fragment("data", source["name"])["properties"]
    kept = {key: value for key, value in source["params"].items() if fields[key].get("keyed", True)}
    return params | {"data": source | {"params": kept}}


def _attacked(spec, attack, name, network, source):
    """An attack on one network, in every cell."""
    for cell, thresholds in attack.thresholds.items():
        place = {"kind": "attack", "network": name, "cell": cell, "label": attack.label, "thresholds": thresholds}
        asked = {"images": attack.images, "thresholds": thresholds}
        component = attack.component._replace(params=attack.component.params | asked)
        yield place, _at(place, "attacks", component, network, source, seed=spec.seed)


def _certified(certificate, name, network, source, before):
    """A certificate for one network, or the cascade of it behind the networks with the keys `before`, in every cell."""
    asked = {"optional": True} if certificate.optional else {}
    component = certificate.component._replace(params=certificate.component.params | asked)
    for cell, thresholds in certificate.thresholds.items():
        place = {"kind": "certify", "network": name, "cell": cell, "label": certificate.label, "thresholds": thresholds}
        yield place, _at(place, "certify", component, network, source, before=before)


def _invariants(spec, attack, found, proven, network):
    """Each certificate in each cell against an attack there: `proven` and `found` are their places and stages."""
    component = _hashed("checks", spec.invariant)
    params = {"attack": _hashed("attacks", attack.component), "seed": spec.seed}
    for place, stage in found:
        for proof, certificate in proven:
            if proof["cell"] == place["cell"]:
                held = place | {"kind": "invariant", "certificate": proof["label"]}
                title = f"{proof['label']} against {stage.title}"
                yield held, _stage("invariant", title, component, params, (network.key, certificate.key, stage.key))


def _sanity(spec, attack, found, network, source):
    """The checks of an attack on one network: `found` are its places and stages in all cells."""
    places, stages = zip(*found, strict=True)
    name, label = places[0]["network"], attack.label
    place = {"kind": "sanity", "network": name, "label": label, "cells": [p["cell"] for p in places]}
    params = {"attack": _hashed("attacks", attack.component), "thresholds": [p["thresholds"] for p in places]}
    params |= {"seed": spec.seed, "data": source, "cells": [[cell.gain, cell.offset] for cell in place["cells"]]}
    params |= {"black_box": _hashed("attacks", attack.black_box), "reference": _hashed("attacks", attack.reference)}
    needs = (network.key, *(s.key for s in stages))
    title = f"sanity of {label}, network {name}"
    return place, _stage("sanity", title, _hashed("checks", spec.sanity), params, needs)


def _explored(spec, search, name, network, source):
    """A search for blind spots of one network, by what its chain and its attacks compute."""
    place = {"kind": "explore", "network": name, "label": search.label}
    params, component = search.component.params, _hashed("exploration", search.component)
    component["transforms"] = [_member("transforms", step["name"]) for step in params["chain"]]
    component["attacks"] = [_member("attacks", params[which]["name"]) for which in ("attack", "standard")]
    title = f"{search.label}, network {name}"
    return place, _stage("explore", title, component, {"seed": spec.seed, "data": source}, (network.key,))


def _version(kind, name):
    return catalog.fragment(kind, name)["version"]


def _hashed(kind, component: Component):
    """A component as keys and records hold it, with the version of its code."""
    name, params = component
    made = {"name": name, "version": _version(kind, name), "params": params}
    if "attacks" in params:  # an ensemble: what its members compute is part of what it computes
        made["members"] = [_member(kind, member["name"]) for member in params["attacks"]]
    if "transform" in params:  # likewise a training over transformations
        made["transforms"] = [_member("transforms", step["name"]) for step in params["transform"]["chain"]]
    return made | catalog.identity(kind, name)


def _member(kind, name):
    """A part of a component, such as a member of an ensemble: its version, and the origin of one from elsewhere."""
    identity = catalog.identity(kind, name)
    return {"version": _version(kind, name)} | identity if identity else _version(kind, name)


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
    model, train = _hashed("models", network.model), _hashed("train", network.train)
    title = f"network {network.name}: {model['name']}, {train['name']} training"
    params = {"model": model, "seed": seed, "data": source}
    if before:
        params["certificate"] = _hashed("certify", network.certificate)
    return _stage("network", title, train, params, before)


def _imported(network, seed, source, before):
    """A network with foreign weights: by their content, and by what of the data shapes the network."""
    if not network.sha256:
        raise UsageError(
            f"network {network.name}: expected weights with their sha256, as `foreign.pinned(spec)` gives them"
        )
    model, weights = _hashed("models", network.model), _hashed("weights", network.weights)
    params = {"model": model, "sha256": network.sha256}
    params["data"] = {key: source[key] for key in ("input_shape", "num_classes")}
    title = f"network {network.name}: {model['name']}, {weights['name']} weights"
    return _stage("network", title, weights, params, ())._replace(origin=network.origin)


def _whole(network, seed, source, before):
    """A network of a file of its own: by the file's content, what is made of it, and what of the data must fit."""
    if not network.sha256:
        raise UsageError(f"network {network.name}: expected its sha256, as `foreign.pinned(spec)` gives it")
    model = _hashed("models", network.model)
    params = {"sha256": network.sha256, "data": {key: source[key] for key in ("input_shape", "num_classes")}}
    if layers := registered.identity():
        params["layers"] = layers
    title = f"network {network.name}: {model['name']} {Path(network.origin['file']).name}"
    return _stage("network", title, model, params, ())._replace(origin=network.origin)


def _at(place, kind, component, network, source, before=(), **more):
    """A stage at one network and one cell: a measure, a certificate or an attack."""
    cell = place["cell"]
    title = f"{place.get('label', component.name)}, network {place['network']}, cell {cell}"
    params = {"gain": cell.gain, "offset": cell.offset, "data": source, **more}
    return _stage(place["kind"], title, _hashed(kind, component), params, (network.key, *before))


def _stage(kind, title, component, params, needs):
    key = key_of({"kind": kind, "component": component, "params": keyed(params), "needs": needs})
    return Stage(kind, title, component, params, needs, key)
