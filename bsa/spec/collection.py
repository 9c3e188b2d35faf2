"""Collections: several experiments and reports over all of them, in one spec. No TensorFlow."""

import re
from pathlib import Path

from bsa.errors import UsageError
from bsa.spec import checks, problems, schema
from bsa.spec.experiment import Collection
from bsa.spec.problems import Problem, SpecError
from bsa.spec.read import override, read
from bsa.spec.resolve import resolve as resolved
from bsa.spec.text import strip


def resolve(given, file, overrides=(), odd=()):
    """The `Collection` that a parsed one states: checked, with its resolved experiments in place of their files.

    An experiment is looked up beside `file`, then among the specs that ship with bsa. An override of a collection's
    own key is for the collection; one that begins with an experiment's name, such as mnist_figure1.seed=1, for that
    experiment; any other for every experiment. `odd` are the problems that the reader of `file` found. Raises
    SpecError with every problem at once: of an experiment's, both files are named.
    """
    keys = schema.combined()["$defs"]["collection"]["properties"]
    own = [text for text in overrides if _first(text) in keys]
    for text in own:
        override(given, text)
    given = strip(given)
    places = {p.pointer for p in odd}
    found = [*odd, *(p for p in problems.of_schema(given, "collection") if p.pointer not in places)]
    if found:
        raise SpecError(file, found)
    members, found = _members(given["experiments"], Path(file).parent)
    made, others = [], [text for text in overrides if text not in own]
    names = [experiment.get("name") for _, _, experiment, _ in members]
    taken = {*keys, *schema.combined()["$defs"]["experiment"]["properties"]}  # a name would be no address in --set
    found += [
        Problem(f"/experiments/{i}", "an experiment whose name is no key of a spec", f'"{name}"')
        for (i, *_), name in zip(members, names, strict=True)
        if isinstance(name, str) and name in taken
    ]
    for (i, member, experiment, odd), name in zip(members, names, strict=True):
        try:
            mine = _overridden(experiment, member, others, name, names)
            made.append(resolved(mine, member, odd).resolved)
        except SpecError as error:
            found += [_problem(i, f"{error.file}: {problem}") for problem in error.problems]
    whole = schema.fill(given | {"experiments": made}, {"$ref": "#/$defs/collection"})
    found = found or list(checks.of_collection(whole))
    if found:
        raise SpecError(file, sorted(found, key=lambda p: p.pointer))
    return Collection(whole)


def _members(names, folder):
    """Tuples (number, file, parsed experiment, odd) of those that can be read, and the problems of the others."""
    members, found = [], []
    for i, name in enumerate(names):
        try:
            file, experiment, odd = read(name, folder)
        except UsageError as error:
            found.append(_problem(i, f"{folder / name}: {error}"))
        except SpecError as error:
            found += [_problem(i, str(error))]
        else:
            if "experiments" in experiment:
                found.append(_problem(i, f"{file}: a collection"))
            else:
                members.append((i, file, experiment, odd))
    return members, found


def _problem(i, found):
    return Problem(f"/experiments/{i}", "a valid experiment", found)


def _overridden(experiment, file, overrides, name, names):
    """An experiment after the overrides that are for all of the `names` and those that are for its own."""
    for text in overrides:
        first = _first(text)
        if first in names and not text.startswith(f"{first}."):
            raise UsageError(f"--set {text}: expected NAME.KEY=VALUE, found the name of an experiment alone")
        if first in names and first != name:
            continue
        try:
            override(experiment, text.removeprefix(f"{name}."))
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from None
    return experiment


def _first(text):
    """The first key of an override."""
    return re.split("[.=]", text, maxsplit=1)[0]
