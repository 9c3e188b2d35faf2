"""The same attack otherwise: what the checks of an evaluation ask of an attack, `variants(params)` of its module.

A dict, of which an attack gives what it can; a check whose key is missing is not made. Parameters are whole.

* `success`: parameters by which it only tells who is broken within a radius, where that is another mode.
* `effort`: what there is more of in `longer`, such as "steps"; `longer`: parameters with twice as much of it.
* `patient`: parameters by which no image is given up early, None where none is anyway; `early`: the fields that decide
  it, of which null means never, and `shares`: further fields that may be raised instead.
* `starts`: the names of the starts; `from`: a function of such names, gives parameters to begin there and nowhere else.
* `follows`: the starts from which it follows gradients, none for a search that sees only logits, which is `black_box`.
* `saturates`: whether it follows the gradient of the cross-entropy alone; None where there is no choice of a loss.
* `opened`: how sharp the backward passes are that let gradients through ReLUs that are off (`rewrites.opened`);
  `plain`: parameters by which it follows the network's own gradients, None where it does anyway.
* `bisects`: whether it begins at the largest threshold and seeks the least distortion.
"""


def offered(attack, params: dict) -> dict:
    """The variants that an attack's module offers; none where it has no `variants`."""
    return attack.variants(params) if hasattr(attack, "variants") else {}


def varied(params: dict, effort: str, further: tuple = (), **more) -> dict:
    """The variants of an attack with `starts` and `restarts`, whose `effort` is one field and `further` ones.

    `more` replaces and adds keys.
    """
    starts = tuple(params["starts"])
    twice = {field: 2 * params[field] for field in (effort, *further) if params[field]}
    found = {"success": params, "effort": effort, "longer": params | twice, "patient": None, "early": (), "shares": ()}
    found |= {"starts": starts, "from": lambda names: params | {"starts": list(names), "restarts": 1}}
    found |= {"follows": starts, "black_box": False, "saturates": None, "opened": (), "plain": None, "bisects": False}
    return found | more


def without(params: dict, early: tuple, **more) -> dict:
    """`patient` and `early` of an attack that gives images up by the fields `early`, and what follows of its mode.

    Nothing is given up early in mode "least_distortion".
    """
    patient = params | dict.fromkeys(early)
    if params["mode"] == "least_distortion":
        return {"success": patient | {"mode": "success"}, "bisects": True}
    fields = tuple(field for field in early if params[field])
    return {"patient": patient, "early": fields, "shares": ("far",) if "glance" in fields else ()} if fields else {}
