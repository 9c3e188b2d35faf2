"""A measure stage: one measure of one network in one cell."""

import numpy as np

from bsa import catalog, files
from bsa.checks.sanity import otherwise
from bsa.engine.stages.desk import shares
from bsa.measures import View


def compute(stage, needs, part, desk):
    """Measure a network in a cell: the measure's arrays as `measure.npz`, its numbers in the record."""
    source = stage.params["data"]
    x, y, clipped = desk.cell(stage.params)
    view = View(
        x=x,
        y=y,
        logits=desk.logits(needs[0]),
        embedding=desk.embedding(needs[0]),
        training=lambda layer, count=None: desk.training_embedding(needs[0], layer, source, count),
        folder=part / files.WORK,
        progress=desk.progress,
    )
    found = catalog.find("measures", stage.component["name"]).measure(view, **stage.component["params"])
    arrays = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
    files.write(part / "measure.npz", lambda file: np.savez_compressed(file, **arrays))
    told = {k: v for k, v in found.items() if k not in arrays}
    if stage.component["name"] == "accuracy" and [stage.params.get(key) for key in ("gain", "offset")] == [1, 0]:
        # Before hours of attacks on a network that was told of other pixels; the sanity checks come after them.
        _, advice = otherwise(desk.network(needs[0]), x, y)
        told |= {"warning": advice} if advice else {}
    return told | shares(stage, clipped[: stage.component["params"].get("images")])
