"""A certificate stage: one certificate for one network, or for the cascade that ends in it, in one cell."""

import functools

import numpy as np

from bsa import catalog, files
from bsa.certify import Certified, Decided, decide
from bsa.checks import invariant as invariants
from bsa.devices import strategy as devices
from bsa.engine import pieces
from bsa.engine.stages.desk import shares
from bsa.networks import logits

MOST_UNITS = 10_000  # of a network that is certified where it is optional: bounds cost units times the layers before
CERTIFIED_AT_ONCE = 200  # images between two saves of a certificate


def compute(stage, needs, part, desk):
    """Certify the first images of a cell, misclassified ones too: `certify.npz`, in chunks as an attack.

    An optional one that does not apply has no arrays, and says why in the record's "left_out".
    """
    params, name = dict(stage.component["params"]), stage.component["name"]
    if params.pop("optional", False) and (why := _unfit(name, params, needs, desk)):
        files.write(part / "certify.npz", np.savez_compressed)
        return {"left_out": why}
    x, y, clipped = desk.cell(stage.params)
    index = np.arange(min(params.pop("images"), len(x)))
    images = (x[index], y[index], index)
    run = functools.partial(
        pieces.run, size=CERTIFIED_AT_ONCE, folder=part / files.WORK, progress=desk.progress, pool=desk.pool
    )
    arrays, notes = (alone if len(needs) == 1 else behind)(run, needs, name, params, images, desk)
    arrays = {"index": index, "y": y[index], **arrays}
    files.write(part / "certify.npz", lambda file: np.savez_compressed(file, **arrays))
    error, certified_error = (100 * float(1 - arrays[flags].mean()) for flags in ("correct", "certified"))
    figures = {"images": len(index), "error": error, "certified_error": certified_error}
    figures |= shares(stage, clipped[index])
    return figures | {"median_radius": invariants.median_radius(arrays), "notes": list(notes)}


def _unfit(name, params, needs, desk):
    """Why an optional certificate is left out, a sentence's end, or None."""
    own = {key: value for key, value in params.items() if key != "images"}
    for folder in needs:
        try:
            desk.certificates(folder, name, own)
        except ValueError as error:
            return str(error)
        module = catalog.find("certify", name)
        units = module.units(desk.network(folder)) if hasattr(module, "units") else 0
        if units > MOST_UNITS:
            expected = f"at most {MOST_UNITS:,} hidden units, beyond which it may take hours"
            return f'expected {expected}, found {units:,}: ask for it without "optional"'
    return None


def alone(run, needs, name, params, images, desk):
    """The arrays and notes of a certificate for one network."""
    x, y, _ = images
    done = run(desk.works(_proofs, needs[0], name, params), Certified, "certified", *images)
    radius = np.where(done.certified, np.maximum(done.radius, params["epsilon"]), done.radius)
    correct = logits(desk.network(needs[0]), x).argmax(-1) == y
    return {"correct": correct, "radius": radius, "bounds": done.bounds, "certified": done.certified}, done.notes


def behind(run, needs, name, params, images, desk):
    """The same for a cascade, whose last network is the first of `needs`: radii are epsilon or 0."""
    _, y, _ = images
    done = run(desk.works(deciders, [*needs[1:], needs[0]], name, params), Decided, "certified", *images)
    correct = done.answer == y
    certified = done.certified & correct
    radius = np.where(certified, params["epsilon"], 0.0)
    arrays = {"correct": correct, "radius": radius, "bounds": done.bounds, "certified": certified}
    return arrays | {"network": done.network}, done.notes


def deciders(desk, folders, name, params):
    """What decides images `(x, y, index)` by the cascade of the networks in `folders`, one for each of the devices."""
    params = params | {"tolerance": None}  # decided at epsilon: no radii are searched for
    members, names = [], desk.devices.names
    for folder in folders:
        predicts = [functools.partial(logits, model) for model in desk.replicas(folder)]
        members.append(zip(predicts, desk.certificates(folder, name, params), strict=True))
    cascades = [functools.partial(_decided, networks) for networks in zip(*members, strict=True)]
    return [devices.on(*each) for each in zip(names, cascades, strict=True)] if names else cascades


def _proofs(desk, folder, name, params):
    return [functools.partial(_certified, proof) for proof in desk.certificates(folder, name, params)]


def _certified(certificate, x, y, index, journal=None):
    return certificate(x, y)


def _decided(networks, x, y, index, journal=None):
    return decide(networks, x)
