"""Attacks that give up images early, where these look hopeless, and the same attacks without it."""

EARLY = ("glance", "near", "close")  # the fields that say when; None for never


def patient(params):
    """The parameters of an attack, and of an ensemble's members, changed so that it gives up no image early."""
    if "attacks" in params:
        return params | {"attacks": [patient(member) for member in params["attacks"]]}
    return params | {field: None for field in EARLY if field in params}
