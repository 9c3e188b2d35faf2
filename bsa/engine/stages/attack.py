"""An attack stage: one attack on one network in one cell."""

import json

import numpy as np

from bsa import files
from bsa.checks.sanity import accuracy
from bsa.engine import pieces
from bsa.engine.stages.desk import Desk, first_correct, shares
from bsa.errors import BsaError
from bsa.networks import logits, target
from bsa.search.ledger import Attacked

PILOT = "pilot.json"  # of an attack whose parameters left something to be measured: what was


def compute(stage, needs, part, desk):
    """Attack the first correctly classified images of a cell: `attack.npz`, in chunks that are saved as they go."""
    model = desk.network(needs[0])
    x, y, clipped = desk.cell(stage.params)
    params = dict(stage.component["params"])
    index = first_correct(model, x, y, params.pop("images"))
    if not len(index):
        advice = accuracy(target(model), x, y).message
        raise BsaError(f"expected correctly classified images to attack, found none in {stage.title}: {advice}")
    images, name = (x[index], y[index], index), stage.component["name"]
    call = {"seed": stage.params["seed"], "thresholds": params.pop("thresholds")}
    params, told = _measured(desk.pilot(needs[0], name, params), params, part, *images, call)
    runs = desk.works(Desk.attacks, needs[0], name, params, **call)
    size, folder = desk.chunk(needs[0]), part / files.WORK
    done = pieces.run(runs, Attacked, "success", *images, size, folder, desk.progress, desk.pool)
    arrays = dict(zip(("x", "y", "index"), images, strict=True)) | {"adversarial": done.x, "distance": done.distance}
    arrays |= {"start": done.start, "passes": done.passes}
    if len(done.moved):
        arrays |= {"moved": done.moved, "point": done.point}
    # the class that the network sees in what was found: for people, judged as the attack judges
    arrays["predicted"] = logits(target(model), done.x).argmax(-1).astype(np.int32)
    files.write(part / "attack.npz", lambda file: np.savez_compressed(file, **arrays))
    # a pilot's passes are the stage's, too
    passes = (done.passes.sum() + told.get("pilot", {}).get("spent", 0)) / len(index)
    means = {"success": float(done.success.mean()), "passes": float(passes)}
    share = shares(stage, clipped[index])
    return {"attacked": len(index), **means, **share, **told, "notes": list(done.notes)}


def _measured(measure, params, part, x, y, index, call):
    """The parameters, after the pilot where they leave something to be measured, and what the record says of it.

    They are kept in `pilot.json`, for a run that goes on and for what attacks again as this stage did.
    """
    if measure is None:
        return params, {}
    file = part / PILOT
    if not file.is_file():
        known = measure(x, y, index=index, **call)
        files.write_json(file, {"params": params | known.params, "pilot": known.told})
    kept = json.loads(file.read_text(encoding="utf-8"))
    return kept["params"], {"pilot": kept["pilot"]}


def settled(folder, params):
    """`params` of an attack as its stage in that folder had them, nothing left to be measured."""
    file = folder / PILOT
    return json.loads(file.read_text(encoding="utf-8"))["params"] if file.is_file() else params
