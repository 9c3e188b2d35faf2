"""Several attacks in order, each on the survivors; of each image the least distortion that any of them found counts.

A survivor is an image that is not within the smallest threshold yet. Random draws depend on the seed and the image's
number, and float32 sums not on who shares a batch (`search.queue`), so that a member finds here what it finds alone:
the ensemble is at least as strong as each member on every image.
"""

import numpy as np

from bsa import catalog, judge
from bsa.networks import checked, target, trusted
from bsa.search.journal import parts
from bsa.search.ledger import Ledger


def make(model, *, epsilon, thresholds, attacks, batch_size, jit_compile):
    """The attack on `model`: `attack(x, y, seed=0, index=None, thresholds=thresholds) -> Attacked`.

    `attacks` are dicts of a name and that attack's own parameters, all of them; the other fields are shared. The
    start of an image reads "<member>/<start>", passes add up, and success is a distance within the largest threshold.
    """
    shared = {"epsilon": epsilon, "thresholds": thresholds, "batch_size": batch_size, "jit_compile": jit_compile}
    exact = target(model)
    members = [(name, catalog.find("attacks", name).make(exact, **own, **shared)) for name, own in _split(attacks)]

    def attack(x, y, seed=0, index=None, thresholds=thresholds):
        x, y, index = checked(exact, x, y, index)
        trusted(model, exact, [], x)
        radii = judge.thresholds(thresholds, epsilon)
        best = Ledger(exact, x, y, batch_size=batch_size)
        for name, member in parts(members):
            rows = np.flatnonzero(best.distance > radii[-1] + judge.SLACK)
            if len(rows):
                _take(best, rows, member(x[rows], y[rows], seed, index[rows], radii), name)
        return best.result(radii[0])

    return attack


def passes(*, attacks, **shared):
    """Forward-backward passes that one image can cost at most, if every member gets it."""
    return sum(catalog.find("attacks", name).passes(**own, **shared) for name, own in _split(attacks))


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
