"""The same attack otherwise: what the checks of an evaluation ask of an attack, `variants(params)` of its module.

A dict, of which an attack gives what it can; a check whose key is missing is not made. Parameters are whole.

* `success`: parameters by which it only tells who is broken within a radius, where that is another mode.
* `effort`: what there is more of in `longer`, such as "leg.steps"; `longer`: parameters with twice as much of it.
* `patient`: parameters by which no image is given up early, None where none is anyway; `early`: the fields that decide
  it, of which null means never, and `shares`: further fields that may be raised instead.
* `starts`: the names of the starts; `from`: a function of such names, gives parameters to begin there and nowhere else.
* `follows`: the starts from which it follows gradients, none for a search that sees only logits, which is `black_box`.
* `saturates`: whether it follows the gradient of the cross-entropy alone; None where there is no choice of a loss.
* `opened`: how sharp the backward passes are that let gradients through ReLUs that are off (`rewrites.opened`);
  `plain`: parameters by which it follows the network's own gradients, None where it does anyway.
* `bisects`: whether it begins at the largest threshold and seeks the least distortion.
"""

from typing import NamedTuple

import numpy as np


def offered(attack, params: dict) -> dict:
    """The variants that an attack's module offers; none where it has no `variants`."""
    return attack.variants(params) if hasattr(attack, "variants") else {}


class Measured(NamedTuple):
    """What a pilot found."""

    params: dict  # of the attack, nothing in them left to be measured
    told: dict  # what a record says of it
    passes: np.ndarray  # (n,) int32: what it spent on each of the images that it was given


def pilot(attack, model, params: dict, execution):
    """What measures, for parameters that leave something to be measured, what it is; None where nothing is.

    `measure(x, y, *, thresholds, seed=0, index=None)` gives `Measured`.
    """
    return attack.pilot(model, **params, execution=execution) if hasattr(attack, "pilot") else None


def measuring(measure, make):
    """The attack that measures on the images of each call, then is what `make(**params)` gives for what was found.

    The last one is kept. What the pilot spent counts; `measured` of the function is what it told of the last call.
    """
    kept = [None, None]

    def run(x, y, *, thresholds, seed=0, index=None, journal=None):
        known = measure(x, y, thresholds=thresholds, seed=seed, index=index)
        if kept[0] != known.params:
            kept[:] = known.params, make(**known.params)
        run.measured = known.told
        found = kept[1](x, y, thresholds=thresholds, seed=seed, index=index, journal=journal)
        return found._replace(passes=found.passes + known.passes)

    run.measured = None

    return run


def varied(params: dict, effort: str, further: tuple = (), **more) -> dict:
    """The variants of an attack with `starts` and `restarts`, whose `effort` is one field and `further` ones.

    A field of a part is named with it, "leg.steps"; starts may stand in the part "leg". `more` replaces and adds keys.
    """
    starts = tuple(params.get("leg", params)["starts"])
    twice = {field: 2 * value for field in (effort, *further) if (value := _field(params, field))}

    def begin(names):
        given = {"starts": list(names), "restarts": 1}
        return changed(params, {f"leg.{key}": value for key, value in given.items()} if "leg" in params else given)

    found = {"success": params, "effort": effort, "longer": changed(params, twice), "patient": None}
    found |= {"early": (), "shares": (), "starts": starts, "from": begin}
    found |= {"follows": starts, "black_box": False, "saturates": None, "opened": (), "plain": None, "bisects": False}
    return found | more


def changed(params: dict, fields: dict) -> dict:
    """Parameters with other values of fields, those of a part named with it: {"leg.steps": 40}."""
    made = dict(params)
    for field, value in fields.items():
        part, _, name = field.rpartition(".")
        made |= {part: made[part] | {name: value}} if part else {name: value}
    return made


def _field(params, field):
    part, _, name = field.rpartition(".")
    return (params[part] if part else params)[name]


def without(params: dict, early: tuple) -> dict:
    """`patient` and `early` of an attack that gives images up by the fields `early` of its part "give_up".

    Nothing is given up early in mode "least_distortion".
    """
    patient = changed(params, {f"give_up.{field}": None for field in early})
    if params["mode"] == "least_distortion":
        return {"success": patient | {"mode": "success"}, "bisects": True}
    fields = tuple(f"give_up.{field}" for field in early if params["give_up"][field])
    shares = ("give_up.far",) if "give_up.glance" in fields else ()
    return {"patient": patient, "early": fields, "shares": shares} if fields else {}
