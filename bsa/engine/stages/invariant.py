"""An invariant stage: a certificate held against an attack in one cell."""

import functools

from bsa import catalog, files
from bsa.checks import invariant as invariants
from bsa.engine import pieces
from bsa.engine.stages.attack import settled
from bsa.engine.stages.desk import Desk, arrays
from bsa.networks import logits
from bsa.search.ledger import Attacked
from bsa.search.variants import offered

WITNESSES = "witnesses"  # the folder in a `.part` for what violates the invariant


def compute(stage, needs, part, desk):
    """No image broken within its certified radius, in the table's attack and at half the median certified radius.

    The second time no image is given up early: the more an attack tries, the more it says of the certificate.

    Nothing is done where an optional certificate was left out.

    Raises InvariantError, with both witnesses saved in `part`.
    """
    proven, attacked = arrays(needs[1] / "certify.npz"), arrays(needs[2] / "attack.npz")
    if not proven:
        return {"left_out": "the certificate was"}
    predict = functools.partial(logits, desk.network(needs[0]))

    def held(attacked):
        return invariants.hold(invariants.compare(proven, attacked), predict, part / WITNESSES, stage.title)

    first = held(attacked)
    radius, rows = invariants.challenge(proven, attacked, stage.component["params"]["challenge"])
    found = {name: attacked[name][rows] for name in ("index", "x", "y")}
    if len(rows):
        name, params = stage.params["attack"]["name"], settled(needs[2], stage.params["attack"]["params"])
        what = needs[0], name, _patient(name, params)
        runs = desk.works(Desk.attacks, *what, seed=stage.params["seed"], thresholds=[radius])
        size = desk.chunk(needs[0])
        done = pieces.run(
            runs, Attacked, "success", **found, size=size, folder=part / files.WORK, progress=desk.progress,
            pool=desk.pool,
        )  # fmt: skip
        found |= {"adversarial": done.x, "distance": done.distance}
        found |= {"moved": done.moved} if len(done.moved) else {}
        held(found)
    figures = {"images": first.images, "broken": first.broken, "gap": first.gap}
    return figures | {"challenge": {"radius": radius, "images": len(rows)}}


def _patient(name, params):
    """The parameters of an attack, in success mode, by which it gives up no image early."""
    module = catalog.find("attacks", name)
    success = offered(module, params).get("success", params)
    return offered(module, success).get("patient") or success
