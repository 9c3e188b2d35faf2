"""The models that an attack searches by, each only where it is the network that was handed in."""

from bsa.ops.copies import carry, difference


def trusted(model, exact, copies, x):
    """`copies` of `exact`, each with the weights of `model` as they are now, and notes for a reader.

    `exact`, what `target` gave for `model`, stands for each that differs from it on the first of images x
    (n, ...) by more than rounding. ValueError where `exact` so differs from `model` itself. None stays None.
    """
    for copy in (exact, *copies):
        if copy is not None and copy is not model:
            carry(model, copy)
    where = difference(exact, model, x)
    if where:
        raise ValueError(
            f"expected a float32 copy that answers as the model does, found another answer {where}: Keras cannot copy "
            "that layer by its config; build the model in float32"
        )
    found, notes = [], []
    for copy in copies:
        where = None if copy is None else difference(copy, exact, x)
        found.append(exact if where else copy)
        if where:
            notes.append(f"a copy to search by was not used, because its answers differ {where}: searched by the model")
    return found, tuple(dict.fromkeys(notes))
