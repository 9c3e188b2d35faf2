"""Fields of attacks by their names alone, as tests state many of them: each goes into the part that has it."""

import bsa
from bsa import catalog


def nested(name, **fields):
    """Parameters of the attack of that name: {"steps": 5} becomes {"leg": {"steps": 5}} where "leg" has steps."""
    known, made = catalog.fragment("attacks", name)["properties"], {}
    for field, value in fields.items():
        parts = [part for part, each in known.items() if field in each.get("properties", {})]
        if field in known or not parts:
            made[field] = value
        else:
            made.setdefault(parts[0], {})[field] = value
    return made


# Legs from grey by both rules, no returns, nothing measured and nothing given up: what tests add to.
PLAIN = {
    "corner_descent": {
        "steps": 20, "later_steps": None, "targets": 2, "rules": ["adam", "sign"], "rate": 0.4, "starts": ["grey"],
        "times": 0, "squares": 100, "near": None, "close": None,
    }
}  # fmt: skip


def attack(name, model, *, batch_size=None, **fields):
    """`bsa.attack` of fields by their names alone, `PLAIN` ones where they are not stated."""
    return bsa.attack(name, model, batch_size=batch_size, **nested(name, **PLAIN.get(name, {}) | fields))
