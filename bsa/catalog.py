"""The components that exist, by kind and name: those that ship with bsa, and those of installed packages and folders.

There is no list of them: a name is a module's, `bsa/<kind>/<name>.py` with a fragment `schemas/<kind>/<name>.json`.
A package offers its own by an entry point in the group `bsa.<kind>` (`boundary = "my_package.boundary"`), with the
fragment beside the module, `my_package/boundary.json`; `--plugins FOLDER` adds `FOLDER/<kind>/<name>.py` and `.json`.
Fragments are read without importing anything; nothing here imports TensorFlow.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from bsa import backend, files, fragments
from bsa.errors import UsageError, one_line, suggest

KINDS = ("data", "models", "train", "weights", "transforms", "attacks", "certify", "measures", "checks", "exploration",
         "report")  # fmt: skip
OPEN = tuple(kind for kind in KINDS if kind not in ("checks", "exploration"))  # what a plug-in may add to
FUNCTIONS = {  # what a module of each kind must have
    "data": ("describe", "load"),
    "models": ("build",),
    "train": ("make", "passes"),
    "weights": ("load",),
    "transforms": ("make",),
    "attacks": ("make", "passes"),
    "certify": ("make",),
    "measures": ("measure",),
    "report": ("pages",),
}

_folders: list[Path] = []  # of `add_folder`, in their order
_caches: list = []


def cached(function: Callable) -> Callable:
    """`functools.cache` for what depends on the components there are: forgotten when a folder adds to them."""
    _caches.append(functools.cache(function))
    return _caches[-1]


class Entry(NamedTuple):
    """Where a component is, found without importing it."""

    kind: str
    name: str
    module: str  # what is imported for it
    fragment: Path  # the JSON Schema of its parameters
    source: Path | None = None  # the file of its code, of a component from a folder
    package: tuple[str, str] | None = None  # (name, version) of the installed package that offers it
    wrong: str = ""  # of an installed package: why it cannot be used, a sentence that names the package

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
        return {"sha256": files.sha256(self.source)} if self.source else {}


def folders() -> tuple[Path, ...]:
    """The folders of plug-ins, in the order in which they were added."""
    return tuple(_folders)


def add_folder(folder: str | Path) -> None:
    """Offer the components in `folder`/<kind>/<name>.py, each with its fragment <name>.json beside it.

    Raises UsageError, and offers nothing of the folder, where there is no such folder, where it holds no component,
    where a fragment is missing or unsound, and where a name is another component's.
    """
    folder = Path(folder).expanduser().absolute()
    if folder in _folders:
        return
    if not folder.is_dir():
        raise UsageError(f"--plugins: expected a folder with <kind>/<name>.py, found no folder {folder}")
    offered = {kind: sorted((folder / kind).glob("[!_]*.py")) for kind in OPEN}
    if not any(offered.values()) and not any((folder / "layers").glob("[!_]*.py")):
        raise UsageError(
            f"--plugins: expected {folder}/<kind>/<name>.py with a kind out of {', '.join(OPEN)}, found none"
        )
    for file in itertools.chain(*offered.values()):
        if not file.with_suffix(".json").is_file():
            raise UsageError(
                f"--plugins: expected the parameters of {file} in {file.with_suffix('.json')}, found no file"
            )
    _offer([*_folders, folder])
    try:
        for file in itertools.chain(*offered.values()):
            fragment(file.parent.name, file.stem)
    except UsageError as error:
        _offer([each for each in _folders if each != folder])
        raise UsageError(f"--plugins: {error}") from None


def forget() -> None:
    """Forget the folders of plug-ins, and look afresh for what is installed."""
    _offer([])


def _offer(folders):
    _folders[:] = folders
    for cache in _caches:
        cache.cache_clear()


@cached
def _found(kind: str) -> dict[str, Entry]:
    """All components of a kind by name, sorted, those that cannot be used among them."""
    found: dict[str, Entry] = {}
    for entry in itertools.chain(_shipped(kind), _installed(kind), _in_folders(kind)):
        other = found.setdefault(entry.name, entry)
        if other != entry:
            raise UsageError(
                f'expected one {kind} component called "{entry.name}", found two, of {other.origin} and of '
                f"{entry.origin}: uninstall one of them, or rename it"
            )
    return dict(sorted(found.items()))


def entries(kind: str) -> dict[str, Entry]:
    """The components of a kind by name, sorted. Raises UsageError, naming both, where two have one name."""
    return {name: entry for name, entry in _found(kind).items() if not entry.wrong}


def broken(kind: str) -> dict[str, str]:
    """What installed packages offer of a kind and cannot be used: for each name why, a sentence with the package."""
    return {name: entry.wrong for name, entry in _found(kind).items() if entry.wrong}


def trouble(name: str) -> str:
    """Why what installed packages offer by this name, of whatever kind, cannot be used; "" where nothing is known."""
    return next((wrong for kind in OPEN for known, wrong in broken(kind).items() if known == name), "")


def _shipped(kind) -> Iterator[Entry]:
    for file in (shipped("schemas") / kind).glob("[!_]*.json"):
        yield Entry(kind, file.stem, f"bsa.{kind}.{file.stem}", file)


def _installed(kind) -> Iterator[Entry]:
    if kind not in OPEN:
        return
    for point in importlib.metadata.entry_points(group=f"bsa.{kind}"):
        package = (str(point.dist.name), str(point.dist.version)) if point.dist else ("a package", "?")
        entry = Entry(kind, point.name, point.value, Path(), package=package)
        try:
            entry = entry._replace(fragment=fragments.beside(point.value))
            fragments.checked(entry.fragment, shipped("schemas") / kind, kind, point.name)
        except UsageError as error:
            entry = entry._replace(wrong=f'{entry.origin} offers {kind} "{point.name}", which cannot be used: {error}')
        yield entry


def _in_folders(kind) -> Iterator[Entry]:
    for folder in _folders if kind in OPEN else ():
        for file in (folder / kind).glob("[!_]*.py"):
            name = f"bsa_plugin_{files.sha256(file)[:16]}_{file.stem}"
            yield Entry(kind, file.stem, name, file.with_suffix(".json"), source=file)


def shipped(folder: str) -> Path:
    """The path of a folder that ships with bsa (`schemas` or `specs`).

    In a checkout it stands beside the package, in an installed wheel inside it.
    """
    package = Path(__file__).parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def names(kind: str) -> tuple[str, ...]:
    """The names of all components of a kind, sorted."""
    return tuple(entries(kind))


@cached
def fragment(kind: str, name: str) -> dict:
    """The fragment of one component as a dict, with the properties of the files it includes: see `bsa.fragments`."""
    entry = entries(kind)[name]
    shared = shipped("schemas") / kind
    if entry.origin == "bsa":
        return fragments.read(entry.fragment, shared)
    return fragments.checked(entry.fragment, shared, kind, name)


def check_name(kind: str, name: str) -> None:
    """Raise UsageError, with a suggestion, if there is no component of that name."""
    if name in broken(kind):
        raise UsageError(broken(kind)[name])
    if name not in names(kind):
        known = ", ".join(names(kind))
        raise UsageError(f'no {kind} component named "{name}": expected one of {known}. {suggest(name, names(kind))}')


def find(kind: str, name: str) -> ModuleType:
    """Import the module of a component: `find("attacks", "pgd")` is `bsa.attacks.pgd`.

    Raises UsageError with a suggestion for a name that does not exist, for what computes with Keras where that has
    another backend than TensorFlow, and for a plug-in's module that cannot be imported or lacks a function.
    """
    check_name(kind, name)
    if kind not in ("data", "transforms", "exploration", "report"):
        backend.check()
    entry = entries(kind)[name]
    if entry.origin == "bsa":
        return importlib.import_module(entry.module)
    try:
        module = _from_file(entry) if entry.source else importlib.import_module(entry.module)
    except (Exception, SystemExit) as error:  # whatever somebody's module raises
        found = f"{type(error).__name__}: {one_line(error)}"
        raise UsageError(f'{kind} "{name}" of {entry.origin}: expected a module to import, found {found}') from error
    lacking = [function for function in FUNCTIONS[kind] if not callable(getattr(module, function, None))]
    if lacking:
        expected = f"functions {' and '.join(FUNCTIONS[kind])}"
        found = f"no {' and no '.join(lacking)}"
        raise UsageError(f'{kind} "{name}" of {entry.origin}: expected {expected} in its module, found {found}')
    return module


def _from_file(entry):
    """The module of a component from a folder, imported once."""
    if entry.module in sys.modules:
        return sys.modules[entry.module]
    spec = importlib.util.spec_from_file_location(entry.module, entry.source)
    sys.modules[entry.module] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[entry.module]  # half a module is none
        raise
    return module


def identity(kind: str, name: str) -> dict:
    """What of a component's origin enters the keys of what it computes: nothing of one that ships with bsa."""
    return entries(kind)[name].identity
