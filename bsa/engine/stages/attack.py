"""An attack stage: one attack on one network in one cell."""

import numpy as np

from bsa import files
from bsa.checks.sanity import accuracy
from bsa.engine import pieces
from bsa.engine.stages.desk import CHUNK, Desk, first_correct, shares
from bsa.errors import BsaError
from bsa.networks import logits, target
from bsa.search.ledger import Attacked


def compute(stage, needs, part, desk):
    """Attack the first correctly classified images of a cell: `attack.npz`, in chunks that are saved as they go."""
    model = desk.network(needs[0])
    x, y, clipped = desk.cell(stage.params)
    params = dict(stage.component["params"])
    index = first_correct(model, x, y, params.pop("images"))
    if not len(index):
        advice = accuracy(target(model), x, y).message
        raise BsaError(f"expected correctly classified images to attack, found none in {stage.title}: {advice}")
    thresholds, size = params.pop("thresholds"), CHUNK * params["batch_size"]
    what = needs[0], stage.component["name"], params
    runs = desk.works(Desk.attacks, *what, seed=stage.params["seed"], thresholds=thresholds)
    images, folder = (x[index], y[index], index), part / files.WORK
    done = pieces.run(runs, Attacked, "success", *images, size, folder, desk.progress, desk.pool)
    arrays = dict(zip(("x", "y", "index"), images, strict=True)) | {"adversarial": done.x, "distance": done.distance}
    arrays |= {"start": done.start, "passes": done.passes}
    if len(done.moved):
        arrays |= {"moved": done.moved, "point": done.point}
    # the class that the network sees in what was found: for people, judged as the attack judges
    arrays["predicted"] = logits(target(model), done.x).argmax(-1).astype(np.int32)
    files.write(part / "attack.npz", lambda file: np.savez_compressed(file, **arrays))
    means = {"success": float(done.success.mean()), "passes": float(done.passes.mean())}
    share = shares(stage, clipped[index])
    return {"attacked": len(index), **means, **share, "notes": list(done.notes)}
