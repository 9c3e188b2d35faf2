"""An invariant stage: a certificate held against an attack in one cell."""

import functools

from bsa import chunks, store
from bsa.attacks import Attacked, logits
from bsa.measures import invariant as invariants
from bsa.measures._patience import patient
from bsa.spec import canonical
from bsa.stages._loaded import CHUNK, arrays, attackers, load_network

WITNESSES = "witnesses"  # the folder in a `.part` for what violates the invariant


def compute(stage, needs, part, desk):
    """No image broken within its certified radius, in the table's attack and at half the median certified radius.

    The second time no image is given up early: the more an attack tries, the more it says of the certificate.

    Raises InvariantError, with both witnesses saved in `part`.
    """
    proven, attacked = arrays(needs[1] / "certify.npz"), arrays(needs[2] / "attack.npz")
    predict = functools.partial(logits, load_network(needs[0]))

    def held(attacked):
        return invariants.hold(invariants.compare(proven, attacked), predict, part / WITNESSES, stage.title)

    first = held(attacked)
    radius, rows = invariants.challenge(proven, attacked, stage.component["params"]["challenge"])
    found = {name: attacked[name][rows] for name in ("index", "x", "y")}
    if len(rows):
        name, params = stage.params["attack"]["name"], stage.params["attack"]["params"]
        mode = {"mode": "success"} if "mode" in params else {}
        runs = attackers(needs[0], name, canonical(patient(params) | mode), desk.devices.names)
        runs = [functools.partial(run, seed=stage.params["seed"], thresholds=[radius]) for run in runs]
        size = CHUNK * params["batch_size"]
        done = chunks.run(
            runs, Attacked, "success", **found, size=size, folder=part / store.WORK, progress=desk.progress
        )
        found |= {"adversarial": done.x, "distance": done.distance}
        held(found)
    figures = {"images": first.images, "broken": first.broken, "gap": first.gap}
    return figures | {"challenge": {"radius": radius, "images": len(rows)}}
