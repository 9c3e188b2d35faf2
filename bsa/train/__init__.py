"""Objectives, one module each: `make(...) -> objective(model, x, y, seed, step, part=None)`; one loop drives them.

A module may have `check(model)`, which raises ValueError for a model that the objective cannot train.
"""

import inspect

from bsa import networks
from bsa.catalog import find
from bsa.devices.strategy import ONE
from bsa.spec import canonical
from bsa.train._loop import fit

LOOP = set(inspect.signature(fit).parameters)


def run(name, model, data, *, seed, folder=None, progress=None, devices=ONE, **params):
    """Train `model` in place by the objective called `name`; fields of the loop go to it, the others to `make`."""
    component = find("train", name)
    if hasattr(component, "check"):  # here, for from within a graph an error comes with all of its calls
        networks.check(model)
        component.check(model)
    objective = component.make(**{k: v for k, v in params.items() if k not in LOOP})
    loop = {k: v for k, v in params.items() if k in LOOP}
    identity = canonical({"objective": name, "params": {k: v for k, v in params.items() if k != "steps"}})
    loop |= {"seed": seed, "folder": folder, "progress": progress, "devices": devices}
    return fit(model, data, objective, identity=identity, **loop)
