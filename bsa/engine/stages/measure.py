"""A measure stage: one measure of one network in one cell."""

import functools

import numpy as np

from bsa import catalog, files
from bsa.engine.stages.desk import cell_images, embedder, scorer, training_embedding
from bsa.measures import View


def compute(stage, needs, part, desk):
    """Measure a network in a cell: the measure's arrays as `measure.npz`, its numbers in the record."""
    names = desk.devices.names
    x, y = cell_images(stage, desk)
    training = functools.partial(
        training_embedding, needs[0], source=stage.params["data"], data_dir=desk.data_dir, names=names
    )
    view = View(
        x=x,
        y=y,
        logits=scorer(needs[0], names),
        embedding=embedder(needs[0], names),
        training=lambda layer, count=None: training(layer=layer, count=count),
        folder=part / files.WORK,
        progress=desk.progress,
    )
    found = catalog.find("measures", stage.component["name"]).measure(view, **stage.component["params"])
    arrays = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
    files.write(part / "measure.npz", lambda file: np.savez_compressed(file, **arrays))
    return {k: v for k, v in found.items() if k not in arrays}
