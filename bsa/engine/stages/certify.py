"""A certificate stage: one certificate for one network, or for the cascade that ends in it, in one cell."""

import functools

import numpy as np

from bsa import files
from bsa.certify import Certified, Decided, decide
from bsa.checks import invariant as invariants
from bsa.devices import strategy as devices
from bsa.engine import pieces
from bsa.networks import logits

CERTIFIED_AT_ONCE = 200  # images between two saves of a certificate


def compute(stage, needs, part, desk):
    """Certify the first images of a cell, misclassified ones too: `certify.npz`, in chunks as an attack."""
    x, y = desk.images(stage.params["data"], stage.params["gain"], stage.params["offset"])
    params = dict(stage.component["params"])
    index = np.arange(min(params.pop("images"), len(x)))
    images, name = (x[index], y[index], index), stage.component["name"]
    run = functools.partial(
        pieces.run, size=CERTIFIED_AT_ONCE, folder=part / files.WORK, progress=desk.progress, pool=desk.pool
    )
    arrays, notes = (alone if len(needs) == 1 else behind)(run, needs, name, params, images, desk)
    arrays = {"index": index, "y": y[index], **arrays}
    files.write(part / "certify.npz", lambda file: np.savez_compressed(file, **arrays))
    error, certified_error = (100 * float(1 - arrays[flags].mean()) for flags in ("correct", "certified"))
    figures = {"images": len(index), "error": error, "certified_error": certified_error}
    return figures | {"median_radius": invariants.median_radius(arrays), "notes": list(notes)}


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
