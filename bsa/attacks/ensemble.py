"""Several attacks in order, each on the survivors; of each image the least distortion that any of them found counts.

A survivor is an image that is not within the smallest threshold yet. Random draws depend on the seed and the image's
number, and float32 sums not on who shares a batch (`search.queue`), so that a member finds here what it finds alone:
the ensemble is at least as strong as each member on every image.
"""

import functools
import operator

import numpy as np

from bsa import catalog, criteria
from bsa.networks import batch, target
from bsa.search import ball
from bsa.search import variants as variants_of
from bsa.search.ledger import Moved
from bsa.search.variants import measuring, offered
from bsa.search.work import FORWARD


def make(model, *, epsilon, attacks, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `attacks` are dicts of a name and that attack's own parameters, all of them; the other fields are shared. The
    start of an image reads "<member>/<start>", passes add up, and success is a distance within the largest threshold.
    """
    measure = pilot(model, epsilon=epsilon, attacks=attacks, execution=execution)
    if measure:  # on all images, as each member would alone
        return measuring(measure, functools.partial(make, model, execution=execution))
    shared = {"epsilon": epsilon, "execution": execution}
    exact = target(model)
    own = _split(attacks)
    members = [(name, catalog.find("attacks", name).make(exact, **params, **shared)) for name, params in own]
    neutral = moves(attacks=attacks)

    def course(_, best, thresholds, seed):
        if neutral:
            best.moves(neutral)
        for number, (name, member) in enumerate(members):
            rows = np.flatnonzero(best.distance > thresholds[-1] + criteria.SLACK)
            if len(rows):
                later = sum(_most(*each, thresholds) for each in own[number + 1 :]) * len(rows) / 2
                journal = best.work.within(f"{number}/{name}", later)
                settings = {"thresholds": thresholds, "seed": seed, "index": best.index[rows], "journal": journal}
                _take(best, rows, member(best.original[rows], best.y[rows], **settings), name)
                if journal is not None:
                    journal.end()
        return thresholds[0]

    return ball.attack(model, exact, [], course, batch_size=batch(exact, execution))


def pilot(model, *, epsilon, attacks, execution):
    """The pilots of the members that have one, each on the same images; see `bsa.search.variants.pilot`."""
    own = [(name, params, catalog.find("attacks", name)) for name, params in _split(attacks)]
    pilots = [variants_of.pilot(module, model, {"epsilon": epsilon, **params}, execution) for _, params, module in own]
    if not any(pilots):
        return None

    def measure(x, y, **call):
        known = [each and each(x, y, **call) for each in pilots]
        parts = [
            {"name": name, **{key: (found.params if found else {}).get(key, value) for key, value in params.items()}}
            for (name, params, _), found in zip(own, known, strict=True)
        ]
        found = {f"{number}/{own[number][0]}": each for number, each in enumerate(known) if each}
        told = {name: each.told for name, each in found.items()}
        told["spent"] = sum(each.told["spent"] for each in found.values())
        passes = sum(each.passes for each in found.values())
        return variants_of.Measured({"epsilon": epsilon, "attacks": parts}, told, passes)

    return measure


def passes(*, attacks, **shared):
    """Forward-backward passes that one image can cost at most, if every member gets it."""
    return sum(catalog.find("attacks", name).passes(**own, **shared) for name, own in _split(attacks))


def moves(*, attacks, **_):
    """The parameters by which members move images, if any do, each with the value of an image that stays."""
    found = [(catalog.find("attacks", name), own) for name, own in _split(attacks)]
    return {key: v for module, own in found if hasattr(module, "moves") for key, v in module.moves(**own).items()}


def _most(name, params, thresholds):
    """What a member costs an image at most, in passes there and back."""
    module = catalog.find("attacks", name)
    price = FORWARD if offered(module, params).get("black_box") else 1
    return price * module.passes(**params, thresholds=thresholds)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`: each member that can, the others as they are."""
    members = [(name, own, offered(catalog.find("attacks", name), own)) for name, own in _split(params["attacks"])]
    each = [v for _, _, v in members]

    def changed(choose):
        """The ensemble with what `choose(variants)` gives of each member, None for as it is."""
        return params | {"attacks": [{"name": name, **(choose(v) or own)} for name, own, v in members]}

    found = {key: changed(operator.methodcaller("get", key)) for key in ("success", "longer", "patient", "plain")}
    found |= {key: found[key] if any(v.get(key) for v in each) else None for key in ("patient", "plain")}
    for key in ("starts", "follows", "opened", "early", "shares"):
        found[key] = tuple(dict.fromkeys(value for v in each for value in v.get(key, ())))
    found["from"] = lambda names: changed(lambda v: v["from"](names) if v.get("from") else None)
    found["black_box"] = any(v.get("black_box") for v in each)
    climbing = [v for v in each if not v.get("black_box")]
    found["effort"] = next((v["effort"] for v in (*climbing, *each) if v.get("effort")), None)
    judged = [v.get("saturates") for v in climbing]
    found["saturates"] = None if judged.count(None) == len(judged) else all(judged)
    return {key: value for key, value in found.items() if any(key in v for v in each)}


def _split(attacks):
    """Pairs (name, parameters)."""
    return [(member["name"], {k: v for k, v in member.items() if k != "name"}) for member in attacks]


def _take(best, rows, found, name):
    """Keep what a member found where it is closer; the member's own `Ledger` has judged it."""
    best.passes[rows] += found.passes
    best.notes = tuple(dict.fromkeys((*best.notes, *found.notes)))
    closer = found.distance < best.distance[rows]
    kept = rows[closer]
    best.x[kept], best.distance[kept] = found.x[closer], found.distance[closer]
    best.start[kept] = [f"{name}/{start}" for start in found.start[closer]]
    best.place(kept, Moved(found.moved, found.point).of(closer) if len(found.moved) else None)
