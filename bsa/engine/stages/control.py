"""A control stage: one attack on one network around the originals of a cell, in a ball that holds the cell's."""

import numpy as np

from bsa import files
from bsa.checks import control
from bsa.criteria import linf
from bsa.engine import pieces
from bsa.engine.stages.attack import settled
from bsa.engine.stages.desk import Desk, arrays, first_correct
from bsa.search.ledger import Attacked

NONE = "control: no image is classified correctly in the cell and as it is"


def compute(stage, needs, part, desk):
    """Attack the originals of the first images that were attacked in the cell, of those classified correctly as well.

    `control.npz` holds the images' numbers, how far each moved and what the attack found; the record rho, over all
    images that were attacked in the cell, and the pairs at each threshold.
    """
    attacked, thresholds = arrays(needs[1] / "attack.npz"), stage.params["thresholds"]
    x = desk.dataset(stage.params["data"], "test").x[attacked["index"]]
    moved = linf(attacked["x"], x)
    balls = control.balls(thresholds, float(moved.max()))
    radii = [ball.radius for ball in balls if ball.radius]
    rows = first_correct(desk.network(needs[0]), x, attacked["y"], stage.component["params"]["images"])
    found = {"index": attacked["index"][rows], "moved": moved[rows], "distance": np.full(len(rows), np.inf)}
    notes = () if len(rows) else (NONE,)
    if radii and len(rows):
        name, params = stage.params["attack"]["name"], settled(needs[1], stage.params["attack"]["params"])
        runs = desk.works(Desk.attacks, needs[0], name, params, seed=stage.params["seed"], thresholds=radii)
        images, size = (x[rows], attacked["y"][rows], found["index"]), desk.chunk(needs[0])
        done = pieces.run(runs, Attacked, "success", *images, size, part / files.WORK, desk.progress, desk.pool)
        found |= {"distance": done.distance, "adversarial": done.x, "passes": done.passes}
        notes = done.notes
    files.write(part / "control.npz", lambda file: np.savez_compressed(file, **found))
    pairs = [control.pairs(ball, attacked["distance"][rows], found["distance"]) for ball in balls]
    rho = {"mean": float(moved.mean()), "largest": float(moved.max())}
    return {"rho": rho, "images": len(rows), "balls": pairs, "notes": list(notes)}
