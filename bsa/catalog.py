"""The components there are, by kind and name: what ships with bsa, what installed packages and folders add.

There is no list of them: a name is a module's, `bsa/<kind>/<name>.py` with a fragment `schemas/<kind>/<name>.json`.
A package offers its own by an entry point in the group `bsa.<kind>` (`boundary = "my_package.boundary"`), with the
fragment beside the module, `my_package/boundary.json`; `--plugins FOLDER` adds `FOLDER/<kind>/<name>.py` and `.json`.
Fragments are read without importing anything; nothing here imports TensorFlow.
"""

import functools
import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import itertools
import json
import sys
from pathlib import Path
from typing import NamedTuple

from bsa import backend
from bsa.errors import UsageError, suggest

KINDS = ("data", "models", "train", "weights", "attacks", "certify", "measures", "checks", "report")
OPEN = tuple(kind for kind in KINDS if kind != "checks")  # what a plug-in may add to

_folders = []  # of `add_folder`, in their order


class Entry(NamedTuple):
    """Where a component is, found without importing it."""

    kind: str
    name: str
    module: str  # what is imported for it
    fragment: Path  # the JSON Schema of its parameters
    source: Path | None = None  # the file of its code, of a component from a folder
    package: tuple | None = None  # (name, version) of the installed package that offers it

    @property
    def origin(self) -> str:
        """Who offers it, for people."""
        if self.package:
            return " ".join(self.package)
        return str(self.source) if self.source else "bsa"

    @property
    def identity(self) -> dict:
        """What of its origin belongs into the keys of what it computes; nothing for what ships with bsa."""
        if self.package:
            return {"package": list(self.package)}
        return {"sha256": _sha256(self.source)} if self.source else {}


def add_folder(folder: str | Path) -> None:
    """Offer the components in `folder`/<kind>/<name>.py, each with its fragment <name>.json beside it.

    Raises UsageError where there is no such folder, where it holds no component, and where a fragment is missing.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise UsageError(f"--plugins: expected a folder with <kind>/<name>.py, found no folder {folder}")
    files = [file for kind in OPEN for file in sorted((folder / kind).glob("[!_]*.py"))]
    if not files:
        raise UsageError(
            f"--plugins: expected {folder}/<kind>/<name>.py with a kind out of {', '.join(OPEN)}, found none"
        )
    for file in files:
        if not file.with_suffix(".json").is_file():
            raise UsageError(
                f"--plugins: expected the parameters of {file} in {file.with_suffix('.json')}, found no file"
            )
    if folder not in _folders:
        _folders.append(folder)
        entries.cache_clear()
        fragment.cache_clear()


@functools.cache
def entries(kind: str) -> dict[str, Entry]:
    """The components of a kind by name, sorted. Raises UsageError, naming both, where two have one name."""
    found = {}
    for entry in itertools.chain(_shipped(kind), _installed(kind), _in_folders(kind)):
        other = found.setdefault(entry.name, entry)
        if other != entry:
            raise UsageError(
                f'expected one {kind} component called "{entry.name}", found two, of {other.origin} and of '
                f"{entry.origin}: uninstall one of them, or rename it"
            )
    return dict(sorted(found.items()))


def _shipped(kind):
    for file in (shipped("schemas") / kind).glob("[!_]*.json"):
        yield Entry(kind, file.stem, f"bsa.{kind}.{file.stem}", file)


def _installed(kind):
    if kind not in OPEN:
        return
    for point in importlib.metadata.entry_points(group=f"bsa.{kind}"):
        package = (point.dist.name, point.dist.version)
        yield Entry(kind, point.name, point.value, _beside(point), package=package)


def _in_folders(kind):
    for folder in _folders if kind in OPEN else ():
        for file in (folder / kind).glob("[!_]*.py"):
            name = f"bsa_plugin_{_sha256(file)[:16]}_{file.stem}"
            yield Entry(kind, file.stem, name, file.with_suffix(".json"), source=file)


def _beside(point):
    """The fragment of an entry point: beside its module, which is looked up and not imported."""
    top, *rest = point.value.split(".")
    spec = importlib.machinery.PathFinder.find_spec(top) or importlib.util.find_spec(top)
    places = list(spec.submodule_search_locations or [Path(spec.origin).parent]) if spec else []
    files = [Path(place, *rest).with_suffix(".json") if rest else Path(place, f"{top}.json") for place in places]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise UsageError(
            f'{point.dist.name} {point.dist.version} offers "{point.name}" as {point.value}: expected its parameters '
            f"in {files[0] if files else 'a JSON file beside its module'}, found none; is it among the package's data?"
        )
    return found


def shipped(folder):
    """The path of a folder that ships with bsa (`schemas` or `specs`).

    In a checkout it stands beside the package, in an installed wheel inside it.
    """
    package = Path(__file__).parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def names(kind: str) -> tuple[str, ...]:
    """The names of all components of a kind, sorted."""
    return tuple(entries(kind))


@functools.cache
def fragment(kind: str, name: str) -> dict:
    """The fragment of one component as a dict, with the properties of the files it includes merged in.

    A fragment's `"include": ["_loop"]` takes over the properties of `schemas/<kind>/_loop.json`, so that a
    default shared by several components still stands in one place; its version is added to the fragment's own.
    """
    entry = entries(kind)[name]
    part, folder = _read(entry), shipped("schemas") / kind
    shared = {}
    for included in part.pop("include", []):
        common = json.loads((folder / f"{included}.json").read_text(encoding="utf-8"))
        shared |= common["properties"]
        part["version"] += common.get("version", 0)
    part["properties"] = part.get("properties", {}) | {k: v for k, v in shared.items() if k not in part["properties"]}
    return part


def _read(entry):
    """An entry's fragment; UsageError where that of a plug-in is not what one must be."""
    expected = 'a JSON object with "version", "type": "object" and "properties" with "name"'
    try:
        part = json.loads(entry.fragment.read_text(encoding="utf-8"))
        sound = isinstance(part["version"], int) and part["type"] == "object" and "name" in part["properties"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{entry.fragment}: expected {expected}, found {error!r}") from None
    if not sound:
        raise UsageError(f"{entry.fragment}: expected {expected}")
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
    entry = entries(kind)[name]
    if entry.source and entry.module not in sys.modules:
        spec = importlib.util.spec_from_file_location(entry.module, entry.source)
        sys.modules[entry.module] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return importlib.import_module(entry.module)


def identity(kind: str, name: str) -> dict:
    """What of a component's origin enters the keys of what it computes: nothing of one that ships with bsa."""
    return entries(kind)[name].identity


def _sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()
