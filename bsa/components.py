"""Find a component by its kind and name: a file in `bsa/<kind>/` with a fragment in `schemas/<kind>/`.

There is no registry: a name is a module's name. Nothing here imports TensorFlow.
"""

import difflib
import functools
import importlib
import itertools
import json
from pathlib import Path

from bsa import backend
from bsa.errors import UsageError

KINDS = ("data", "models", "train", "weights", "attacks", "certify", "measures", "report")
MANY, LONG = 300, 100  # choices and letters that are looked at for a suggestion: comparing words takes time


def shipped(folder):
    """The path of a folder that ships with bsa (`schemas` or `specs`).

    In a checkout it stands beside the package, in an installed wheel inside it.
    """
    package = Path(__file__).parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def suggest(word, choices):
    """`did you mean "..."?` for the choice nearest to `word`, or an empty string."""
    near = nearest(word, choices)
    return f'did you mean "{near}"?' if near else ""


def nearest(word, choices):
    """The choice that `word` may be meant for, or None: one that it abbreviates, such as eps, or the most similar."""
    word, choices = str(word)[:LONG], [str(c) for c in itertools.islice(choices, MANY)]
    longer = [choice for choice in choices if len(word) > 2 and choice != word and choice.startswith(word)]
    return next(iter(difflib.get_close_matches(word, longer or choices, n=1, cutoff=0 if longer else 0.5)), None)


@functools.cache
def names(kind):
    """The names of all components of a kind, sorted: the fragments in `schemas/<kind>/`."""
    return tuple(sorted(p.stem for p in (shipped("schemas") / kind).glob("[!_]*.json")))


@functools.cache
def fragment(kind, name):
    """The fragment of one component as a dict, with the properties of the files it includes merged in.

    A fragment's `"include": ["_loop"]` takes over the properties of `schemas/<kind>/_loop.json`, so that a
    default shared by several components still stands in one place; its version is added to the fragment's own.
    """
    folder = shipped("schemas") / kind
    part = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    shared = {}
    for included in part.pop("include", []):
        common = json.loads((folder / f"{included}.json").read_text(encoding="utf-8"))
        shared |= common["properties"]
        part["version"] += common.get("version", 0)
    part["properties"] = part.get("properties", {}) | {k: v for k, v in shared.items() if k not in part["properties"]}
    return part


def check_name(kind, name):
    """Raise UsageError, with a suggestion, if there is no component of that name."""
    if name not in names(kind):
        known = ", ".join(names(kind))
        raise UsageError(f'no {kind} component named "{name}": expected one of {known}. {suggest(name, names(kind))}')


def find(kind, name):
    """Import the module of a component: `find("attacks", "pgd")` is `bsa.attacks.pgd`.

    Raises UsageError with a suggestion for a name that does not exist, and, for what computes with Keras, where that
    has another backend than TensorFlow.
    """
    check_name(kind, name)
    if kind not in ("data", "report"):
        backend.check()
    return importlib.import_module(f"bsa.{kind}.{name}")
