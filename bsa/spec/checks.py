"""What is wrong with a spec that a schema cannot see: names that refer to nothing, numbers that do not fit together."""

import graphlib
import itertools

from bsa import catalog, errors, foreign
from bsa.spec import cell_checks, exploring
from bsa.spec.chain import chained
from bsa.spec.experiment import label, listed, networks
from bsa.spec.problems import MOST, Problem, pointer, show
from bsa.transforms import ranges_problems


def problems(spec, broken=()):
    """The problems of a parsed spec, defaults filled in, that a schema cannot see.

    `broken` names the top-level keys that failed the schema: checks that need those are left out.
    """
    checks = {
        _networks: {"networks", "model", "train", "weights", "attack", "certify", "measures", "explore"},
        _weights: {"networks", "weights"},
        _cascades: {"networks", "model", "train", "weights", "certify"},
        _reported: {"networks", "model", "reported"},
        cell_checks.problems: {"blind_spot", "transform"},
        exploring.problems: {"explore", "attack"},
        _thresholds: {"attack", "certify", "blind_spot", "transform"},
        _training: {"networks", "train"},
        _rendering: {"attack", "blind_spot", "certify", "explore", "measures", "report", "transform"},
    }
    found = (p for check, needs in checks.items() if not needs & set(broken) for p in check(spec))
    return list(itertools.islice(found, MOST + 1))


def _networks(spec):
    if "networks" not in spec and "model" not in spec:
        yield Problem("/model", 'a "model" (with "train" or "weights") or "networks"', "neither")
        return
    for key in ("model", "train", "weights"):
        if "networks" in spec and key in spec:
            expected = '"networks" alone, or "model" with "train" or "weights"'
            yield Problem(f"/{key}", expected, f'"networks" and "{key}"')
    alone = {} if "networks" in spec else {"": spec}
    for place, network in (alone | {f"/networks/{k}": n for k, n in spec.get("networks", {}).items()}).items():
        if "model" in network and foreign.complete(network["model"]):
            for key in sorted({"train", "weights", "after"} & set(network)):
                expected = f'nothing beside the model "{network["model"]["name"]}", which is trained'
                yield Problem(f"{place}/{key}", expected, f'"{key}"')
        elif "train" not in network and "weights" not in network:
            yield Problem(f"{place}/train", '"train" or "weights" beside "model"', "neither")
        elif "train" in network and "weights" in network:
            yield Problem(f"{place}/weights", 'either "train" or "weights" beside "model"', "both")
    known = networks(spec)
    users = [user for key in ("attack", "certify", "measures", "explore") for user in _entries(spec, key)]
    for place, user in users:
        if "network" not in user and len(known) > 1:
            yield Problem(f"{place}/network", f"one of the networks {_listed(known)}, or a list of them", "none")
        named = user.get("network", [])
        for name in [named] if isinstance(named, str) else named:
            if name not in known:
                near = errors.suggest(name, known)
                yield Problem(f"{place}/network", f"one of the networks {_listed(known)}", show(name), near)


def _weights(spec):
    given = {f"/networks/{k}/weights": n.get("weights") for k, n in spec.get("networks", {}).items()}
    for place, weights in (given | {"/weights": spec.get("weights")}).items():
        if weights and not {"file", "url"} & set(weights):
            yield Problem(f"{place}/file", 'a "file", or a "url" with its "sha256"', "neither")
        elif weights and "url" in weights and "sha256" not in weights:
            yield Problem(f"{place}/sha256", 'a "sha256" of what the "url" gives', "none")


def _cascades(spec):
    """What stands before what: known networks, none of them behind itself, trained for certificates."""
    made = spec.get("networks", {})
    before = {f"/networks/{name}": (name, network) for name, network in made.items()}
    behind = _circle(made)
    for place, (name, network) in before.items():
        after = network.get("after", [])
        yield from _known(f"{place}/after", after, made)
        if name in behind:
            yield Problem(f"{place}/after", "networks before this one", f'"{name}" behind itself')
        if after and network.get("train", {}).get("name") != "outer_polytope":
            found = show(network["train"]["name"]) if "train" in network else "weights"
            yield Problem(f"{place}/train", '"outer_polytope" training of a network with "after"', found)
    for place, certificate in _entries(spec, "certify"):
        after, last = certificate.get("after", []), certificate.get("network", [])
        yield from _known(f"{place}/after", after, made)
        if after and (not isinstance(last, str) or last in after):
            yield Problem(f"{place}/network", 'the one network that ends the cascade, not in "after"', show(last))


def _known(place, named, made):
    for i, name in enumerate(named):
        if name not in made:
            expected = f"one of the networks {_listed(made) or 'under /networks'}"
            yield Problem(f"{place}/{i}", expected, show(name), errors.suggest(name, made))


def _circle(made):
    """Networks that are trained behind one another in a circle: those of one circle, or none."""
    try:
        graphlib.TopologicalSorter({name: network.get("after", []) for name, network in made.items()}).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return ()


def _listed(names):
    """Names as a message has room for them."""
    names = list(names)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _entries(spec, key):
    """Pairs (pointer, component) of a key that holds one component or a list."""
    several = isinstance(spec.get(key, []), list)
    return [(f"/{key}/{i}" if several else f"/{key}", each) for i, each in enumerate(listed(spec, key))]


def _reported(spec):
    known = networks(spec)
    reported = spec.get("reported", {"network": next(iter(known))})
    name = reported.get("network", next(iter(known)) if len(known) == 1 else None)
    if name not in known:
        expected = f"the network that was reported, one of {_listed(known)}"
        yield Problem("/reported/network", expected, show(name) if name else "none")
    for i, row in enumerate(reported.get("rows", [])):
        for key in ("kl", "normalised_distance"):
            for other in sorted(set(row.get(key, {})) - set(known)):
                near = errors.suggest(other, known)
                at = pointer(["reported", "rows", i, key, other])
                yield Problem(at, f"one of {_listed(known)}", show(other), near)


def _thresholds(spec):
    """Thresholds are written with 12 decimals: one that is 0 then would be dropped in silence."""
    scale = min((cell.contraction for cell in cell_checks.sound(spec) if cell.contraction), default=1)
    for key in ("attack", "certify"):
        for place, each in _entries(spec, key):
            named = {"epsilon": each["epsilon"], "scale*epsilon": scale * each["epsilon"]}
            if any(not round(named.get(name, name), 12) for name in each.get("thresholds", ())):
                expected = f"thresholds of at least 1e-12 at the scale {scale:g}"
                yield Problem(f"{place}/epsilon", expected, show(each["epsilon"]))


def _training(spec):
    trained = {f"/networks/{k}/train": n.get("train") for k, n in spec.get("networks", {}).items()}
    trained["/train"] = spec.get("train")
    for place, train in trained.items():
        if not train:
            continue
        rate = train["learning_rate"]
        if isinstance(rate, list):
            starts = [start for start, _ in rate]
            if starts[0] != 0 or starts != sorted(set(starts)):
                yield Problem(f"{place}/learning_rate", "steps that begin at 0 and grow", show(rate))
        if train.get("epsilon_warmup", 0) > train["steps"]:
            found = f"{train['epsilon_warmup']}"
            yield Problem(f"{place}/epsilon_warmup", f"at most the {train['steps']} training steps", found)
        if "transform" in train:
            yield from _moving(f"{place}/transform", **train["transform"])


def _moving(place, chain, ranges, alone):
    """A training over transformations: what its chain is of, and ranges of what that has."""
    try:
        transform = chained(chain)
    except errors.UsageError as error:
        yield Problem(f"{place}/chain", "transformations", errors.one_line(error))
        return
    for name, expected, found in ranges_problems(transform, ranges):
        yield Problem(f"{place}/ranges{pointer([name])}", expected, found)


def _rendering(spec):
    for i, name in _again(m["name"] for m in spec["measures"]):
        yield Problem(f"/measures/{i}", "each measure once", f'"{name}" twice')
    for key, kind in (("attack", "attack"), ("certify", "certificate"), ("explore", "search")):
        entries = _entries(spec, key)
        for i, twice in _again(label(each) for _, each in entries):
            yield Problem(f"{entries[i][0]}/label", f"a label of its own for each {kind}", f'"{twice}" twice')
    yield from _repeated(spec["report"])
    for i, report in enumerate(spec["report"]):
        for lack in _lacks(spec, report["name"]):
            yield Problem(f"/report/{i}", f'{lack}, which the report "{report["name"]}" shows', "none")


def _repeated(reports):
    for i, name in _again(report["name"] for report in reports):
        yield Problem(f"/report/{i}", "each report once", f'"{name}" twice')


def _again(names):
    """Pairs (index, name) of the names that stand further in front, too."""
    seen = set()
    for i, name in enumerate(names):
        if name in seen:
            yield i, name
        seen.add(name)


def _lacks(spec, report):
    """What a report needs ("needs" in its fragment) and a spec does not have, as phrases."""
    originals = [cell.original for cell in cell_checks.sound(spec)]  # none of cells that are told as they are wrong
    original = "{}, the originals" if "transform" in spec else "[1, 0]"
    there = {
        "attack": ('an "attack"', bool(listed(spec, "attack"))),
        "explore": ('an "explore"', bool(listed(spec, "explore"))),
        "nearest": ('a measure "nearest"', "nearest" in [m["name"] for m in spec["measures"]]),
        "original": (f"the cell {original}", not originals or any(originals)),
        "blind spot": (f"a cell beside {original}", not originals or not all(originals)),
    }
    return [there[need][0] for need in catalog.fragment("report", report).get("needs", ()) if not there[need][1]]


def of_collection(spec):
    """The problems of a collection whose experiments stand in it, resolved."""
    yield from _repeated(spec["report"])
    for i, name in _again(experiment["name"] for experiment in spec["experiments"]):
        yield Problem(f"/experiments/{i}", "experiments of different names", f'"{name}" twice')
    for i, experiment in enumerate(spec["experiments"]):
        for report in spec["report"]:
            for lack in _lacks(experiment, report["name"]):
                found = f'none in "{experiment["name"]}"'
                yield Problem(f"/experiments/{i}", f'{lack}, which the report "{report["name"]}" shows', found)
