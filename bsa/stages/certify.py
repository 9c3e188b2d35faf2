"""A certificate stage: one certificate for one network in one cell."""

import numpy as np

from bsa import chunks, store
from bsa.attacks import logits
from bsa.certify import Certified
from bsa.measures import invariant as invariants
from bsa.spec import canonical
from bsa.stages._loaded import cell_images, certifier, load_network

CERTIFIED_AT_ONCE = 200  # images between two saves of a certificate


def compute(stage, needs, part, desk):
    """Certify the first images of a cell, misclassified ones too: `certify.npz`, in chunks as an attack."""
    x, y = cell_images(stage, desk)
    params = dict(stage.component["params"])
    index = np.arange(min(params.pop("images"), len(x)))
    certificate = certifier(needs[0], stage.component["name"], canonical(params))
    size, folder = CERTIFIED_AT_ONCE, part / store.WORK
    x, y = x[index], y[index]
    done = chunks.run(
        lambda x, y, index: certificate(x, y), Certified, "certified", x, y, index, size, folder, desk.progress
    )
    radius = np.where(done.certified, np.maximum(done.radius, params["epsilon"]), done.radius)
    correct = logits(load_network(needs[0]), x).argmax(-1) == y
    arrays = {"index": index, "y": y, "correct": correct, "radius": radius}
    arrays |= {"bounds": done.bounds, "certified": done.certified}
    store.write(part / "certify.npz", lambda file: np.savez_compressed(file, **arrays))
    errors = {"error": 100 * float(1 - correct.mean()), "certified_error": 100 * float(1 - done.certified.mean())}
    return {
        "images": len(index),
        **errors,
        "median_radius": invariants.median_radius(arrays),
        "notes": list(done.notes),
    }
