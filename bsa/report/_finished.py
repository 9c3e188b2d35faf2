"""A run that has been rendered: by the name of its results folder, what it was of."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bsa.errors import UsageError
from bsa.files import reason
from bsa.report._folder import RUN
from bsa.spec import Collection, Experiment, resolve


class Finished(NamedTuple):
    """What `run.json` of a results folder tells."""

    folder: Path
    spec: Experiment | Collection
    keys: frozenset[str]  # of its stages
    overrides: Sequence[str]
    command: str


def finished(name: str | Path) -> Finished | None:
    """The run whose results are in the folder `name`, or else in results/`name`; None where neither is a folder.

    Raises UsageError for a folder `name` without results, or with damaged ones, and SpecError where this version of bsa
    does not take their spec.
    """
    for folder in (Path(name), Path("results") / name):
        if _is(Path.is_file, folder / RUN) or (folder == Path(name) and _is(Path.is_dir, folder)):
            return _read(folder)
    return None


def _is(what, path):
    try:
        return what(path)
    except OSError:  # a name that is too long, a folder that may not be read
        return False


def _read(folder):
    try:
        about = json.loads((folder / RUN).read_text(encoding="utf-8"))
        keys = frozenset(stage["key"] for stage in about["stages"])
        spec, overrides, command = about["spec"], about.get("overrides", []), about.get("command", "")
        members = spec.get("experiments")
        resolved = [resolve(each, folder / RUN).resolved for each in ([spec] if members is None else members)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = f"none: {reason(error)}" if isinstance(error, OSError) else "a damaged one"
        raise UsageError(f"{folder}: expected the results of a run, with a {RUN}, found {found}") from None
    made = Experiment(resolved[0]) if members is None else Collection(spec | {"experiments": resolved})
    return Finished(folder, made, keys, overrides, command)


def names() -> list[str]:
    """The names of the runs whose results are in the folder results."""
    return sorted(file.parent.name for file in Path("results").glob(f"*/{RUN}"))
